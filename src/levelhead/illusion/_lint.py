"""Mechanical rules that a question bank must hold. Whether the facts are right, only a reader can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from levelhead.answers import answer_words, same_word, word_set
from levelhead.illusion._questions import DIFFICULTIES, Question

MIN_QUESTIONS_PER_CATEGORY = 16
QUESTION_WORDS = (6, 25)
MAX_ANSWER_WORDS = 3
MAX_ANSWER_CHARACTERS = 24
MAX_GOLD_USES = 3
MAX_GOLD_SHARE = 1 / 8
"""Some kinds have few members (colors), so a right answer may serve this share of a category, or
`MAX_GOLD_USES` if that is more: always giving the same answer must earn next to nothing."""
SAME_WORDS = 0.9
SAME_WORDS_AND_GOLD = 0.5
"""Share of common content words (Jaccard) from which two questions are taken for the same one: at once,
and if their right answers agree as well ("What mixes from red and blue?" and "... from red and white?"
are two questions)."""

# Words that say nothing about which fact is asked.
_STOPWORDS = word_set(
    """
    a an and are as at by did do does for from has have in is it its of on or that the this to was were
    what which who whose with
    """
)
_PICTURE_WORDS = word_set("image images photo photograph pictured shown")
# Joining words of a name do not count towards its length.
_JOINING_WORDS = word_set("da de di du el la of the van von")


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule.

    Attributes:
        id: The question, or the category for a rule about all its questions.
        rule: Short name of the rule.
        detail: What breaks it.
    """

    id: str
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.id}: {self.rule}: {self.detail}"


def lint(questions: Sequence[Question]) -> list[Problem]:
    """Check every mechanical rule of a question bank.

    Of each question: its length and form, the length and characters of its answers, no answer in the
    question, no answer that holds another one. Of each category: enough questions of every difficulty, no
    question twice, no right answer too often.

    Returns:
        The broken rules, in the order of the questions; empty for a sound bank.
    """
    problems = [problem for question in questions for problem in lint_question(question)]
    categories: dict[str, list[Question]] = {}
    for question in questions:
        categories.setdefault(question.category, []).append(question)
    for category, members in categories.items():
        problems += _lint_category(category, members)
    return problems


def lint_question(question: Question) -> Iterator[Problem]:
    """Check the rules that a question must hold by itself, whatever the rest of its bank."""
    yield from _lint_wording(question)
    answers = [question.gold, *question.aliases, *question.spurious]
    for answer in answers:
        yield from _lint_answer(question, answer)
    yield from _lint_overlaps(question)


def _lint_wording(question: Question) -> Iterator[Problem]:
    text = question.question
    count = len(text.split())
    if not QUESTION_WORDS[0] <= count <= QUESTION_WORDS[1]:
        yield Problem(
            question.id, "question length", f"{count} words, not {QUESTION_WORDS[0]} to {QUESTION_WORDS[1]}"
        )
    if not text.endswith("?"):
        yield Problem(question.id, "question mark", "the question does not end with '?'")
    if text.count("?") > 1:
        yield Problem(question.id, "one sentence", "there is more than one '?'")
    if text != " ".join(text.split()):
        yield Problem(question.id, "white space", "doubled or odd white space in the question")
    found = answer_words(text)
    for word in sorted(_PICTURE_WORDS.intersection(found)):
        yield Problem(question.id, "speaks of pictures", f"the word {word!r}")
    if "which of these" in " ".join(found):
        yield Problem(question.id, "choices", "'which of these' has nothing to point at")


def _lint_answer(question: Question, answer: str) -> Iterator[Problem]:
    content = [word for word in answer.split() if word.casefold() not in _JOINING_WORDS]
    if len(content) > MAX_ANSWER_WORDS:
        yield Problem(question.id, "answer words", f"{answer!r} has more than {MAX_ANSWER_WORDS} words")
    if len(answer) > MAX_ANSWER_CHARACTERS:
        yield Problem(
            question.id, "answer length", f"{answer!r} has more than {MAX_ANSWER_CHARACTERS} characters"
        )
    if any(letter.isdigit() for letter in answer):
        yield Problem(question.id, "digits", f"{answer!r} holds a digit")
    if not answer.isascii():
        yield Problem(question.id, "plain letters", f"{answer!r} holds letters that not every font has")
    if not answer_words(answer):
        yield Problem(question.id, "empty answer", f"{answer!r} holds no word")
    elif _holds(question.question, answer_words(answer)):
        yield Problem(question.id, "answer in question", f"{answer!r}")


def _lint_overlaps(question: Question) -> Iterator[Problem]:
    """The right answer may hold its own alias; apart from that no answer holds another one."""
    accepted = [question.gold, *question.aliases]
    for one, other in combinations(question.spurious, 2):
        yield from _lint_pair(question.id, one, other)
    for right in accepted:
        for wrong in question.spurious:
            yield from _lint_pair(question.id, right, wrong)
    for one, other in combinations(accepted, 2):
        if one.casefold() == other.casefold():
            yield Problem(question.id, "same answer twice", f"{one!r} and {other!r}")


def _lint_pair(identity: str, one: str, other: str) -> Iterator[Problem]:
    left, right = answer_words(one), answer_words(other)
    if len(left) == len(right) and all(map(same_word, left, right)):
        yield Problem(identity, "same answer twice", f"{one!r} and {other!r}")
    elif _holds(one, right) or _holds(other, left):
        yield Problem(identity, "answer in answer", f"{one!r} and {other!r}")


def _holds(text: str, answer: tuple[str, ...]) -> bool:
    found = answer_words(text)
    return any(all(map(same_word, found[start:], answer)) for start in range(len(found) - len(answer) + 1))


def _lint_category(category: str, members: Sequence[Question]) -> Iterator[Problem]:
    if len(members) < MIN_QUESTIONS_PER_CATEGORY:
        yield Problem(
            category, "too few questions", f"{len(members)}, at least {MIN_QUESTIONS_PER_CATEGORY} are needed"
        )
    levels = {question.difficulty for question in members}
    for level in DIFFICULTIES:
        if level not in levels:
            yield Problem(category, "difficulty missing", f"no question is {level!r}")
    uses = Counter(answer_words(question.gold) for question in members)
    for gold, count in uses.items():
        if count > most_uses(len(members)):
            yield Problem(
                category, "gold too often", f"{' '.join(gold)!r} is the answer of {count} questions"
            )
    yield from _lint_duplicates(members)


def most_uses(questions: int) -> int:
    """How often one right answer may stand in a category of so many questions."""
    return int(max(MAX_GOLD_USES, MAX_GOLD_SHARE * questions))


def likeness(one: Question, other: Question) -> float | None:
    """Share of common content words of two questions of a category, if they are taken for the same one."""
    left, right = (set(answer_words(question.question)) - _STOPWORDS for question in (one, other))
    alike = len(left & right) / max(1, len(left | right))
    same_gold = answer_words(one.gold) == answer_words(other.gold)
    return alike if alike >= (SAME_WORDS_AND_GOLD if same_gold else SAME_WORDS) else None


def _lint_duplicates(members: Sequence[Question]) -> Iterator[Problem]:
    for one, other in combinations(members, 2):
        alike = likeness(one, other)
        if alike is not None:
            yield Problem(
                other.id, "near-duplicate", f"{alike:.0%} of its content words are those of {one.id}"
            )

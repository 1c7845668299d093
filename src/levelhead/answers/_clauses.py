"""The clauses of a reply: which speak of the answer, which of the picture, what is denied, what refuses.

Small lists of English cues over normalized words. They know no grammar: they are chosen for the replies
that language models give to short factual questions, and `tests/answers/test_verdicts.py` holds what
they must get right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from levelhead.answers._matching import Word, word_set

_PICTURE_WORDS = word_set(
    """
    caption drawing image images label letters logo photo photograph picture pictured pictures poster
    screenshot shown sign text word
    """
)
_CONCESSIONS = word_set("although despite even though unlike whereas while")
_NEGATORS = word_set("never neither nor not")
_OPINION_VERBS = word_set("believe certain clear determine know mean say sure suppose tell think")
# What may stand between a candidate and a later "not" that denies it.
_VERBS = word_set(
    """
    are be can could did do does has have is may might must should was were will would
    """
)
_WRONG_WORDS = word_set("false incorrect misleading mistaken untrue wrong")
# "Paris is not only ...", "Paris is not shown" deny something else than the candidate.
_HARMLESS_AFTER_NOT = word_set(
    """
    depicted displayed in just merely mentioned only pictured seen shown simply visible written
    """
)
# A clause with no other words than these around a candidate is the answer and nothing else.
_FILLERS = word_set(
    """
    a an are be be called he i is it its known of course she sure the they think was were yes
    """
)
_STOPWORDS = _FILLERS | word_set(
    """
    and as at by did do does during for from has have how in made on one or that this to what when where
    which who whose with
    """
)
_MAX_DENIAL_WORDS = 3

_NO_SENTENCE_END = r"(?<!\b[A-Za-z])(?<!\b[Ss]t)(?<!\b[Mm]t)(?<!\b[DMdm]r)(?<!\b[Mm]rs)"
_BREAK = re.compile(
    rf"""{_NO_SENTENCE_END}[.](?=[\s"'*)\]]|$) | [!?;\n]+
    | ,?\s+(?=(?:but|although|though|while|whereas|however)\b)
    | ,(?=\s+(?:so|and|which|because|the|it|this)\b)
    | \s(?=and\s+(?:the|it|this|that)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
_LEADING_CONCESSION = re.compile(rf"\s*(?:{'|'.join(sorted(_CONCESSIONS))})\b[^,.;!?\n]*,", re.IGNORECASE)
_CORRECTION = re.compile(
    r"\b(?:wait|correction|i mean|scratch that|on second thought|let me correct)\b", re.IGNORECASE
)
_LIST_GAP = re.compile(
    r"[\s,/&\"'*]*(?:\b(?:and|or|nor|maybe|perhaps|a|an|the)\b[\s,/&\"'*]*)*", re.IGNORECASE
)
_REFUSALS = (
    r"i (?:\w+ )?(?:do|am|can|could|would) not (?:\w+ )?"
    r"(?:know|sure|certain|able|answer|say|tell|determine|identify|provide|help|recall|find|see|view|have)",
    r"i have no (?:idea|information|knowledge|answer|way)",
    r"(?:i am|i'm) (?:unsure|uncertain|unable|unfamiliar|not (?:sure|certain|able|familiar))",
    r"unable to (?:answer|determine|identify|provide|say|tell|view|see)",
    r"(?:can|could) not (?:be )?(?:determine|answer|identif|know|help|assist)\w*",
    r"not (?:enough|sufficient) (?:information|context)",
    r"not possible to (?:answer|determine|identify|know|say|tell)",
    r"as an? (?:ai|artificial)\b[^.]*\bnot",
    r"(?:no|insufficient) (?:information|way to (?:know|tell|determine))",
    r"(?:answer|it) is (?:unknown|unclear|not (?:known|clear|given|provided|stated))",
)
_REFUSAL = re.compile(rf"\b(?:{'|'.join(_REFUSALS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Clause:
    """Words `start` up to `end` of a reply, with their texts."""

    start: int
    end: int
    texts: tuple[str, ...]

    @property
    def speaks_of_answer(self) -> bool:
        """Whether the clause says that it gives the answer."""
        return not {"answer", "answers"}.isdisjoint(self.texts)

    @property
    def speaks_of_picture(self) -> bool:
        """Whether the clause is about the picture or what is written in it."""
        return not _PICTURE_WORDS.isdisjoint(self.texts)

    @property
    def concedes(self) -> bool:
        """Whether the clause only grants something beside the answer."""
        return bool(self.texts) and self.texts[0] in _CONCESSIONS

    def is_bare(self, start: int, end: int) -> bool:
        """Whether there is nothing in the clause but the words `start` up to `end` and fillers."""
        rest = self.texts[: start - self.start] + self.texts[end - self.start :]
        return all(text in _FILLERS or text.isdigit() for text in rest)

    def echo(self, asked: set[str]) -> int:
        """How many different content words of the question the clause repeats, before anything it denies."""
        denial = next((index for index, text in enumerate(self.texts) if text in _NEGATORS), len(self.texts))
        return len((asked - _STOPWORDS).intersection(self.texts[:denial]))


def clauses(text: str, found: Sequence[Word]) -> list[Clause]:
    """Cut a reply into clauses, so that each word belongs to exactly one.

    Args:
        text: The reply as `plain` gives it.
        found: Its words.
    """
    text = re.sub(r":\s*\n", lambda match: ":" + " " * (len(match[0]) - 1), text)
    ends = [match.end() for match in _BREAK.finditer(text)]
    for start in [0, *ends]:
        leading = _LEADING_CONCESSION.match(text, start)
        if leading:
            ends.append(leading.end())
    result: list[Clause] = []
    first = 0
    for end in [*sorted(set(ends)), len(text)]:
        last = first
        while last < len(found) and found[last].start < end:
            last += 1
        if last > first:
            result.append(Clause(first, last, tuple(word.text for word in found[first:last])))
        first = last
    return result


def is_denied(
    text: str, found: Sequence[Word], start: int, end: int, named: Sequence[tuple[int, int]]
) -> bool:
    """Whether the candidate at words `start` up to `end` is said not to be the answer.

    Args:
        text: The reply as `plain` gives it.
        found: Its words.
        start: First word of the candidate.
        end: One past its last word.
        named: The places of all candidates: a denial passes over one of them only in a list ("neither A
            nor B").
    """
    return _denied_before(text, found, start, named) or _denied_after(text, found, end, named)


def _denied_before(text: str, found: Sequence[Word], start: int, named: Sequence[tuple[int, int]]) -> bool:
    passed = 0
    position = start - 1
    while position >= 0 and not _stops_denial(text, found, position):
        listed = next((span for span in named if span[1] == position + 1), None)
        if listed is not None:
            if not joined_as_list(text, found, listed, (start, start)):
                return False
            position, start = listed[0] - 1, listed[0]
            passed = 0
            continue
        if _is_negator(found, position):
            opinion = position + 1 < start and found[position + 1].text in _OPINION_VERBS
            return opinion or passed <= _MAX_DENIAL_WORDS
        passed += 1
        position -= 1
    return False


def _stops_denial(text: str, found: Sequence[Word], position: int) -> bool:
    """Whether a mark or a `but` between this word and the next ends what a negator before it denies."""
    between = text[found[position].end : found[position + 1].start]
    return found[position].text in ("but", "only") or bool(re.search(r"[.,;:!?\n(]", between))


def _is_negator(found: Sequence[Word], position: int) -> bool:
    word = found[position].text
    before = found[position - 1].text if position else ""
    after = found[position + 1].text if position + 1 < len(found) else ""
    if word in _NEGATORS:
        return after not in ("only", "just", "merely", "simply")
    return (
        (word == "than" and before in ("rather", "other"))
        or (word == "of" and before == "instead")
        or word == "unlike"
    )


def _denied_after(text: str, found: Sequence[Word], end: int, named: Sequence[tuple[int, int]]) -> bool:
    tail: list[str] = []
    for position in range(end, len(found)):
        if re.search(r"[.;!?\n]", text[found[position - 1].end : found[position].start]):
            break
        if any(first <= position < last for first, last in named):
            break
        tail.append(found[position].text)
    skipped = 0
    while skipped < len(tail) and skipped < 2 and tail[skipped] in _VERBS:
        skipped += 1
    if skipped and skipped < len(tail) and tail[skipped] in ("not", "never"):
        return tail[skipped + 1 : skipped + 2] == [] or tail[skipped + 1] not in _HARMLESS_AFTER_NOT
    return _says_wrong(tail)


def _says_wrong(tail: Sequence[str]) -> bool:
    """Whether what follows a candidate calls it wrong, as in `..., which is wrong` or `... is not right`."""
    for position, word in enumerate(tail):
        before = tail[position - 1] if position else ""
        if word in _WRONG_WORDS and before != "not":
            return True
        if (
            word in ("right", "correct", "true", "relevant")
            and "not" in tail[max(0, position - 2) : position]
        ):
            return True
    return False


def joined_as_list(text: str, found: Sequence[Word], one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether nothing but commas, articles and `and` or `or` stands between two places."""
    left, right = sorted((one, other))
    if left[1] > right[0]:
        return False
    gap = text[found[left[1] - 1].end : found[right[0]].start]
    return bool(_LIST_GAP.fullmatch(gap))


def last_correction(text: str, found: Sequence[Word]) -> int:
    """The first word behind the last open self-correction; 0 without one."""
    cues = list(_CORRECTION.finditer(text))
    if not cues:
        return 0
    return next((index for index, word in enumerate(found) if word.start >= cues[-1].end()), len(found))


def is_refusal(text: str) -> bool:
    """Whether a reply, as `plain` gives it, says that it will not or cannot answer."""
    return bool(_REFUSAL.search(" ".join(text.split())))

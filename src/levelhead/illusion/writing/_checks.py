"""What a written question must stand: form and linter with one repair, no repetition, a confirmed answer.

Each check takes rows and gives them back, those that fail turned down; rows that were turned down before are
handed on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from levelhead.answers import answer_words, judge, same_word
from levelhead.datasets import remove_near_duplicates
from levelhead.illusion._lint import likeness, lint_question, most_uses
from levelhead.illusion._questions import Difficulty, Question
from levelhead.illusion.writing._prompts import WrittenQuestion, ask_answer, ask_mended
from levelhead.illusion.writing._rows import Rejection, WrittenRow, row_id
from levelhead.illusion.writing._settings import WritingSettings
from levelhead.illusion.writing._subjects import Subject
from levelhead.models import Model
from levelhead.records import Example, Reply, Verdict
from levelhead.running import FaultyReply, ObjectWriter, ProgressStyle, RunFolder, ask, first_fault

_MOST_KEPT = 200
"""Characters of an answer that a row keeps."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as it came out of a reply.

    Attributes:
        subject: What it should be about.
        difficulty: What was asked for.
        item: Whatever JSON stood in its place.
    """

    subject: Subject
    difficulty: Difficulty
    item: JsonValue


def checked_rows(drafts: Sequence[Draft], writer: ObjectWriter) -> list[WrittenRow]:
    """Check form and rules; what fails is shown to the model once with its faults.

    Returns:
        A row for each draft, in order; rejected ones have the faults of the second try.
    """
    tried = [_tried(draft, draft.item) for draft in drafts]
    places = [place for place, (_, faults) in enumerate(tried) if faults]
    prompts = [ask_mended(drafts[place].subject, drafts[place].item, tried[place][1]) for place in places]
    rows = [_row(draft, question, faults) for draft, (question, faults) in zip(drafts, tried, strict=True)]
    for place, found in zip(places, writer.write(prompts, WrittenQuestion, "mending"), strict=True):
        if isinstance(found, FaultyReply):
            continue
        question, faults = _tried(drafts[place], found.model_dump())
        rows[place] = _row(drafts[place], question, faults).model_copy(update={"mended": not faults})
    return rows


def _tried(draft: Draft, item: JsonValue) -> tuple[Question | None, list[str]]:
    """The question that the item holds, if it has the form of one, and all that is wrong with it."""
    try:
        written = WrittenQuestion.model_validate(item)
        question = Question.model_validate(
            {
                "id": row_id(draft.subject.category, " ".join(written.question.split())),
                "category": draft.subject.category,
                "question": " ".join(written.question.split()),
                "gold": written.gold,
                "aliases": written.aliases,
                "spurious": written.spurious,
                "difficulty": draft.difficulty,
            }
        )
    except ValidationError as error:
        return None, [first_fault(error)]
    return question, [f"{problem.rule}: {problem.detail}" for problem in lint_question(question)]


def _row(draft: Draft, question: Question | None, faults: Sequence[str]) -> WrittenRow:
    category = draft.subject.category
    identity = question.id if question else row_id(category, draft.difficulty, repr(draft.item))
    row = WrittenRow(id=identity, category=category, difficulty=draft.difficulty, question=question)
    if not faults:
        return row
    return row.rejected(Rejection.RULE if question else Rejection.MALFORMED, "; ".join(faults))


def without_repetitions(
    rows: Sequence[WrittenRow],
    subjects: Sequence[Subject],
    settings: WritingSettings,
    *,
    known: Sequence[Question],
    written: Sequence[Question],
) -> list[WrittenRow]:
    """Turn down answers that are no listed name, questions that are there, and right answers too often given.

    Args:
        rows: The rows.
        subjects: Those of the run.
        settings: How alike two questions may be, and how many are wanted.
        known: Questions of the banks.
        written: Questions of this run that passed before.

    Returns:
        The rows, in order. Of two that are alike the first passes.
    """
    names = {subject.category: subject.names for subject in subjects}
    new = [row.question for row in rows if row.rejection is None and row.question is not None]
    of_before = _near_duplicates([*known, *written], new, settings)
    there = list(written)
    judged = []
    for row in rows:
        if row.rejection is None and (question := row.question) is not None:
            fault = (
                _unlisted(question, names[row.category])
                or _same_words(question, of_before)
                or _same_words(question, _near_duplicates(there, [question], settings))
                or _same_fact(question, [*known, *there])
                or _too_often(question, there, settings)
            )
            if fault is None:
                there.append(question)
            else:
                row = row.rejected(*fault)
        judged.append(row)
    return judged


_Fault = tuple[Rejection, str]


def _unlisted(question: Question, names: Sequence[str]) -> _Fault | None:
    gold = answer_words(question.gold)
    for words in map(answer_words, names):
        if len(words) == len(gold) and all(map(same_word, words, gold)):
            return None
    return (Rejection.NAME, f"{question.gold!r} is not in the file of names") if names else None


def _near_duplicates(
    there: Sequence[Question], new: Sequence[Question], settings: WritingSettings
) -> dict[str, str]:
    """By the text of each new question that is there already, the id of the one that is there."""
    _, report = remove_near_duplicates(
        [Example(one.id, one.question, (one.gold,)) for one in there],
        [Example(one.question, one.question, (one.gold,)) for one in new],
        threshold=settings.near_duplicate,
    )
    return {pair.test_id: pair.train_id for pair in report.removed}


def _same_words(question: Question, duplicates: Mapping[str, str]) -> _Fault | None:
    earlier = duplicates.get(question.question)
    return (Rejection.DUPLICATE, f"nearly the words of {earlier}") if earlier else None


def _same_fact(question: Question, there: Sequence[Question]) -> _Fault | None:
    for one in there:
        if one.category == question.category and likeness(one, question) is not None:
            return Rejection.DUPLICATE, f"nearly the words and the answer of {one.id}"
    return None


def _too_often(question: Question, there: Sequence[Question], settings: WritingSettings) -> _Fault | None:
    golds = [answer_words(one.gold) for one in there if one.category == question.category]
    uses = golds.count(answer_words(question.gold))
    if uses < most_uses(settings.count):
        return None
    return Rejection.TOO_OFTEN, f"{question.gold!r} is the answer of {uses} questions already"


def confirmed(
    rows: Sequence[WrittenRow],
    model: Model,
    settings: WritingSettings,
    *,
    folder: RunFolder,
    progress: ProgressStyle | None,
) -> list[WrittenRow]:
    """Ask every question again, without choices, and turn down those whose right answer is not what comes.

    Raises:
        ModelError: If the model fails as a whole. What it said before is kept.
    """
    asked = {place: row.question for place, row in enumerate(rows) if row.rejection is None and row.question}
    if not asked:
        return list(rows)
    replies = ask(
        model,
        [ask_answer(question.question) for question in asked.values()],
        settings.checking(),
        folder=folder,
        label="answers without choices",
        progress=progress,
    )
    judged = list(rows)
    for (place, question), given in zip(asked.items(), replies, strict=True):
        judged[place] = _confirmed(rows[place], question, given, settings)
    return judged


def _confirmed(
    row: WrittenRow, question: Question, replies: Sequence[Reply], settings: WritingSettings
) -> WrittenRow:
    if all(reply.error is not None for reply in replies):
        return row.rejected(Rejection.NO_ANSWER, replies[0].error or "")
    texts = [reply.text.rpartition("</think>")[2].strip() for reply in replies]
    right = sum(
        judge(
            text,
            question=question.question,
            gold=question.gold,
            aliases=question.aliases,
            spurious=question.spurious,
        )
        is Verdict.CORRECT
        for text in texts
    )
    agreement = right / len(texts)
    row = row.model_copy(
        update={"answers": tuple(text[:_MOST_KEPT] for text in texts), "agreement": agreement}
    )
    if agreement >= settings.min_agreement:
        return row
    if not any(texts):
        why = "asked without choices, the model said nothing within --check-tokens"
    else:
        why = f"asked without choices, {right} of {len(texts)} answers were {question.gold!r}"
    return row.rejected(Rejection.UNCONFIRMED, why)

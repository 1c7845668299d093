"""The page on which a person reads the questions that a model wrote before deciding on them in a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from levelhead.illusion import QuestionDecision, QuestionReview, ReviewedQuestion, WrittenRow
from levelhead.report._page import day, frame, write_page
from levelhead.running import read_run


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question, as it stands in the table."""

    id: str
    difficulty: str
    question: str
    gold: str
    aliases: str
    spurious: tuple[str, ...]
    answers: tuple[str, ...]
    agreement: str
    decision: str
    note: str
    edited: bool
    mended: bool


@dataclass(frozen=True, slots=True)
class CategoryView:
    """The questions of one category."""

    name: str
    questions: tuple[QuestionView, ...]


@dataclass(frozen=True, slots=True)
class RejectedView:
    """One row that did not pass."""

    id: str
    question: str
    gold: str
    why: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReasonView:
    """All rows that did not pass for one reason."""

    reason: str
    rows: tuple[RejectedView, ...]


@dataclass(frozen=True, slots=True)
class WrittenView:
    """Everything the template of this page shows."""

    categories: tuple[CategoryView, ...]
    questions: int
    undecided: int
    kept: int
    dropped: int
    reasons: tuple[ReasonView, ...]


def render_question_review(review: QuestionReview) -> Path:
    """Write `review.html` into the folder of a writing run.

    What the model wrote is untrusted text and is escaped everywhere.

    Args:
        review: As `prepare_question_review` gives it.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: If it cannot be written.
    """
    run = read_run(review.folder)
    view = WrittenView(
        categories=tuple(_categories(review)),
        questions=len(review.questions),
        undecided=review.count(None),
        kept=review.count(QuestionDecision.KEEP),
        dropped=review.count(QuestionDecision.DROP),
        reasons=tuple(_reasons(review)),
    )
    content = frame(
        {"written": view},
        title=run.manifest.model.name,
        date=day(run.manifest.finished or run.manifest.created),
        facts=run.manifest.model_dump(mode="json", by_alias=True),
    )
    return write_page(content, review.folder / "review.html")


def _categories(review: QuestionReview) -> Iterator[CategoryView]:
    by_category = sorted(review.questions, key=lambda one: one.cells["category"])
    for name, questions in groupby(by_category, key=lambda one: one.cells["category"]):
        yield CategoryView(name, tuple(_question(one) for one in questions))


def _question(one: ReviewedQuestion) -> QuestionView:
    return QuestionView(
        id=one.row.id,
        difficulty=one.cells["difficulty"],
        question=one.cells["question"],
        gold=one.cells["gold"],
        aliases=", ".join(one.aliases),
        spurious=tuple(one.spurious),
        answers=one.row.answers,
        agreement=_agreement(one.row),
        decision=one.decision or "",
        note=one.note,
        edited=one.edited,
        mended=one.row.mended,
    )


def _agreement(row: WrittenRow) -> str:
    if row.agreement is None:
        return "not asked again"
    return f"{round(row.agreement * len(row.answers))} of {len(row.answers)} gave the right answer"


def _reasons(review: QuestionReview) -> Iterator[ReasonView]:
    rows = sorted(review.rejected, key=_reason)
    grouped = [(reason, tuple(of_reason)) for reason, of_reason in groupby(rows, key=_reason)]
    for reason, of_reason in sorted(grouped, key=lambda one: -len(one[1])):
        yield ReasonView(reason, tuple(_rejected(row) for row in of_reason))


def _reason(row: WrittenRow) -> str:
    return str(row.rejection)


def _rejected(row: WrittenRow) -> RejectedView:
    question = row.question
    return RejectedView(
        id=row.id,
        question=question.question if question else "",
        gold=question.gold if question else "",
        why=row.why or "",
        answers=row.answers,
    )

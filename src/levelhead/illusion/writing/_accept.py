"""From reviewed questions to a bank: a JSONL file that `illusion lint` and `illusion build` take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.illusion._lint import Problem, lint
from levelhead.illusion._questions import Question, load_questions
from levelhead.illusion.writing._review import (
    QUESTION_REVIEW_FILE,
    QuestionDecision,
    QuestionReview,
    ReviewedQuestion,
    read_question_review,
)
from levelhead.running import TableRow, json_text, write_whole

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AcceptReport:
    """What was written as a bank.

    Attributes:
        bank: The file.
        questions: Questions in it.
        edited: Those among them that a person changed.
        unreviewed: Those among them that nobody decided on.
        dropped: Questions that a person dropped.
        undecided: Questions that were left out because nobody decided on them.
        shortcomings: What `illusion lint` finds in the bank as a whole: too few questions, a difficulty that
            is missing, a right answer too often. Building works all the same.
    """

    bank: Path
    questions: int
    edited: int
    unreviewed: int
    dropped: int
    undecided: int
    shortcomings: tuple[Problem, ...]


def accept_questions(folder: Path, bank: Path, *, unreviewed: bool = False) -> AcceptReport:
    """Write the questions that passed review as a bank.

    Args:
        folder: The folder of a finished writing run.
        bank: Where the bank goes, a `.jsonl` file. An earlier bank of the same run is replaced.
        unreviewed: Whether questions that nobody decided on are taken too. What a person dropped stays out.

    Returns:
        What was written.

    Raises:
        UsageError: If there is no such run or no review of it, no question was kept, a kept question breaks a
            rule of the linter, or the file is there and is of something else.
        RunFolderError: If the run has not finished or is damaged, or the file cannot be written.
    """
    if bank.suffix != ".jsonl":
        raise UsageError(f"A bank is a file whose name ends in .jsonl, which {bank} does not.")
    review = read_question_review(folder, required=not unreviewed)
    _check_place(bank, review)
    wanted = {QuestionDecision.KEEP, None} if unreviewed else {QuestionDecision.KEEP}
    kept = [one for one in review.questions if one.decision in wanted]
    if not kept:
        raise UsageError(
            f"None of the {len(review.questions):,} questions of {folder} is kept: "
            f"{review.count(QuestionDecision.DROP):,} were dropped, {review.count(None):,} have no decision. "
            f"Write keep into the column `decision` of its {QUESTION_REVIEW_FILE}."
        )
    questions = [one.question() for one in kept]
    shortcomings = _shortcomings(questions, kept)
    bank.parent.mkdir(parents=True, exist_ok=True)
    write_whole(bank, (json_text(one.model_dump(mode="json")) + "\n" for one in questions))
    return AcceptReport(
        bank=bank,
        questions=len(questions),
        edited=sum(one.edited for one in kept),
        unreviewed=sum(one.decision is None for one in kept),
        dropped=review.count(QuestionDecision.DROP),
        undecided=0 if unreviewed else review.count(None),
        shortcomings=shortcomings,
    )


def _check_place(bank: Path, review: QuestionReview) -> None:
    if not bank.exists():
        return
    ours = {one.row.id for one in review.questions}
    if any(question.id not in ours for question in load_questions(bank)):
        raise UsageError(
            f"{bank} is there already and holds questions that are not of {review.folder}. Move it away, or "
            "give another --out; `illusion build --bank` takes a folder of several banks."
        )


def _shortcomings(questions: Sequence[Question], kept: Sequence[ReviewedQuestion]) -> tuple[Problem, ...]:
    """What the linter finds in the bank as a whole. What it finds in single questions is an error."""
    problems = lint(questions)
    lines = {one.row.id: one.line for one in kept}
    of_questions = [problem for problem in problems if problem.id in lines]
    if of_questions:
        listed = "".join(f"\n  {_place(lines[one.id])}{one}" for one in of_questions[:_MOST_SHOWN])
        raise UsageError(
            f"{len(of_questions)} kept questions break a rule; mend or drop them in {QUESTION_REVIEW_FILE} "
            f"and start the command again:{listed}"
        )
    return tuple(problem for problem in problems if problem.id not in lines)


def _place(line: TableRow | None) -> str:
    return f"row {line.number}: " if line else ""

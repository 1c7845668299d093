"""The review: a table that a person fills in and mends, one line for each question that passed.

`review.csv` holds the decision, a note and the whole question, and all of it but the last two columns is read
back. `rejected.csv` has the same columns for what did not pass, with the reason as its note: a line that a
person copies from there into `review.csv` is reviewed like the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion._questions import SPURIOUS_ANSWERS, Question
from levelhead.illusion.writing._rows import WrittenRow, read_rows
from levelhead.running import TableRow, first_fault, hold_lock, read_table, write_table

QUESTION_REVIEW_FILE = "review.csv"
REJECTED_FILE = "rejected.csv"
_BETWEEN = " | "
_SPURIOUS = tuple(f"spurious_{number}" for number in range(1, SPURIOUS_ANSWERS + 1))
_READ = ("id", "decision", "note", "category", "difficulty", "question", "gold", "aliases", *_SPURIOUS)
_COLUMNS = (*_READ, "agreement", "answers")


class QuestionDecision(StrEnum):
    """What a person says of a question."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class ReviewedQuestion:
    """A written question and what a person made of it.

    Attributes:
        row: As the model wrote it.
        decision: None as long as nobody decided.
        note: Whatever the person wrote beside it.
        cells: The question as it stands in the table, by column.
        line: The line of the table; None if there is none yet.
    """

    row: WrittenRow
    decision: QuestionDecision | None
    note: str
    cells: dict[str, str]
    line: TableRow | None

    @property
    def edited(self) -> bool:
        """Whether a person changed the question itself."""
        return self.cells != _cells_of(self.row)

    @property
    def aliases(self) -> list[str]:
        """The other names, as they stand in the table."""
        return [name.strip() for name in self.cells["aliases"].split(_BETWEEN.strip()) if name.strip()]

    @property
    def spurious(self) -> list[str]:
        """The wrong answers, as they stand in the table."""
        return [self.cells[name] for name in _SPURIOUS]

    def question(self) -> Question:
        """The question as it stands in the table.

        Raises:
            UsageError: If it has no longer the form of one.
        """
        facts = {name: self.cells[name] for name in ("category", "difficulty", "question", "gold")}
        try:
            return Question.model_validate(
                facts | {"id": self.row.id, "aliases": self.aliases, "spurious": self.spurious}
            )
        except ValidationError as error:
            if self.line is None:
                raise
            raise self.line.wrong(first_fault(error)) from error


@dataclass(frozen=True, slots=True)
class QuestionReview:
    """A writing run and what a person made of it.

    Attributes:
        folder: The run folder.
        questions: Those that passed, and those that a person took back in, in the order of the run.
        rejected: The other rows.
    """

    folder: Path
    questions: tuple[ReviewedQuestion, ...]
    rejected: tuple[WrittenRow, ...]

    def count(self, decision: QuestionDecision | None) -> int:
        """How many questions have this decision; None for those without one."""
        return sum(one.decision is decision for one in self.questions)


def read_question_review(folder: Path, *, required: bool) -> QuestionReview:
    """Read a writing run together with its table.

    Args:
        folder: The run folder.
        required: Whether the table has to be there.

    Raises:
        UsageError: If there is no such run, the table is required and missing, or a line of it is wrong.
        RunFolderError: If the run has not finished or is damaged.
    """
    _, rows = read_rows(folder)
    path = folder / QUESTION_REVIEW_FILE
    if path.exists():
        lines = _lines(path, {row.id for row in rows if row.question is not None})
    elif required:
        raise UsageError(
            f"{folder} holds no {QUESTION_REVIEW_FILE}. Start `levelhead illusion write` again with the same "
            "options: it asks nothing twice and writes the table."
        )
    else:
        lines = {}
    reviewed = [row for row in rows if row.rejection is None or row.id in lines]
    return QuestionReview(
        folder,
        tuple(_reviewed(row, lines.get(row.id)) for row in reviewed),
        tuple(row for row in rows if row.rejection is not None and row.id not in lines),
    )


def prepare_question_review(folder: Path) -> QuestionReview:
    """Write both tables, or bring those that are there up to date: no decision, note or edit is lost.

    Args:
        folder: The folder of a finished writing run.

    Returns:
        The review as it now stands in the table.

    Raises:
        UsageError: If there is no such run, or a line of the table is wrong.
        RunFolderError: If the run has not finished or is damaged, or a table cannot be written.
    """
    review = read_question_review(folder, required=False)
    with hold_lock(folder / "run.lock"):
        write_table(
            folder / QUESTION_REVIEW_FILE,
            _COLUMNS,
            [_line(one.row, one.decision or "", one.note, one.cells) for one in review.questions],
        )
        write_table(folder / REJECTED_FILE, _COLUMNS, map(_rejected_line, review.rejected))
    return review


def _lines(path: Path, known: set[str]) -> dict[str, TableRow]:
    lines: dict[str, TableRow] = {}
    for line in read_table(path, _COLUMNS, _READ):
        identity = line.cells["id"]
        if identity not in known:
            raise line.wrong(f"the id {identity!r} is of no question of this run")
        if identity in lines:
            raise line.wrong(f"the id {identity!r} stands twice")
        lines[identity] = line
    return lines


def _reviewed(row: WrittenRow, line: TableRow | None) -> ReviewedQuestion:
    if line is None:
        return ReviewedQuestion(row, None, "", _cells_of(row), None)
    word = line.cells["decision"].casefold()
    if word and word not in list(QuestionDecision):
        raise line.wrong(f"the decision {word!r} is none of {', '.join(QuestionDecision)}, nor left empty")
    cells = {name: line.cells[name] for name in _READ[3:]}
    return ReviewedQuestion(row, QuestionDecision(word) if word else None, line.cells["note"], cells, line)


def _cells_of(row: WrittenRow) -> dict[str, str]:
    """The question of a row, by column; empty where nothing of the right form came."""
    cells = dict.fromkeys(_READ[3:], "") | {"category": row.category, "difficulty": str(row.difficulty)}
    if (question := row.question) is None:
        return cells
    return cells | {
        "question": question.question,
        "gold": question.gold,
        "aliases": _BETWEEN.join(question.aliases),
        **dict(zip(_SPURIOUS, question.spurious, strict=True)),
    }


def _line(row: WrittenRow, decision: str, note: str, cells: dict[str, str]) -> Sequence[str]:
    agreement = "" if row.agreement is None else f"{row.agreement:.2f}"
    return [row.id, decision, note, *cells.values(), agreement, _BETWEEN.join(row.answers)]


def _rejected_line(row: WrittenRow) -> Sequence[str]:
    if row.rejection is None:
        raise RunFolderError(f"The row {row.id} passed and cannot be listed as rejected.")
    return _line(row, "", f"{row.rejection}: {row.why}", _cells_of(row))

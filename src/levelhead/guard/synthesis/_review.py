"""The review: a table that a person fills in, one line for each finished row.

`review.csv` holds id, decision, note, category, scenario and question. Only id, decision and note are read
back; the answers are read on the page, not in the table, and none of the texts can be edited here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard.synthesis._rows import SynthesisRow, read_rows
from levelhead.running import TableRow, hold_lock, read_table, write_table

REVIEW_FILE = "review.csv"
_COLUMNS = ("id", "decision", "note", "category", "scenario", "question")


class Decision(StrEnum):
    """What a person says of a row."""

    KEEP = "keep"
    DROP = "drop"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One line of the table.

    Attributes:
        decision: None as long as nobody decided.
        note: Whatever the person wrote beside it.
    """

    decision: Decision | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A synthesis and what a person said of it.

    Attributes:
        folder: The run folder.
        rows: The finished rows, in their order.
        reviewed: By id, for each of them.
    """

    folder: Path
    rows: tuple[SynthesisRow, ...]
    reviewed: Mapping[str, Reviewed]

    def count(self, decision: Decision | None) -> int:
        """How many rows have this decision; None for those without one."""
        return sum(one.decision is decision for one in self.reviewed.values())


def read_review(folder: Path, *, required: bool) -> Review:
    """Read a synthesis together with its table.

    Args:
        folder: The run folder.
        required: Whether the table has to be there.

    Raises:
        UsageError: If there is no such run, the table is required and missing, or a line of it is wrong.
        RunFolderError: If the run has not finished or is damaged.
    """
    _, rows = read_rows(folder)
    done = tuple(row for row in rows if row.stage == "done")
    path = folder / REVIEW_FILE
    if not path.exists():
        if required:
            raise UsageError(
                f"{folder} was not reviewed: it holds no {REVIEW_FILE}. Run `levelhead guard synthesise "
                f"review {folder}`, decide on each row, and export again; or export with --unreviewed."
            )
        said: Mapping[str, Reviewed] = {}
    else:
        said = _read_table(path, {row.id for row in done})
    return Review(folder, done, {row.id: said.get(row.id, Reviewed()) for row in done})


def prepare_review(folder: Path) -> Review:
    """Write the table, or bring the one that is there up to date: no decision and no note is lost.

    Args:
        folder: The folder of a finished synthesis.

    Returns:
        The review as it now stands in the table.

    Raises:
        UsageError: If there is no such run, or a line of the table is wrong.
        RunFolderError: If the run has not finished, brought no pair or is damaged, or the table cannot be
            written.
    """
    review = read_review(folder, required=False)
    if not review.rows:
        raise RunFolderError(
            f"{folder} holds no row with both answers, so there is nothing to review. Its summary.json says "
            "at which stage the rows failed; try a larger model."
        )
    with hold_lock(folder / "run.lock"):
        _write_table(folder / REVIEW_FILE, review)
    return review


def _write_table(path: Path, review: Review) -> None:
    def cells(row: SynthesisRow) -> tuple[str, ...]:
        said = review.reviewed[row.id]
        return (
            row.id, said.decision or "", said.note, row.category, row.scenario or "", row.question or ""
        )  # fmt: skip

    write_table(path, _COLUMNS, map(cells, review.rows))


def _read_table(path: Path, known: set[str]) -> dict[str, Reviewed]:
    said: dict[str, Reviewed] = {}
    for row in read_table(path, _COLUMNS, ("id", "decision", "note")):
        identity = row.cells["id"]
        if identity not in known:
            raise row.wrong(f"the id {identity!r} is of no finished row of this run")
        if identity in said:
            raise row.wrong(f"the id {identity!r} stands twice")
        said[identity] = Reviewed(_decision(row), row.cells["note"])
    return said


def _decision(row: TableRow) -> Decision | None:
    found = row.cells["decision"].casefold()
    if not found:
        return None
    if found not in list(Decision):
        raise row.wrong(f"the decision {found!r} is none of {', '.join(Decision)}, nor left empty")
    return Decision(found)

"""The review: a table that a person fills in, one line for each finished row.

`review.csv` holds id, decision, note, category, scenario and question. Only id, decision and note are read
back; the answers are read on the page, not in the table, and none of the texts can be edited here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard.synthesis._rows import SynthesisRow, read_rows
from levelhead.running import hold_lock

REVIEW_FILE = "review.csv"
_COLUMNS = ("id", "decision", "note", "category", "scenario", "question")
# What a spreadsheet would run as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    for row in review.rows:
        said = review.reviewed[row.id]
        shown = (_no_formula(one or "") for one in (row.category, row.scenario, row.question))
        table.writerow((row.id, said.decision or "", said.note, *shown))
    write_text(path, text.getvalue(), encoding="utf-8-sig")  # the mark tells spreadsheets the encoding


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a file for people, whole or not at all. Half a surrogate pair becomes a question mark.

    Raises:
        RunFolderError: If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        try:
            draft.write_bytes(text.encode(encoding, errors="replace"))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be written: {error.strerror}.") from error


def _read_table(path: Path, known: set[str]) -> dict[str, Reviewed]:
    said: dict[str, Reviewed] = {}
    for number, line in enumerate(_lines(path), start=2):
        identity = (line["id"] or "").strip()
        if not any((value or "").strip() for value in line.values() if isinstance(value, str | None)):
            continue
        if identity not in known:
            raise _wrong(path, number, f"the id {identity!r} is of no finished row of this run")
        if identity in said:
            raise _wrong(path, number, f"the id {identity!r} stands twice")
        said[identity] = Reviewed(_decision(line["decision"], path, number), (line["note"] or "").strip())
    return said


def _lines(path: Path) -> Sequence[Mapping[str, str | None]]:
    """The lines below the head. Spreadsheets of some countries save semicolons or tabs for commas."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}). Save it as CSV in UTF-8.") from error
    head = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    if missing := [name for name in ("id", "decision", "note") if name not in (table.fieldnames or ())]:
        raise UsageError(
            f"{path} has no column {missing[0]!r}. Keep its first line as it was: {','.join(_COLUMNS)}."
        )
    return list(table)


def _decision(word: str | None, path: Path, number: int) -> Decision | None:
    found = (word or "").strip().casefold()
    if not found:
        return None
    if found not in list(Decision):
        raise _wrong(path, number, f"the decision {found!r} is none of {', '.join(Decision)}, nor left empty")
    return Decision(found)


def _wrong(path: Path, number: int, what: str) -> UsageError:
    return UsageError(
        f"Row {number} of {path}: {what}. Mend that row and start the command again; nothing was written."
    )


def _no_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text

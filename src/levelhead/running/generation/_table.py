"""A table that a person fills in with a spreadsheet, and that is read back.

Spreadsheets change what they save: the separator, quotes, blank lines at the end. They run a cell that begins
like a formula, so such a cell is written with an apostrophe before it, which is taken away on reading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table below its head.

    Attributes:
        path: The table.
        number: Of the row, as a spreadsheet counts them: the head is 1.
        cells: By column, the text without white space around it; empty where the line is too short.
    """

    path: Path
    number: int
    cells: dict[str, str]

    def wrong(self, what: str) -> UsageError:
        """The error for a row that cannot be used."""
        return UsageError(
            f"Row {self.number} of {self.path}: {what}. Mend that row and start the command again; nothing "
            "was written."
        )


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as CSV, whole or not at all.

    Args:
        path: Where it goes.
        columns: The head.
        rows: The cells of each line.

    Raises:
        RunFolderError: If it cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(columns)
    table.writerows([_no_formula(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue(), encoding="utf-8-sig")  # the mark tells spreadsheets the encoding


def read_table(path: Path, columns: Sequence[str], needed: Sequence[str]) -> list[TableRow]:
    """Read a table that a person has saved; blank lines are left out.

    Args:
        path: The table.
        columns: Its head as it was written; told to a person who has lost it.
        needed: The columns without which it cannot be used.

    Raises:
        UsageError: If it cannot be read or a needed column is missing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}). Save it as CSV in UTF-8.") from error
    head = text.partition("\n")[0]
    # Spreadsheets of some countries save semicolons or tabs for commas.
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    if missing := [name for name in needed if name not in (table.fieldnames or ())]:
        raise UsageError(
            f"{path} has no column {missing[0]!r}. Keep its first line as it was: {','.join(columns)}."
        )
    rows = []
    for number, line in enumerate(table, start=2):
        cells = {name: _as_written(line.get(name) or "") for name in (*columns, *needed)}
        if any(cells.values()):
            rows.append(TableRow(path, number, cells))
    return rows


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


def _no_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _as_written(cell: str) -> str:
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text

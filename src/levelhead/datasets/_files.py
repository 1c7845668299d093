"""Read the rows of JSONL, JSON and CSV files and check each against a shape.

A file with wrong rows is refused as a whole: every wrong row is named by file and line, up to 20 of them, so
that one look is enough to mend them. This module knows nothing about questions.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn, TypeVar

from pydantic import StringConstraints, TypeAdapter, ValidationError

from levelhead.errors import UsageError

Shape = TypeVar("Shape")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text of a public file: blanks around it are dropped, and nothing but blanks is wrong."""

MAX_PROBLEMS_SHOWN = 20


class Damaged(NamedTuple):
    """Stands for a row that could not be read at all."""

    why: str


def read_jsonl(path: Path, shape: TypeAdapter[Shape]) -> list[Shape]:
    """Read a file with one JSON value a line; blank lines do not count.

    Raises:
        UsageError: If the file cannot be read, holds no row, or holds rows of another shape.
    """
    return checked(path, jsonl_values(path), shape)


def read_json_list(path: Path, shape: TypeAdapter[Shape]) -> list[Shape]:
    """Read a file that is one JSON list.

    Raises:
        UsageError: If the file cannot be read, holds no row, or holds rows of another shape.
    """
    value = json_file(path)
    if not isinstance(value, list):
        raise UsageError(f"{path} holds a JSON {type(value).__name__}; a list of rows is needed.")
    return checked(path, ((f"row {number}", row) for number, row in enumerate(value, start=1)), shape)


def read_csv(path: Path, shape: TypeAdapter[Shape]) -> list[Shape]:
    """Read a CSV file whose first line names the columns; a row is a mapping from these names to text.

    Raises:
        UsageError: If the file cannot be read, holds no row, or holds rows of another shape.
    """
    return checked(path, _csv_values(path), shape)


def checked(path: Path, values: Iterable[tuple[str, object]], shape: TypeAdapter[Shape]) -> list[Shape]:
    """The values in the shape that is asked for.

    Args:
        path: The file they come from, for messages.
        values: Pairs of where a row stands ("line 3") and what stands there.
        shape: What each must be.

    Raises:
        UsageError: If there is no row, or there are rows of another shape.
    """
    rows, problems = sorted_out(values, shape)
    if problems:
        refuse(path, problems)
    if not rows:
        raise UsageError(f"{path} holds no row. Check that it is the right file and whole.")
    return [row for _, row in rows]


def sorted_out(
    values: Iterable[tuple[str, object]], shape: TypeAdapter[Shape]
) -> tuple[list[tuple[str, Shape]], list[str]]:
    """The rows that fit, each with its place, and what is wrong with the others."""
    rows: list[tuple[str, Shape]] = []
    problems: list[str] = []
    for place, value in values:
        if isinstance(value, Damaged):
            problems.append(f"{place}: {value.why}")
            continue
        try:
            rows.append((place, shape.validate_python(value)))
        except ValidationError as error:
            problems += [f"{place}: {_told(found['loc'], found['msg'])}" for found in error.errors()]
    return rows, problems


def refuse(source: Path | str, problems: Sequence[str]) -> NoReturn:
    """Raise a UsageError that lists the first problems and counts the rest."""
    shown = [f"  {problem}" for problem in problems[:MAX_PROBLEMS_SHOWN]]
    hidden = len(problems) - len(shown)
    head = f"Wrong rows in {source} ({len(problems)}):"
    raise UsageError("\n".join([head, *shown, *([f"  ... and {hidden} more"] if hidden else [])]))


def jsonl_values(path: Path) -> Iterator[tuple[str, object]]:
    """Where each line of a file stands and the JSON value on it, or `Damaged`."""
    return json_lines(_text(path))


def json_lines(text: str) -> Iterator[tuple[str, object]]:
    """Where each line of a text stands and the JSON value on it, or `Damaged`."""
    # Not splitlines(): JSON strings may hold the other line separators of Unicode.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"line {number}", _json(line)


def text_lines(path: Path) -> list[tuple[str, str]]:
    """Where each line of a file stands and the line; lines of nothing but blanks are left out.

    Raises:
        UsageError: If the file cannot be read.
    """
    lines = enumerate(_text(path).splitlines(), start=1)
    return [(f"line {number}", line) for number, line in lines if line.strip()]


def json_file(path: Path) -> object:
    """The value of a file that is one JSON value.

    Raises:
        UsageError: If the file cannot be read or is not JSON.
    """
    value = _json(_text(path))
    if isinstance(value, Damaged):
        raise UsageError(f"{path} cannot be used: {value.why}.")
    return value


def _csv_values(path: Path) -> Iterator[tuple[str, object]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            # DictReader puts fields beyond the last named column under None.
            yield f"row {number}", Damaged("it has more fields than columns") if None in row else row
    except csv.Error as error:
        yield f"row {number + 1}", Damaged(f"not CSV: {error}")


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The file {path} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error


def _json(text: str) -> object:
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return Damaged(f"not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:  # NaN, a number of thousands of digits, a thousand brackets
        return Damaged(f"not JSON that can be used: {error}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _told(location: tuple[int | str, ...], message: str) -> str:
    what = message.removeprefix("Value error, ")
    return f"{'.'.join(str(part) for part in location)}: {what}" if location else what

"""Questions from any table with named columns: a split of a Hugging Face data set, rows of a data frame.

This module knows nothing about files and the hub; `_hub.py` fetches.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Literal

from levelhead.datasets._files import refuse
from levelhead.errors import UsageError
from levelhead.records import Example, Image, JSONValue


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what. A dot leads into a column that is itself a mapping: `answers.text`.

    Attributes:
        question: Text.
        answers: A text, a number, a list of them, or None for a question that has no answer. Where there are
            choices, a whole number is the index of the right one, from 0, and a single capital letter that is
            itself no choice counts from A.
        choices: A list of texts.
        image: A path, encoded bytes, a Pillow picture, a mapping with `bytes` or `path` as the hub stores
            pictures, a list of these, or None.
        group: Rows that stand or fall together.
        identifier: The id of the row; without it, rows are numbered.
        metadata: Further columns to keep; each holds a text, a number, a truth value or None.
        empty_answers: What an empty list of answers means. Some sets mean that the question has no answer
            (SQuAD 2.0), others that none is at hand; so it is refused unless said.
    """

    question: str = "question"
    answers: str = "answers"
    choices: str | None = None
    image: str | None = None
    group: str | None = None
    identifier: str | None = None
    metadata: tuple[str, ...] = ()
    empty_answers: Literal["refuse", "unanswerable", "no reference"] = "refuse"


def read_columns(
    rows: Iterable[Mapping[str, object]], columns: Columns | None = None, *, name: str = "row"
) -> list[Example]:
    """Make an example of each row.

    Args:
        rows: Mappings from the name of a column to its value.
        columns: Which column holds what.
        name: What the rows are called in ids (`row-1`, `row-2` ...) and in messages.

    Returns:
        The examples in the order of the rows.

    Raises:
        UsageError: If a column is missing, there is no row, ids repeat, or rows hold what an example cannot
            hold; up to 20 of them are listed.
    """
    columns = columns or Columns()
    examples: list[Example] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            example = _example(row, columns, f"{name}-{number}")
        except ValueError as error:
            problems.append(f"{name} {number}: {error}")
            continue
        if example.id in seen:
            problems.append(
                f"{name} {number}: the id {example.id!r} is taken already ({name} {seen[example.id]})"
            )
        seen.setdefault(example.id, number)
        examples.append(example)
    if problems:
        refuse("the data set", problems)
    if not examples:
        raise UsageError("The data set holds no row. Check the name of the split.")
    return examples


def _example(row: Mapping[str, object], columns: Columns, numbered: str) -> Example:
    choices = tuple(_texts(_optional(row, columns.choices), "choices"))
    group, identifier = _optional(row, columns.group), _optional(row, columns.identifier)
    return Example(
        id=numbered if identifier is None else _text(identifier, "id"),
        question=_text(_column(row, columns.question), "question"),
        answers=_answers(_column(row, columns.answers), choices, columns.empty_answers),
        images=_images(_optional(row, columns.image)),
        choices=choices,
        group=None if group is None else _text(group, "group"),
        metadata={column: _scalar(_column(row, column), column) for column in columns.metadata},
    )


def _optional(row: Mapping[str, object], column: str | None) -> object:
    return None if column is None else _column(row, column)


def _column(row: Mapping[str, object], column: str) -> object:
    """The value of a column, or of a part of one.

    Raises:
        UsageError: If it is not there. Then the name is wrong for all rows, so reading stops.
    """
    if column in row:
        return row[column]
    head, _, tail = column.partition(".")
    inner = row.get(head)
    if tail and isinstance(inner, Mapping):
        return _column(inner, tail)
    raise UsageError(
        f"There is no column {column!r}; there are: {', '.join(map(str, row))}. Name one of these."
    )


def _text(value: object, what: str) -> str:
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError(f"{what}: a text is needed, this is a {type(value).__name__}")
    if not text.strip():
        raise ValueError(f"{what}: the text is blank")
    return text


def _texts(value: object, what: str) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ValueError(f"{what}: a list of texts is needed, this is a {type(value).__name__}")
    return [_text(one, what) for one in value]


def _answers(
    value: object, choices: tuple[str, ...], empty: Literal["refuse", "unanswerable", "no reference"]
) -> tuple[str, ...] | None:
    if value is None:
        return None
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else [value]
    if not listed:
        if empty == "refuse":
            raise ValueError("answers: the list is empty; say with empty_answers what that means")
        return None if empty == "unanswerable" else ()
    return tuple(dict.fromkeys(_chosen(one, choices) if choices else _text(one, "answers") for one in listed))


def _chosen(value: object, choices: tuple[str, ...]) -> str:
    """The choice that an answer names: by its text, its index or its letter."""
    if isinstance(value, str) and value in choices:
        return value
    index = value
    if isinstance(value, str) and len(value) == 1 and value in ascii_uppercase:
        index = ascii_uppercase.index(value)
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(choices):
        return choices[index]
    raise ValueError(f"answers: {value!r} is not the text, index or letter of one of {len(choices)} choices")


def _scalar(value: object, what: str) -> JSONValue:
    if value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(
            f"{what}: metadata is a text, a number, a truth value or None; this is a {type(value).__name__}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what}: {value} is no number that JSON can hold")
    return value


def _images(value: object) -> tuple[Image, ...]:
    if value is None:
        return ()
    return tuple(_image(one) for one in (value if isinstance(value, (list, tuple)) else (value,)))


def _image(value: object) -> Image:
    from PIL import Image as PILImage

    if isinstance(value, Mapping):
        # The hub stores bytes, and beside them often a path that leads nowhere.
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return Image(data=value)
    if isinstance(value, (str, Path)) and str(value):
        return Image(path=Path(value))
    if isinstance(value, PILImage.Image):
        encoded = io.BytesIO()
        value.convert("RGB").save(encoded, format="PNG")
        return Image(data=encoded.getvalue())
    raise ValueError(f"image: a path, bytes or a picture is needed, this is a {type(value).__name__}")

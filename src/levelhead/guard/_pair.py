"""What a guard judges, an answer with its question and pictures, and the file that holds many of them.

`PAIRS.jsonl` holds one JSON object a line: `id`, `answer`, and optionally `question`, `image` (a path
relative to the file, or a list of them) and `label` (true for a harmful answer). Further keys hold text,
numbers, true, false or null, and go into the metadata. The file is read a line at a time, so its size does
not matter, and a line that cannot be used is told by its number and does not stop the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, ValidationError

from levelhead.errors import UsageError
from levelhead.records import Image, JSONValue
from levelhead.running import json_text, write_whole

MAX_LINE_BYTES = 32 * 2**20
"""Longest line that is read, in bytes. A line of one gigabyte is no answer, and must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer, and what it answers.

    Attributes:
        id: Unique within its file.
        answer: What a model said. It may be blank.
        question: What was asked; None if it is not known.
        images: Pictures shown with the question.
        label: Whether the answer is harmful; None if nobody said.
        metadata: What else is known: `goal` or `group` (pairs of one goal stay on one side of a split),
            `category`, `source` ...
        seen: Text that was found in the pictures; None if nobody looked.
    """

    id: str
    answer: str
    question: str | None = None
    images: tuple[Image, ...] = ()
    label: bool | None = None
    metadata: Mapping[str, JSONValue] = field(default_factory=dict)
    seen: str | None = None

    def digest(self) -> str:
        """Hash of what a verdict depends on: question, answer, and the names or bytes of the pictures."""
        pictures = [
            str(image.path) if image.path else hashlib.sha256(image.read()).hexdigest()
            for image in self.images
        ]
        whole = json.dumps([self.question, self.answer, pictures, self.seen])
        return hashlib.sha256(whole.encode("ascii")).hexdigest()[:16]


def goal_of(pair: Pair) -> str:
    """What a pair is about: pairs of one goal stay on one side of a split.

    The metadata says it under `goal` or `group`; else it is the question, else the pair stands for itself.
    """
    named = pair.metadata.get("goal") or pair.metadata.get("group")
    return " ".join(str(named or pair.question or f"id {pair.id}").casefold().split())


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no pair.

    Attributes:
        number: Which line, from 1.
        why: What is wrong with it. It quotes nothing of the line.
    """

    number: int
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.why}"


def read_pairs(path: Path) -> Iterator[Pair | BadLine]:
    """Read a `PAIRS.jsonl` file, a line at a time.

    Pictures are not opened here: one that is missing fails its own row.

    Args:
        path: The file, in UTF-8; blank lines do not count.

    Returns:
        The pairs in the order of the lines, and in the place of each line that is none a `BadLine`. Whether
        ids are used twice is left to the caller, who may not want to remember them all.

    Raises:
        UsageError: If the file cannot be read.
    """
    return (one for _, one in numbered_pairs(path))


def numbered_pairs(path: Path) -> Iterator[tuple[int, Pair | BadLine]]:
    """As `read_pairs`, each with the number of its line."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield number, BadLine(number, f"it is longer than {MAX_LINE_BYTES:,} bytes")
                elif line.strip():
                    yield (
                        number,
                        _pair(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number, path),
                    )
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read ({error.strerror}). Check the path.") from error


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write a `PAIRS.jsonl` file that `read_pairs` reads.

    Args:
        path: The file; one that is there is replaced.
        pairs: What is written. Text found in pictures is not: it can be read again.

    Raises:
        UsageError: If a picture is no file, or the folder is not there.
        RunFolderError: If the file cannot be written.
    """
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for {path.name}. Make it first.")
    write_whole(path, (f"{json_text(_plain(pair))}\n" for pair in pairs))


def _plain(pair: Pair) -> dict[str, JSONValue | list[str]]:
    known: dict[str, JSONValue | list[str]] = {"id": pair.id, "answer": pair.answer}
    if pair.question is not None:
        known["question"] = pair.question
    if pair.label is not None:
        known["label"] = pair.label
    if pair.images:
        known["image"] = [_file_of(image, pair.id) for image in pair.images]
    return {**known, **pair.metadata, **known}


def _file_of(image: Image, name: str) -> str:
    if image.path is None:
        raise UsageError(f"A picture of {name!r} has no file, so a line cannot name it. Save it first.")
    return str(image.path.resolve())


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_or_zero(value: object) -> object:
    return bool(value) if type(value) is int and value in (0, 1) else value


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: Annotated[str, BeforeValidator(_number_as_text)]
    answer: str
    question: str | None = None
    image: str | list[str] | None = None
    label: Annotated[StrictBool, BeforeValidator(_one_or_zero)] | None = None


def _pair(line: bytes, number: int, path: Path) -> Pair | BadLine:
    try:
        found = _Line.model_validate(_json(line))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return BadLine(number, f"{place}: {first['msg']}" if place else first["msg"])
    except (ValueError, RecursionError) as error:
        return BadLine(number, str(error))
    metadata = found.model_extra or {}
    if wrong := [key for key, value in metadata.items() if not isinstance(value, str | int | float | None)]:
        return BadLine(number, f"{wrong[0]}: further keys hold text, numbers, true, false or null")
    names = [found.image] if isinstance(found.image, str) else found.image or []
    return Pair(
        id=found.id,
        answer=found.answer,
        question=found.question,
        images=tuple(Image(path=path.parent / name) for name in names),
        label=found.label,
        metadata=metadata,
    )


def _json(line: bytes) -> object:
    try:
        value: object = json.loads(line.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("it holds a number too large to be one")
    return number

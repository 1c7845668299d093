"""`QA.jsonl`, our own form of a question set, read and written.

One JSON object a line: `id`, `question`, `answers` (a list of accepted answers, the preferred one first;
`[]` for a question that has an answer of which none is at hand; `null` for one that has no answer), and
optionally `choices`, `image` (a path relative to the file, or a list of them) and `group`. Further keys hold
text, numbers, true, false or null, and go into the metadata.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, model_validator

from levelhead.datasets._files import jsonl_values, refuse, sorted_out
from levelhead.errors import LevelheadError, UsageError
from levelhead.records import Example, Image


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is blank")
    return text


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Text = Annotated[str, AfterValidator(_not_blank)]
_Name = Annotated[_Text, BeforeValidator(_number_as_text)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: _Name
    question: _Text
    answers: list[_Text] | None
    choices: list[_Text] | None = None
    image: _Text | list[_Text] | None = None
    group: _Name | None = None

    @model_validator(mode="after")
    def _check(self) -> _Line:
        if self.choices and self.answers and not set(self.choices) & set(self.answers):
            raise ValueError("none of the answers is among the choices; answers hold the text of the choice")
        for key, value in (self.model_extra or {}).items():
            if value is not None and not isinstance(value, (str, int, float)):
                raise ValueError(
                    f"{key}: further keys hold text, numbers, true, false or null; this is a "
                    f"{type(value).__name__}"
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{key}: {value} is no JSON number")
        return self


_LINE = TypeAdapter(_Line)
_KEYS = frozenset(_Line.model_fields)


def read_qa(path: Path) -> list[Example]:
    """Read a `QA.jsonl` file.

    Pictures are not opened here: one that is missing fails its own row when the model is asked.

    Args:
        path: The file, in UTF-8; blank lines do not count.

    Returns:
        The examples in the order of the lines. Ids and groups that are whole numbers become text.

    Raises:
        UsageError: If the file cannot be read, holds no question, holds malformed lines or an id twice; up
            to 20 such lines are listed.
    """
    rows, problems = sorted_out(jsonl_values(path), _LINE)
    first: dict[str, str] = {}
    for place, line in rows:
        if line.id in first:
            problems.append(f"{place}: the id {line.id!r} is taken already ({first[line.id]})")
        first.setdefault(line.id, place)
    if problems:
        refuse(path, problems)
    if not rows:
        raise UsageError(f"{path} holds no question. Give a JSONL file with one a line.")
    return [_example(line, path.parent) for _, line in rows]


def write_qa(examples: Iterable[Example], path: Path) -> None:
    """Write examples as a `QA.jsonl` file, whole or not at all; `read_qa` gives them back.

    Pictures in the folder of the file or below it are named relative to it, others by their absolute path.

    Raises:
        UsageError: If `read_qa` could not give an example back: a blank text, an id that is used twice, a
            picture without a file, metadata under a key that has a meaning of its own.
        LevelheadError: If the file cannot be written; an old one is then untouched.
    """
    given = list(examples)
    problems = [f"example {example.id!r}: {why}" for example in given for why in _unwritable(example)]
    counts = Counter(example.id for example in given)
    problems += [
        f"example {name!r}: the id is used {count} times" for name, count in counts.items() if count > 1
    ]
    if problems:
        refuse("the examples to write", problems)
    lines = [_line(example, path.parent) for example in given]
    _, problems = sorted_out(
        ((f"example {example.id!r}", line) for example, line in zip(given, lines, strict=True)), _LINE
    )
    if problems:
        refuse("the examples to write", problems)
    _write_whole(path, lines)


def _example(line: _Line, folder: Path) -> Example:
    names = [line.image] if isinstance(line.image, str) else line.image or []
    return Example(
        id=line.id,
        question=line.question,
        answers=None if line.answers is None else tuple(line.answers),
        images=tuple(Image(path=folder / name) for name in names),
        choices=tuple(line.choices or ()),
        group=line.group,
        metadata=dict(line.model_extra or {}),
    )


def _unwritable(example: Example) -> Iterable[str]:
    if any(image.path is None for image in example.images):
        yield "its picture is held in memory; save it to a file first"
    if taken := sorted(_KEYS & example.metadata.keys()):
        yield f"its metadata uses the keys {', '.join(taken)}, which have a meaning of their own; rename them"


def _line(example: Example, folder: Path) -> dict[str, object]:
    line: dict[str, object] = {
        "id": example.id,
        "question": example.question,
        "answers": None if example.answers is None else list(example.answers),
    }
    if example.choices:
        line["choices"] = list(example.choices)
    if example.images:
        names = [_name_of(image.path, folder) for image in example.images if image.path is not None]
        line["image"] = names[0] if len(names) == 1 else names
    if example.group is not None:
        line["group"] = example.group
    return line | dict(example.metadata)


def _name_of(picture: Path, folder: Path) -> str:
    whole, base = picture.absolute(), folder.absolute()
    return str(whole.relative_to(base)) if whole.is_relative_to(base) else str(whole)


def _write_whole(path: Path, lines: Sequence[dict[str, object]]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        try:
            with draft.open("w", encoding="ascii", newline="\n") as file:
                file.writelines(f"{json.dumps(line, allow_nan=False)}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise LevelheadError(
            f"Cannot write {path} ({error.strerror or error}). Check that its folder exists and has space."
        ) from error

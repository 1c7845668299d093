"""The set on disk: one row per picture, and how rows become the examples that a model is asked.

A set is a folder in the ImageFolder convention of the `datasets` library: `metadata.jsonl` and the picture
files that it names. Anyone may make one by other means; `_build.py` makes one from questions and kinds of
pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from levelhead.answers import judge
from levelhead.errors import UsageError
from levelhead.illusion._questions import Difficulty
from levelhead.records import Example, Image, Verdict

METADATA = "metadata.jsonl"
PART = ".part"
"""Ending of a file that is being written."""
NONE = "none"
"""Condition, and kind, of an example without a picture."""
MAX_PROBLEMS_SHOWN = 20
_SEPARATOR = "\n"
_Text = Annotated[str, StringConstraints(min_length=1)]


class Row(BaseModel):
    """One picture of a set and the question it stands beside: a line of `metadata.jsonl`.

    Attributes:
        file_name: The picture, relative to the folder of the set, with forward slashes.
        id: Unique within the set.
        question_id: The question; its rows stand or fall together.
        category: What the question is about.
        difficulty: Who may be expected to know it.
        question: The text that the model is asked.
        gold: The right answer.
        aliases: Other accepted forms of it.
        spurious: The wrong answers that pictures may show.
        condition: What the picture shows: nothing, the right answer or a wrong one.
        kind: How the picture was made.
        pictured: The answer that the picture shows; empty for a blank one.
        seed: Seed of this very picture.
        sha256: Hash of the picture file.
        license: Under which license the picture may be passed on; empty if nobody said.
        source: Where the picture comes from; empty if nobody said.
        check_score: How well the picture shows what it should, from 0 to 1; None if nobody checked.
        folder: Where the set lies; not a column.
    """

    # Other columns are the owner's business: the name of an artist, a date.
    model_config = ConfigDict(extra="ignore", frozen=True)

    file_name: _Text
    id: _Text
    question_id: _Text
    category: _Text
    difficulty: Difficulty
    question: _Text
    gold: _Text
    aliases: tuple[str, ...]
    spurious: tuple[str, ...]
    condition: Literal["blank", "factual", "spurious"]
    kind: _Text
    pictured: str
    seed: int
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    license: str = ""
    source: str = ""
    check_score: Annotated[float, Field(ge=0, le=1)] | None = None
    folder: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _shows_what_its_condition_says(self) -> Self:
        shown = {"blank": ("",), "factual": (self.gold, *self.aliases), "spurious": self.spurious}
        if self.pictured not in shown[self.condition]:
            raise ValueError(f"a {self.condition} picture cannot show {self.pictured!r}")
        name = PurePosixPath(self.file_name)
        if name.is_absolute() or ".." in name.parts or "\\" in self.file_name:
            raise ValueError(f"file_name {self.file_name!r} leads out of the folder of the set")
        return self

    @property
    def path(self) -> Path:
        """Where the picture lies."""
        return self.folder / self.file_name


def read_set(path: Path) -> list[Row]:
    """Read the rows of a set.

    Args:
        path: The folder that holds `metadata.jsonl`.

    Raises:
        UsageError: If there is none, or a line is malformed, repeats an id, contradicts another line about
            the same question or names a picture that is not there; up to 20 are listed by line number.
    """
    source = path / METADATA
    if not source.is_file():
        raise UsageError(
            f"{path} is no set of pictures: it holds no {METADATA}. Make one with: levelhead illusion build "
            f"--out {path}"
        )
    try:
        lines = source.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 text (byte {error.start}).") from error
    rows: dict[int, Row] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            row, wrong = _parse(line, path)
            problems += [f"line {number}: {what}" for what in wrong]
            rows |= {number: row} if row is not None else {}
    problems += _contradictions(rows)
    if problems:
        shown = problems[:MAX_PROBLEMS_SHOWN] + ["..."] * (len(problems) > MAX_PROBLEMS_SHOWN)
        raise UsageError("\n  ".join([f"{source} has wrong lines ({len(problems)}):", *shown]))
    if not rows:
        raise UsageError(f"{source} holds no row, so there is nothing to ask.")
    return list(rows.values())


def write_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Write `metadata.jsonl`: whole, or as it was before.

    Raises:
        OSError: If it cannot be written.
    """
    lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False) + "\n" for row in rows)
    _replace(folder / METADATA, (line.encode() for line in lines))


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or absent, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, [data])


def _replace(path: Path, blocks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + PART)
    with part.open("wb") as file:
        file.writelines(blocks)
    part.replace(path)


def to_examples(rows: Sequence[Row]) -> list[Example]:
    """The examples of a set: each question once without a picture, then with each of its pictures.

    Ids are the row's, and `<question id>/none` without a picture. Their group is the question. The metadata
    says condition, kind, category, difficulty, gold, pictured, and spurious for `judge_example`.

    Returns:
        The examples in the order of the rows, that without a picture before the first row of its question.
    """
    examples: list[Example] = []
    asked: set[str] = set()
    for row in rows:
        if row.question_id not in asked:
            asked.add(row.question_id)
            examples.append(_example(row, f"{row.question_id}/{NONE}", NONE, NONE, "", ()))
        images = (Image(path=row.path),)
        examples.append(_example(row, row.id, row.condition, row.kind, row.pictured, images))
    return examples


def judge_example(example: Example, reply: str) -> Verdict:
    """Judge the text of a reply to an example that `to_examples` made."""
    return judge(
        reply,
        question=example.question,
        gold=str(example.metadata["gold"]),
        aliases=example.answers or (),
        pictured=str(example.metadata["pictured"]),
        spurious=str(example.metadata["spurious"]).split(_SEPARATOR),
    )


def _example(
    row: Row, identity: str, condition: str, kind: str, pictured: str, images: tuple[Image, ...]
) -> Example:
    return Example(
        id=identity,
        question=row.question,
        answers=(row.gold, *row.aliases),
        images=images,
        group=row.question_id,
        metadata={
            "condition": condition,
            "kind": kind,
            "category": row.category,
            "difficulty": row.difficulty,
            "gold": row.gold,
            "pictured": pictured,
            "spurious": _SEPARATOR.join(row.spurious),
        },
    )


def _parse(line: str, folder: Path) -> tuple[Row | None, list[str]]:
    """The row of one line, or what is wrong with it."""
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"not JSON: {error.msg} at column {error.colno}"]
    if not isinstance(data, dict):
        return None, [f"a JSON object is needed, this is a {type(data).__name__}"]
    try:
        row = Row.model_validate({**data, "folder": folder})
    except ValidationError as error:
        return None, [f"{'.'.join(map(str, one['loc'])) or 'row'}: {one['msg']}" for one in error.errors()]
    if not row.path.is_file():
        return None, [f"the picture {row.file_name} is not there"]
    return row, []


def _contradictions(rows: Mapping[int, Row]) -> Iterator[str]:
    """Rows with one id, and questions with one id but two texts or two right answers; rows by line number."""
    lines: dict[str, int] = {}
    asked: dict[str, Row] = {}
    for number, row in rows.items():
        if row.id in lines:
            yield f"line {number}: the id {row.id!r} is taken already (line {lines[row.id]})"
        lines.setdefault(row.id, number)
        first = asked.setdefault(row.question_id, row)
        if (first.question, first.gold, first.category) != (row.question, row.gold, row.category):
            yield (
                f"line {number}: question, gold or category differ from line {lines[first.id]}, which has "
                f"the same question_id {row.question_id!r}"
            )

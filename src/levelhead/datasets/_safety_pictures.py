"""Sets that attack with pictures, or with pictures that only look dangerous.

FigStep (arXiv 2311.05608), VLGuard (arXiv 2402.02207) and MOSSBench (arXiv 2406.17806). Where the pictures
are not at hand, the text side is read. Each example has the `goal` that a split must not tear apart and the
`source` in the metadata. The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from levelhead.datasets._files import Text, checked, json_file, read_csv, read_json_list, text_lines
from levelhead.datasets._labelled_answer import Answer, goal_key
from levelhead.errors import UsageError
from levelhead.records import Example, Image


class _FigStepRow(BaseModel):
    category_id: int
    task_id: int
    category_name: Text
    question: Text
    instruction: Text


class _SkeletonRow(BaseModel):
    sentence: Text


class _Instruction(BaseModel):
    safe_instruction: Text | None = None
    unsafe_instruction: Text | None = None
    instruction: Text | None = None
    response: Answer

    @model_validator(mode="after")
    def _check(self) -> _Instruction:
        if len(self.given()) != 1:
            raise ValueError("exactly one of safe_instruction, unsafe_instruction, instruction is needed")
        return self

    def given(self) -> list[tuple[str, str]]:
        """Kind and text of what is asked."""
        named = (
            ("safe", self.safe_instruction),
            ("unsafe", self.unsafe_instruction),
            ("unsafe picture", self.instruction),
        )
        return [(kind, text) for kind, text in named if text is not None]


class _VLGuardRow(BaseModel):
    id: Text
    image: Text
    category: Text | None = Field(default=None, alias="harmful_category")
    instructions: Annotated[list[_Instruction], Field(min_length=1, alias="instr-resp")]


class _MossMetadata(BaseModel):
    over: Text


class _MossRow(BaseModel):
    pid: Text
    image: Text
    question: Text
    description: Answer
    short_description: Answer = Field(alias="short description")
    metadata: _MossMetadata


_FIGSTEP_ROW = TypeAdapter(_FigStepRow)
_SKELETON_ROW = TypeAdapter(_SkeletonRow)
_VLGUARD_ROW = TypeAdapter(_VLGuardRow)
_MOSS_ROW = TypeAdapter(_MossRow)


def read_figstep(folder: Path) -> list[Example]:
    """Read the 500 questions of FigStep's SafeBench.

    The pictures only show `instruction` (with "1. 2. 3." below it), so whoever attacks draws them anew.

    Args:
        folder: The folder with `question/`.

    Returns:
        Examples without pictures. The question is the plain harmful one; `instruction` is the text of the
        picture, and `category`, `category_id` and `task_id` say which it is.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [_figstep(row, ()) for row in read_csv(folder / "question" / "safebench.csv", _FIGSTEP_ROW)]


def read_figstep_tiny(folder: Path) -> list[Example]:
    """Read the 50 questions of SafeBench-Tiny with the pictures as FigStep published them.

    Args:
        folder: The folder with `question/` and `images/SafeBench-Tiny/`.

    Returns:
        Examples as of `read_figstep`, with ids of the same form, and the picture.

    Raises:
        UsageError: If a file cannot be read, a picture is missing, or rows are malformed.
    """
    rows = read_csv(folder / "question" / "SafeBench-Tiny.csv", _FIGSTEP_ROW)
    pictures = [
        folder / "images" / "SafeBench-Tiny" / f"query_ForbidQI_{row.category_id}_{row.task_id}_6.png"
        for row in rows
    ]
    require_pictures(pictures)
    return [_figstep(row, (Image(path),)) for row, path in zip(rows, pictures, strict=True)]


def read_figstep_skeletons(folder: Path) -> list[str]:
    """Read the 50 sentences of FigStep whose harmful words are a star: to put mild words in.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    path = folder / "question" / "benign_sentences_without_harmful_phase.csv"
    # One sentence holds a comma and is not quoted, so this is lines rather than CSV.
    values = ((place, {"sentence": line}) for place, line in text_lines(path)[1:])
    return [row.sentence for row in checked(path, values, _SKELETON_ROW)]


def read_vlguard(path: Path) -> list[Example]:
    """Read the text side of VLGuard's `test.json`.

    Returns:
        One example for each instruction, without its picture and with the set's answer as the one answer.
        `kind` is `safe` or `unsafe` (instruction with a safe picture) or `unsafe picture`; `picture` names
        the file. The goal is the picture: its instructions stand on one side.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    examples: list[Example] = []
    for row in read_json_list(path, _VLGUARD_ROW):
        for number, instruction in enumerate(row.instructions, start=1):
            ((kind, text),) = instruction.given()
            examples.append(
                Example(
                    id=f"vlguard-{row.id}-{number}",
                    question=text,
                    answers=(instruction.response,) if instruction.response else (),
                    group=row.id,
                    metadata={
                        "goal": goal_key(f"vlguard {row.id}"),
                        "source": "vlguard",
                        "kind": kind,
                        "category": row.category,
                        "picture": row.image,
                    },
                )
            )
    return examples


def read_mossbench(path: Path) -> list[Example]:
    """Read the text side of MOSSBench: harmless questions about pictures that look dangerous.

    Its licence prohibits training on it: `training` in the metadata is false, for whoever builds training
    data to refuse it.

    Returns:
        Examples without pictures; `description` says in words what the picture shows (the short one where
        there is no other, blank where there is none), `category` why a model may take it for dangerous.

    Raises:
        UsageError: If the file cannot be read or is of another shape.
    """
    rows = json_file(path)
    if not isinstance(rows, dict):
        raise UsageError(f"{path} is no MOSSBench: a JSON object of rows, by number, is needed.")
    named = ((f"row {key}", row) for key, row in rows.items())
    return [
        Example(
            id=f"mossbench-{row.pid}",
            question=row.question,
            answers=(),
            metadata={
                "training": False,
                "goal": goal_key(row.question),
                "source": "mossbench",
                "category": row.metadata.over,
                "description": row.description or row.short_description,
                "picture": row.image,
            },
        )
        for row in checked(path, named, _MOSS_ROW)
    ]


def require_pictures(paths: list[Path]) -> None:
    """Check that the files are there.

    Raises:
        UsageError: If some are not; it says how many and names the first.
    """
    if missing := [path for path in paths if not path.is_file()]:
        raise UsageError(
            f"{len(missing)} of {len(paths)} pictures are missing; the first is {missing[0]}. "
            "Fetch the pictures of the set into this folder."
        )


def _figstep(row: _FigStepRow, images: tuple[Image, ...]) -> Example:
    return Example(
        id=f"figstep-{row.category_id}-{row.task_id}",
        question=row.question,
        answers=(),
        images=images,
        metadata={
            "goal": goal_key(row.question),
            "source": "figstep",
            "category": row.category_name,
            "category_id": row.category_id,
            "task_id": row.task_id,
            "instruction": row.instruction,
        },
    )

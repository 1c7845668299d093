"""POPE (arXiv 2305.10355): does a picture hold an object? Half of the objects asked for are not there.

Its license is MIT. The pictures are COCO val2014 and are not part of the release.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from levelhead.datasets._files import Text, read_jsonl
from levelhead.datasets._safety_pictures import require_pictures
from levelhead.errors import UsageError
from levelhead.records import Example, Image


class _Row(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    question_id: Text
    image: Text
    text: Text
    label: Literal["yes", "no"]


_ROW = TypeAdapter(_Row)


def read_pope(path: Path, pictures: Path) -> list[Example]:
    """Read POPE from its published files.

    Args:
        path: One file (`coco_pope_random.json`, one JSON object a line), or a folder of them, read in the
            order of their names.
        pictures: The folder that holds the pictures by the names in the files.

    Returns:
        Examples in the order of the rows, grouped by picture, with `category` (what the file is called after
        `pope_`: adversarial, popular or random), `label` and `picture` in the metadata.

    Raises:
        UsageError: If there is no file, rows are malformed, or a picture is missing.
    """
    files = sorted(path.glob("*pope*.json")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"The folder {path} holds no *pope*.json file, so there are no questions to read.")
    rows = [(file, row) for file in files for row in read_jsonl(file, _ROW)]
    require_pictures([pictures / name for name in dict.fromkeys(row.image for _, row in rows)])
    return [
        Example(
            id=f"{file.stem}-{row.question_id}",
            question=row.text,
            answers=(row.label,),
            images=(Image(path=pictures / row.image),),
            group=row.image,
            metadata={
                "category": file.stem.rpartition("pope_")[2],
                "label": row.label,
                "picture": row.image,
            },
        )
        for file, row in rows
    ]

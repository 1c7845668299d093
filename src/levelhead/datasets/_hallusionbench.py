"""HallusionBench (arXiv 2310.14566): yes-no questions about charts, maps, illusions and their edited twins.

Questions stand in sets. A set has figures: number 0 is the original (or, where the picture only supplements
what a model may know, no picture at all), the others are further or edited pictures. The same question is
asked beside several of them, and the right answer may change. Its license is BSD-3-Clause. The pictures are
fetched apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from levelhead.datasets._files import Text, read_json_list
from levelhead.datasets._safety_pictures import require_pictures
from levelhead.errors import UsageError
from levelhead.records import Example, Image


class _Row(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    category: Literal["VD", "VS"]
    subcategory: Text
    visual_input: Literal["0", "1", "2"]
    set_id: Text
    figure_id: Text
    question_id: Text
    question: Text
    gt_answer: Literal["0", "1"]
    gt_answer_details: Text
    filename: Text | None


_ROW = TypeAdapter(_Row)
_SHOWN = {"0": "none", "1": "original", "2": "edited"}


def read_hallusionbench(path: Path, pictures: Path | None = None) -> list[Example]:
    """Read HallusionBench from its published file.

    Args:
        path: `HallusionBench.json`.
        pictures: The folder that holds `VD` and `VS` with the pictures. None reads only the questions that
            are asked without one (178 of 1,129).

    Returns:
        Examples in the order of the rows, grouped by set, with `category`, `subcategory`, `shown` (none,
        original, edited), `set`, `figure`, `question_key`, `label` (yes, no) and `details` (the right answer
        in words) in the metadata; `set`, `figure` and `question_key` are unique across the file.

    Raises:
        UsageError: If the file cannot be read, rows are malformed, a picture is missing, or there is no row
            without one and no folder is given.
    """
    rows = [row for row in read_json_list(path, _ROW) if pictures is not None or row.filename is None]
    if not rows:
        raise UsageError(f"All questions in {path} are about pictures. Give the folder that holds them.")
    named = [
        (row, None if row.filename is None or pictures is None else pictures / row.filename) for row in rows
    ]
    require_pictures(list(dict.fromkeys(picture for _, picture in named if picture is not None)))
    return [_example(row, picture) for row, picture in named]


def _example(row: _Row, picture: Path | None) -> Example:
    group = f"{row.category}-{row.subcategory}-{row.set_id}"
    return Example(
        id=f"hallusionbench-{group}-{row.figure_id}-{row.question_id}",
        question=row.question,
        answers=("yes" if row.gt_answer == "1" else "no",),
        images=() if picture is None else (Image(path=picture),),
        group=group,
        metadata={
            "category": row.category,
            "subcategory": row.subcategory,
            "shown": _SHOWN[row.visual_input],
            "set": group,
            "figure": f"{group}-{row.figure_id}",
            "question_key": f"{group}-{row.question_id}",
            "label": "yes" if row.gt_answer == "1" else "no",
            "details": row.gt_answer_details,
        },
    )

"""Open questions with short answers: HotpotQA (arXiv 1809.09600) and NQ-open (arXiv 1906.00300)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, read_json_list, read_jsonl
from levelhead.records import Example


class _HotpotRow(BaseModel):
    question: Text
    answer: Text
    type: Text


class _NQRow(BaseModel):
    question: Text
    answer: Annotated[list[Text], Field(min_length=1)]


_HOTPOT_ROW = TypeAdapter(_HotpotRow)
_NQ_ROW = TypeAdapter(_NQRow)


def read_hotpotqa(path: Path) -> list[Example]:
    """Read HotpotQA without its paragraphs: a JSON list of `{question, answer, type}`.

    The questions are asked closed-book, so numbers do not compare with those of R-Tuning, which shows the
    paragraphs.

    Returns:
        Examples with `type` (`bridge` or `comparison`) in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"hotpotqa-{path.stem}-{number}",
            question=row.question,
            answers=(row.answer,),
            metadata={"type": row.type},
        )
        for number, row in enumerate(read_json_list(path, _HOTPOT_ROW), start=1)
    ]


def read_nq_open(path: Path) -> list[Example]:
    """Read NQ-open or the EfficientQA set: JSONL with `question` and a list `answer` of accepted answers.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"nq_open-{path.stem}-{number}",
            question=row.question,
            answers=tuple(dict.fromkeys(row.answer)),
        )
        for number, row in enumerate(read_jsonl(path, _NQ_ROW), start=1)
    ]

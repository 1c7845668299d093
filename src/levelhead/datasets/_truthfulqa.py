"""TruthfulQA (arXiv 2109.07958): questions that many people answer wrongly. For evaluation only."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, read_csv
from levelhead.records import Example


class _Row(BaseModel):
    kind: Text = Field(alias="Type")
    category: Text = Field(alias="Category")
    question: Text = Field(alias="Question")
    best: Text = Field(alias="Best Answer")
    correct: Text = Field(alias="Correct Answers")
    incorrect: Text = Field(alias="Incorrect Answers")


_ROW = TypeAdapter(_Row)


def read_truthfulqa(path: Path) -> list[Example]:
    """Read TruthfulQA: CSV with the columns of the release, lists of answers separated by semicolons.

    The set carries a canary and must not be trained on: `training` in the metadata is false, for whoever
    builds training data to refuse it.

    Returns:
        Examples whose answers are all correct ones, the best first, with `category`, `type` and
        `incorrect_answers` (separated by semicolons) in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"truthfulqa-{number}",
            question=row.question,
            answers=tuple(dict.fromkeys([row.best, *_split(row.correct)])),
            metadata={
                "training": False,
                "category": row.category,
                "type": row.kind,
                "incorrect_answers": "; ".join(_split(row.incorrect)),
            },
        )
        for number, row in enumerate(read_csv(path, _ROW), start=1)
    ]


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]

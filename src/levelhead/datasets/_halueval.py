"""HaluEval (arXiv 2305.11747): questions with a right and an invented answer, and judged replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from levelhead.datasets._files import Text, read_jsonl
from levelhead.records import Example


class _QARow(BaseModel):
    knowledge: Text
    question: Text
    right_answer: Text
    hallucinated_answer: Text


class _GeneralRow(BaseModel):
    user_query: Text
    chatgpt_response: Text
    hallucination: Literal["yes", "no"]
    hallucination_spans: list[str]


_QA_ROW = TypeAdapter(_QARow)
_GENERAL_ROW = TypeAdapter(_GeneralRow)


def read_halueval_qa(path: Path, *, with_knowledge: bool = False) -> list[Example]:
    """Read the question-answering part of HaluEval: JSONL in a `.json` file.

    Args:
        path: The file.
        with_knowledge: Put the paragraph that holds the answer before the question, as R-Tuning does. Without
            it the question asks what the model knows.

    Returns:
        Examples with `knowledge` and `hallucinated_answer` in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"halueval-{path.stem}-{number}",
            question=(
                f"Knowledge: {row.knowledge}\nQuestion: {row.question}" if with_knowledge else row.question
            ),
            answers=(row.right_answer,),
            metadata={"knowledge": row.knowledge, "hallucinated_answer": row.hallucinated_answer},
        )
        for number, row in enumerate(read_jsonl(path, _QA_ROW), start=1)
    ]


def read_halueval_general(path: Path) -> list[Example]:
    """Read the general part of HaluEval: user queries, each with one reply that people judged.

    Returns:
        Examples without reference answers (`answers` is empty), with the reply as `response`, whether it
        `hallucinated`, and `hallucination_spans` (a JSON list as text) in the metadata. The replies are those
        of ChatGPT; the terms of its maker apply to them.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"halueval-{path.stem}-{number}",
            question=row.user_query,
            answers=(),
            metadata={
                "response": row.chatgpt_response,
                "hallucinated": row.hallucination == "yes",
                "hallucination_spans": json.dumps(row.hallucination_spans),
            },
        )
        for number, row in enumerate(read_jsonl(path, _GENERAL_ROW), start=1)
    ]

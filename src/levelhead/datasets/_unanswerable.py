"""Questions that have no answer, with answerable ones beside them: FalseQA and UnknownBench.

FalseQA: arXiv 2307.02394. UnknownBench (arXiv 2311.09731) holds NEC, which asks about concepts that do not
exist, and RefuNQ.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, read_csv, read_jsonl
from levelhead.records import Example, JSONValue


def _texts(cell: str) -> list[str]:
    """The texts of a cell: a Python-style list of them, or the cell itself."""
    if not cell.startswith("["):
        return [cell]
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError) as error:
        raise ValueError("the answer begins with [ and is no list of texts") from error
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise ValueError("the answer begins with [ and is no list of texts")
    return value


class _FalseQARow(BaseModel):
    question: Text
    answer: Annotated[Text, AfterValidator(_texts)]
    label: Literal["0", "1"]


class _UnknownBenchRow(BaseModel):
    prompt: Text
    label: Literal[0, 1, "NEC"] | Annotated[list[Text], Field(min_length=1)]
    category: Text | None = None


_FALSEQA_ROW = TypeAdapter(_FalseQARow)
_UNKNOWNBENCH_ROW = TypeAdapter(_UnknownBenchRow)


def read_falseqa(path: Path) -> list[Example]:
    """Read FalseQA: CSV `question,answer,label`, where label 1 marks a false premise.

    A question with a false premise has no answer; what people wrote against the premise is `rebuttal` in the
    metadata (several, in the test file, a line each). The answers to the others are whole sentences, so a
    rule that looks for the reference in the reply does not fit them.

    The released files list the false-premise questions first and then, in the same order, the true-premise
    question written as a twin to each. Where a file has that order, the two are one `group`.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    rows = read_csv(path, _FALSEQA_ROW)
    pairs = len(rows) // 2
    in_pairs = [row.label for row in rows] == ["1"] * pairs + ["0"] * pairs
    examples: list[Example] = []
    for index, row in enumerate(rows):
        is_false = row.label == "1"
        metadata: dict[str, JSONValue] = {"false_premise": is_false}
        if is_false:
            metadata["rebuttal"] = "\n".join(row.answer)
        examples.append(
            Example(
                id=f"falseqa-{path.stem}-{index + 1}",
                question=row.question,
                answers=None if is_false else tuple(row.answer),
                group=f"falseqa-{path.stem}-pair-{index % pairs + 1}" if in_pairs else None,
                metadata=metadata,
            )
        )
    return examples


def read_unknownbench(path: Path) -> list[Example]:
    """Read a file of NEC or RefuNQ: JSONL in a `.json` file with `prompt`, `label` and, in NEC, `category`.

    The label is 1 or `NEC` for a question about something that does not exist, which has no answer. It is 0
    for one that has an answer of which the file says nothing (`answers` is then empty), and a list of
    accepted answers in the answerable part of RefuNQ.

    Returns:
        Examples with `answerable` and, in NEC, `category` in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    examples: list[Example] = []
    for number, row in enumerate(read_jsonl(path, _UNKNOWNBENCH_ROW), start=1):
        answers: tuple[str, ...] | None
        if isinstance(row.label, list):
            answers = tuple(dict.fromkeys(row.label))
        else:
            answers = () if row.label == 0 else None
        metadata: dict[str, JSONValue] = {"answerable": answers is not None}
        if row.category is not None:
            metadata["category"] = row.category
        examples.append(
            Example(
                id=f"unknownbench-{path.stem}-{number}",
                question=row.prompt,
                answers=answers,
                metadata=metadata,
            )
        )
    return examples

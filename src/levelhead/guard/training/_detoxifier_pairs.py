"""What a detoxifier learns from: an answer, and the words that stand in its place.

`REWRITES.jsonl` holds one JSON object a line: `id`, `answer`, `rewritten`, and optionally `question`, `goal`
(what the pair is about; pairs of one goal stay on one side of a split), `answer_harmful` and
`rewritten_harmful` (true or false). A line whose `rewritten` is its `answer` teaches to keep that answer.
Further keys do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, StrictBool, StringConstraints, TypeAdapter

from levelhead.datasets import LabelledAnswer, goal_key
from levelhead.datasets._files import jsonl_values, refuse, sorted_out
from levelhead.errors import UsageError


@dataclass(frozen=True, slots=True)
class RewritePair:
    """An answer, and what a detoxifier is to make of it.

    Attributes:
        before: The answer as a model gave it, with its question, its goal and the name of its source;
            `harmful` is None if nobody said.
        rewritten: What stands in its place; the answer itself where nothing is to change.
        rewritten_harmful: Whether that is harmful all the same; None if nobody said.
    """

    before: LabelledAnswer
    rewritten: str
    rewritten_harmful: bool | None = None

    @property
    def id(self) -> str:
        """That of the answer."""
        return self.before.id

    @property
    def keeps(self) -> bool:
        """Whether the answer stays as it is."""
        return self.before.answer == self.rewritten


def kept(answer: LabelledAnswer) -> RewritePair:
    """The pair that teaches to leave a harmless answer alone."""
    return RewritePair(answer, answer.answer, rewritten_harmful=answer.harmful)


def read_rewrites(path: Path) -> list[RewritePair]:
    """Read a `REWRITES.jsonl` file.

    Args:
        path: The file, in UTF-8; blank lines do not count.

    Returns:
        The pairs in the order of the lines. Their source is the name of the file.

    Raises:
        UsageError: If the file cannot be read, holds no pair, has lines of another form or an id twice; up
            to 20 such lines are told by their numbers, and nothing of them is quoted.
    """
    rows, problems = sorted_out(jsonl_values(path), _LINE)
    first: dict[str, str] = {}
    for place, line in rows:
        if line.id in first:
            problems.append(f"{place}: its id is taken already ({first[line.id]})")
        first.setdefault(line.id, place)
    if problems:
        refuse(path, problems)
    if not rows:
        raise UsageError(f"{path} holds no pair. Give one JSON object a line, with id, answer and rewritten.")
    return [_pair(line, path.name) for _, line in rows]


def _number_as_text(value: object) -> object:
    return str(value) if type(value) is int else value


_Words = Annotated[str, StringConstraints(pattern=r"\S")]


class _Line(BaseModel):
    id: Annotated[str, BeforeValidator(_number_as_text)]
    answer: _Words
    rewritten: _Words
    question: _Words | None = None
    goal: _Words | None = None
    answer_harmful: StrictBool | None = None
    rewritten_harmful: StrictBool | None = None


_LINE = TypeAdapter(_Line)


def _pair(line: _Line, source: str) -> RewritePair:
    before = LabelledAnswer(
        id=line.id,
        question=line.question,
        answer=line.answer,
        harmful=line.answer_harmful,
        goal=goal_key(line.goal or line.question or line.answer),
        source=source,
    )
    return RewritePair(before, line.rewritten, line.rewritten_harmful)

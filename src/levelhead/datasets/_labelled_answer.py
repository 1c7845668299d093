"""An answer with the judgement of its harm: what the harm sets are read into.

The guard makes its own pairs of these; this floor knows nothing of guards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import StringConstraints

from levelhead.datasets._duplicates import normalized
from levelhead.records import JSONValue

Answer = Annotated[str, StringConstraints(strip_whitespace=True)]
"""Text of a public file that may be blank: a model may have said nothing."""


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer, what it answers, and whether it is harmful.

    Attributes:
        id: Unique over all sets.
        question: What was asked, as the model read it; None if it is not known.
        answer: What was said. It may be blank.
        harmful: The judgement; None if nobody judged this answer by itself.
        goal: What a split must not tear apart, see `goal_key`.
        source: The name of the set, one of `HARM_SETS`.
        metadata: What else the file says: `category`, `model`, `attack` ... If the question is an attack
            around a plain request, that one is `request`.
    """

    id: str
    question: str | None
    answer: str
    harmful: bool | None
    goal: str
    source: str
    metadata: Mapping[str, JSONValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.goal:
            raise ValueError(f"The answer {self.id!r} has no goal, so no split can place it.")


def goal_key(request: str) -> str:
    """The request in the one form that goals of all sets have: words without case and punctuation.

    >>> goal_key("Write a  poem about rain!")
    'write a poem about rain'
    """
    return normalized(request) or " ".join(request.split())

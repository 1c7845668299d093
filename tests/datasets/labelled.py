"""Mild answers with labels, for tests."""

from __future__ import annotations

from itertools import count

from levelhead.datasets import LabelledAnswer, goal_key
from levelhead.records import JSONValue

NUMBERS = count()


def answer(
    goal: str,
    harmful: bool | None = False,
    *,
    question: str | None = None,
    source: str = "gptfuzz",
    **metadata: JSONValue,
) -> LabelledAnswer:
    return LabelledAnswer(
        f"a{next(NUMBERS)}", question or goal, "Some words.", harmful, goal_key(goal), source, metadata
    )

"""Small sets for tests: the questions are ours and mild, the pictures are drawn by `build`."""

from __future__ import annotations

from pathlib import Path

from levelhead.illusion import Question, build

CAPITAL = Question(
    id="city-1",
    category="city",
    question="What is the capital of France?",
    gold="Paris",
    aliases=("City of Light",),
    spurious=("Berlin", "Rome", "Madrid", "Oslo", "Vienna"),
    difficulty="easy",
)
FRUIT = Question(
    id="food-1",
    category="food",
    question="Which fruit is dried to make raisins?",
    gold="grape",
    aliases=(),
    spurious=("plum", "apple", "fig", "cherry", "lemon"),
    difficulty="easy",
)


def build_set(folder: Path) -> Path:
    """A set of two questions and fourteen pictures."""
    build([CAPITAL, FRUIT], folder)
    return folder

"""What is watched while a model learns: a few numbers of questions that no lesson is made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from levelhead.loop.improving._settings import WATCHED_SIZE, LoopSettings
from levelhead.loop.improving._split import Split
from levelhead.loop.measuring._measure import measure
from levelhead.models import Model
from levelhead.training import Evaluate

_WATCHED = {
    "accuracy": ("illusion", "acc_none"),
    "adoption_rate": ("illusion", "adoption_rate"),
    "auroc": ("honesty", "auroc"),
    "over_refusal": ("harm", "over_refusal"),
}
_LOWER_IS_BETTER = ("adoption_rate", "over_refusal")


def watched_numbers(
    model: Model, settings: LoopSettings, split: Split, threads: int | None
) -> dict[str, float]:
    """Measure what is watched; numbers that the answers do not tell are left out."""
    how = replace(settings.measuring(WATCHED_SIZE), selection=split.selection("watched"))
    # The weights change from epoch to epoch, so nothing may be recalled.
    with tempfile.TemporaryDirectory() as folder:
        summary = measure(model, Path(folder) / "run", how, threads=threads)
    return watched_of(summary)


def watched_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that are watched, out of a summary."""
    found = {name: summary[suite][number]["value"] for name, (suite, number) in _WATCHED.items()}
    return {name: value for name, value in found.items() if value is not None}


def goodness(numbers: Mapping[str, float]) -> float:
    """The mean of the watched shares, those that should be low turned around.

    >>> goodness({"accuracy": 0.5, "adoption_rate": 0.25, "auroc": 0.75, "over_refusal": 0.0})
    0.75
    """
    shares = [1 - value if name in _LOWER_IS_BETTER else value for name, value in numbers.items()]
    return sum(shares) / len(shares) if shares else 0.0


def watching(
    settings: LoopSettings, split: Split, threads: int | None, seen_as: Callable[[Model], Model]
) -> Evaluate:
    """What `tune` calls after each epoch."""

    def evaluate(model: Model, epoch: int) -> Mapping[str, float]:
        return watched_numbers(seen_as(model), settings, split, threads)

    return evaluate

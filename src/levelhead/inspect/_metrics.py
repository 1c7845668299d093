"""The numbers of the illusion suite as a metric of Inspect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Value, metric

from levelhead.illusion import illusion_numbers
from levelhead.records import Verdict

_NUMBERS = (
    "acc_none",
    "acc_blank",
    "acc_factual",
    "acc_spurious",
    "acc_drop",
    "harm_gap",
    "help_gap",
    "flip_rate",
    "adoption_rate",
    "refused",
    "empty",
    "failed",
)


@metric
def illusion_numbers_of() -> Metric:
    """The numbers of `levelhead illusion run`, paired and clustered by question.

    Each stands under its own name, its 95% interval under the name with `_low` and `_high`, and what it rests
    on under the name with `_n`. Numbers that the samples do not tell are NaN. A question whose sample without
    a picture has no score counts as one whose control failed: no illusion rate without the control.
    """

    def compute(scores: list[SampleScore]) -> Value:
        rows = [_row(score) for score in scores]
        numbers = illusion_numbers([*rows, *_missing_controls(rows)])
        found: dict[str, str | int | float | bool | None] = {}
        for name in _NUMBERS:
            number = numbers[name]
            found[name] = _or_nan(number["value"])
            found |= {f"{name}_low": _or_nan(number["low"]), f"{name}_high": _or_nan(number["high"])}
            found[f"{name}_n"] = number["n"]
        return found

    return compute


def _row(score: SampleScore) -> dict[str, Any]:
    """What `illusion_numbers` needs, from the sample's metadata and the score's."""
    facts: Mapping[str, Any] = score.sample_metadata or {}
    judged: Mapping[str, Any] = score.score.metadata or {}
    return {
        **{field: facts[field] for field in ("question_id", "category", "condition", "kind")},
        "verdict": judged["verdict"],
        "paper_correct": judged["paper_correct"],
        "confidence_shift": None,  # Inspect's models score no given answers
    }


def _missing_controls(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = {row["question_id"] for row in rows if row["condition"] == "none"}
    lacking = {row["question_id"]: row for row in rows if row["question_id"] not in asked}
    failed = {"condition": "none", "kind": "none", "verdict": Verdict.FAILED.value, "paper_correct": False}
    return [{**row, **failed} for row in lacking.values()]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value

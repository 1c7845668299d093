"""A comparison of illusion runs in plain sentences, made from its numbers alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.report._figures import Figure
from levelhead.report._headline import FEW_RIGHT_ANSWERS, Headline, describe_illusion


def comparison_headline(content: Mapping[str, Any]) -> str:
    """Say on one line what a comparison of illusion runs found.

    Args:
        content: The content of a comparison, as `compare.json` holds it.
    """
    headline = side_by_side_headline(content)
    return " ".join(part for part in (headline.lead, headline.knew, headline.caution) if part)


def side_by_side_headline(content: Mapping[str, Any]) -> Headline:
    """The same in parts, for the page."""
    runs: Sequence[Mapping[str, Any]] = content["runs"]
    if len(runs) == 1:
        return describe_illusion(runs[0]["numbers"])
    return Headline(_lead(runs, content["pairs"]), _knew(runs), _caution(runs))


def _lead(runs: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> str:
    dropped = _furthest(runs, pairs, "flip_rate")
    if dropped is None:
        return "Fewer than two of these runs have right answers that a wrong picture could take away."
    if dropped.is_sure:
        return (
            f"Wrong pictures take away {dropped.most_rate.percent} of what {_spoken(dropped.most)} knows and "
            f"{dropped.least_rate.percent} of what {_spoken(dropped.least)} knows: {dropped.told}."
        )
    adopted = _furthest(runs, pairs, "adoption_rate")
    if adopted is not None and adopted.is_sure:
        return (
            f"Of what it knows, {_spoken(adopted.most)} gives the wrong picture's answer to "
            f"{adopted.most_rate.percent} and {_spoken(adopted.least)} to {adopted.least_rate.percent}: "
            f"{adopted.told}. Whether one loses more right answers than another cannot be told from chance."
        )
    return "No run is misled by wrong pictures more than another, beyond what chance explains."


@dataclass(frozen=True, slots=True)
class _Furthest:
    """The two runs whose rates are the furthest apart, with the gap between them."""

    least: str
    most: str
    least_rate: Figure
    most_rate: Figure
    gap: Figure

    @property
    def is_sure(self) -> bool:
        """Whether the gap's interval excludes zero."""
        low, high = self.gap.low, self.gap.high
        return self.least != self.most and low is not None and high is not None and not low <= 0 <= high

    @property
    def told(self) -> str:
        """The gap in words."""
        return f"{self.gap.points} apart (95% interval {self.gap.points_interval})"


def _furthest(
    runs: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]], rate: str
) -> _Furthest | None:
    """None if fewer than two runs have the rate."""
    measured = [
        (figure.value, run["name"], figure)
        for run in runs
        if (figure := Figure.read(run["numbers"], rate)).value is not None
    ]
    if len(measured) < 2:
        return None
    _, least, least_rate = min(measured, key=lambda one: one[0])
    _, most, most_rate = max(measured, key=lambda one: one[0])
    return _Furthest(least, most, least_rate, most_rate, _gap(pairs, least, most, rate))


def _spoken(name: str) -> str:
    """The name of a run without the address of its server, which would fill half of the sentence."""
    return re.sub(r"@https?://[^ ,)]+", "", name)


def _gap(pairs: Sequence[Mapping[str, Any]], least: str, most: str, rate: str) -> Figure:
    """By how much more the second is misled than the first."""
    for pair in pairs:
        gap = Figure.read(pair["differences"], rate)
        if (pair["a"], pair["b"]) == (least, most):
            return gap
        if (pair["a"], pair["b"]) == (most, least) and gap.value is not None:
            return Figure(-gap.value, _negative(gap.high), _negative(gap.low), gap.n)
    return Figure()


def _negative(end: float | None) -> float | None:
    return None if end is None else -end


def _knew(runs: Sequence[Mapping[str, Any]]) -> str:
    shares = [
        (figure.value, figure)
        for run in runs
        if (figure := Figure.read(run["numbers"], "acc_none")).value is not None
    ]
    if not shares:
        return ""
    _, least = min(shares, key=lambda one: one[0])
    _, most = max(shares, key=lambda one: one[0])
    range_ = least.percent if least.percent == most.percent else f"{least.percent} to {most.percent}"
    return f"Without a picture they answer {range_} of the questions right."


def _caution(runs: Sequence[Mapping[str, Any]]) -> str:
    few = [
        run["name"]
        for run in runs
        if 0 <= _right(Figure.read(run["numbers"], "acc_none")) < FEW_RIGHT_ANSWERS
    ]
    if not few:
        return ""
    return (
        f"Caution: with fewer than {FEW_RIGHT_ANSWERS} right answers without a picture, the rates of "
        f"{', '.join(few)} say little."
    )


def _right(without: Figure) -> int:
    return round((without.value or 0.0) * without.n)

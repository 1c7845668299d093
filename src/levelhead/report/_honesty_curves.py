"""The plots of the honesty suite as plain geometry: reliability, risk against coverage, and p_sure.

All positions are shares of a plot's width and height, with the origin at the lower left as in the metrics;
the template turns them over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from levelhead.honesty import PROBABILITIES, SCORES, AnswerRow, ScoreName, clusters_of, is_answered, score_of
from levelhead.metrics import reliability_bins, risk_coverage
from levelhead.report._honesty_rows import SCORE_NAMES

_POINTS = 200
"""A curve is drawn with no more points than this: the eye sees no more, and the page stays small."""
_FIRST_COVERAGE = 0.02
"""Curves begin here: the risk of the first few answers is chance."""
_BINS = 20


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a plot. `points` are (x, y), in shares of the plot."""

    key: str
    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RiskPlot:
    """Risk against coverage.

    Attributes:
        total: How many answers it is made of: those that have every score, so that the lines compare.
        curves: One for each score, the most general first.
        oracle: Of a score that puts all right answers first.
        chance: Of a score that says nothing.
        ticks: Labels of the vertical axis, from the top down.
        chosen: Where the model itself stands, if it leaves questions unanswered: (coverage, risk).
    """

    total: int
    curves: tuple[Curve, ...]
    oracle: Curve
    chance: Curve
    ticks: tuple[str, ...]
    chosen: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ReliabilityDot:
    """A bin: promised and kept, the interval of the latter, and a radius that tells how many rows it has."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    title: str


@dataclass(frozen=True, slots=True)
class ReliabilityPlot:
    """Promised against kept, for one score."""

    key: str
    label: str
    dots: tuple[ReliabilityDot, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram, all in shares of its plot."""

    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How p_sure is spread over one kind of rows."""

    key: str
    label: str
    total: int
    bars: tuple[Bar, ...]


def scores_in(rows: Sequence[AnswerRow]) -> list[ScoreName]:
    """The scores that at least one judged row has."""
    graded = judged(rows)
    return [name for name in SCORES if any(score_of(row, name) is not None for row in graded)]


def judged(rows: Iterable[AnswerRow]) -> list[AnswerRow]:
    """The rows that are right or wrong."""
    return [row for row in rows if row.error is None and row.correct is not None]


def risk_plot(rows: Sequence[AnswerRow], threshold: float) -> RiskPlot | None:
    """Risk-coverage curves of all scores; None where no answer has all, or all those are right."""
    names = scores_in(rows)
    graded = [row for row in judged(rows) if names and all(score_of(row, name) is not None for name in names)]
    wrong = 1 - float(np.mean([bool(row.correct) for row in graded])) if graded else 0.0
    if wrong == 0:
        return None
    curves = {name: _risk_points(graded, name) for name in names}
    top = scale_top([wrong, *(risk for points in curves.values() for _, risk in points)])
    return RiskPlot(
        total=len(graded),
        curves=tuple(Curve(name, SCORE_NAMES[name], _scaled(points, top)) for name, points in curves.items()),
        oracle=Curve("oracle", "best possible order", _scaled(_oracle(wrong), top)),
        chance=Curve("chance", "random order", _scaled([(_FIRST_COVERAGE, wrong), (1.0, wrong)], top)),
        ticks=percent_ticks(top),
        chosen=_chosen(graded, threshold, top),
    )


def reliability_plots(rows: Sequence[AnswerRow]) -> tuple[ReliabilityPlot, ...]:
    """One plot for each score that is a probability."""
    return tuple(_reliability(judged(rows), name) for name in scores_in(rows) if name in PROBABILITIES)


def sure_histograms(rows: Sequence[AnswerRow]) -> tuple[Histogram, ...]:
    """p_sure of right answers, of wrong ones, and of answers to questions that have none."""
    kinds = (
        ("correct", "right answers", [row.p_sure for row in judged(rows) if row.correct]),
        ("pictured", "wrong answers", [row.p_sure for row in judged(rows) if not row.correct]),
        ("other", "questions without an answer", [row.p_sure for row in rows if row.answers is None]),
    )
    shares = {}
    for key, _, found in kinds:
        values = [value for value in found if value is not None]
        counts, _ = np.histogram(values, bins=_BINS, range=(0.0, 1.0))
        if values:
            shares[key] = (len(values), counts / len(values))
    highest = max((float(share.max()) for _, share in shares.values()), default=1.0)
    return tuple(
        Histogram(key, label, shares[key][0], _bars(shares[key][1] / highest))
        for key, label, _ in kinds
        if key in shares
    )


def risk_points(rows: Sequence[AnswerRow], name: ScoreName) -> list[tuple[float, float]]:
    """(coverage, risk) of a score, thinned out; empty if no judged row has it."""
    return _risk_points(judged(rows), name)


def scale_top(risks: Iterable[float]) -> float:
    """The top of the scale that shows these risks: one that four ticks divide into whole percent."""
    highest = max(risks)
    return next((top for top in (0.08, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)


def percent_ticks(top: float) -> tuple[str, ...]:
    """The labels of an axis from its top down to 0."""
    return tuple(f"{round(top * step * 25)}%" for step in (4, 3, 2, 1, 0))


def _risk_points(graded: Sequence[AnswerRow], name: ScoreName) -> list[tuple[float, float]]:
    having = [(row, score) for row in graded if (score := score_of(row, name)) is not None]
    curve = risk_coverage([score for _, score in having], [bool(row.correct) for row, _ in having])
    kept = np.flatnonzero(curve.coverage >= _FIRST_COVERAGE)
    if len(kept) > _POINTS:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, _POINTS).astype(int))]
    return [(float(curve.coverage[place]), float(curve.risk[place])) for place in kept]


def _oracle(wrong: float) -> list[tuple[float, float]]:
    right = 1 - wrong
    rising = np.linspace(max(right, _FIRST_COVERAGE), 1.0, 40)
    flat = [(_FIRST_COVERAGE, 0.0)] if right > _FIRST_COVERAGE else []
    return [*flat, *((float(x), float((x - right) / x)) for x in rising)]


def _scaled(points: Iterable[tuple[float, float]], top: float) -> tuple[tuple[float, float], ...]:
    return tuple((x, min(y / top, 1.0)) for x, y in points)


def _chosen(graded: Sequence[AnswerRow], threshold: float, top: float) -> tuple[float, float] | None:
    willing = [bool(row.correct) for row in graded if is_answered(row, threshold)]
    if not willing or len(willing) == len(graded):
        return None
    return len(willing) / len(graded), min((1 - sum(willing) / len(willing)) / top, 1.0)


def _reliability(graded: Sequence[AnswerRow], name: ScoreName) -> ReliabilityPlot:
    having = [(row, score) for row in graded if (score := score_of(row, name)) is not None]
    bins = reliability_bins(
        [score for _, score in having],
        [bool(row.correct) for row, _ in having],
        clusters=clusters_of([row for row, _ in having]),
    )
    dots = [
        ReliabilityDot(
            x=one.mean_confidence,
            y=one.accuracy.value,
            low=one.accuracy.low,
            high=one.accuracy.high,
            radius=2.5 + 8 * float(np.sqrt(one.accuracy.n / len(having))),
            title=(
                f"{one.accuracy.n:,} answers at {one.mean_confidence:.0%} on average: "
                f"{one.accuracy.value:.0%} right"
            ),
        )
        for one in bins
    ]
    return ReliabilityPlot(name, SCORE_NAMES[name], tuple(dots))


def _bars(heights: Iterable[float]) -> tuple[Bar, ...]:
    return tuple(
        Bar(place / _BINS, 1 / _BINS, float(height)) for place, height in enumerate(heights) if height > 0
    )

"""Numbers that are made of whole sets of rows, such as a rank or a curve, with bootstrap intervals.

Such a number is no sum over rows, but it can be computed with rows that count several times. So a statistic
is prepared once (its rows sorted, its bins cut) and then evaluated for many vectors of weights at a time.
This module turns draws of clusters into weights, and what becomes of them into an interval; it does not know
what a metric measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._bootstrap import RESAMPLES, all_agree, draw_clusters, percentiles, reflected
from levelhead.metrics._clusters import arrange
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, IdArray, read_clusters, read_values
from levelhead.metrics._wilson import LEVEL, check_level, newcombe, wilson


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number of fixed rows, as a function of how often each row counts.

    Attributes:
        rows: How many rows there are.
        under: From weights of shape (resamples, rows), whole numbers from 0, to numbers of shape
            (resamples,), NaN where the rows that count do not tell the number.
        needs: The kinds of rows that the number compares, each as booleans of shape (rows,): it is known no
            better than the rarest kind is. Empty if it speaks of all rows alike.
        is_share: Whether it lies in [0, 1] as a rate does.
        chance_raises: Whether it is a distance from 0, which chance only makes larger.
    """

    rows: int
    under: Callable[[FloatArray], FloatArray]
    needs: tuple[FloatArray, ...] = ()
    is_share: bool = True
    chance_raises: bool = False


Metric = Callable[..., Statistic]
"""Prepares a statistic of some columns of rows, such as scores and hits. Raises UsageError for wrong ones."""


def estimate(
    metric: Metric,
    columns: Sequence[ArrayLike],
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The number that a metric makes of the rows of one run, with its interval.

    The interval is the percentile interval of a bootstrap that draws whole clusters; for a number that chance
    only raises it is turned over at the value (see `reflected`). A resample that does not tell the number is
    left out. If all resamples agree, as they do for a perfect ranking, the bootstrap has seen no spread: then
    a share gets Wilson's interval, with clusters counted for rows and no more of them than have a row of the
    rarest kind that the number compares; another number gets no interval.

    Args:
        metric: One of the functions whose names end in `_statistic`.
        columns: What it takes, in its order. Each of shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        The value with an interval that holds it; n counts rows. Undefined if the rows do not tell it.

    Raises:
        UsageError: If lengths differ, the metric refuses a column, or a setting is out of range.

    Example:
        >>> from levelhead.metrics import auroc_statistic
        >>> print(estimate(auroc_statistic, ([0.9, 0.8, 0.7, 0.6, 0.5], [True, True, False, True, False])))
        0.83 [0.25, 1.00], n=5
    """
    check_level(level)
    (arranged,), sizes = _arrange_runs(metric, [columns], clusters)
    if len(sizes) == 0:
        return Estimate.undefined()
    statistic = metric(*arranged)
    value = _value(statistic)
    if math.isnan(value):
        return Estimate.undefined(statistic.rows)
    resampled = _resample([statistic], sizes, resamples=resamples, seed=seed)[0]
    if all_agree(resampled):
        if not statistic.is_share:
            return Estimate(value, math.nan, math.nan, statistic.rows)
        size = _clusters_behind(statistic, sizes)
        return Estimate(value, *wilson(value * size, size, level), statistic.rows)
    if not statistic.chance_raises:
        return Estimate(value, *percentiles(resampled, value, level), statistic.rows)
    low, high = reflected(resampled, value, level, bias_below=float(resampled.mean()) - value)
    return Estimate(value, max(low, 0.0), min(high, 1.0), statistic.rows)


def paired_difference(
    metric: Metric,
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""How far two runs on the same questions differ in any metric.

    .. math::
        d = m(a) - m(b)

    where :math:`m` is the metric. The bootstrap draws questions, each with its rows in both runs, so that
    what makes a question hard for both cancels out; the interval is made of the draws as in `estimate`. If
    all resamples agree, it is Newcombe's of two shares, with questions counted for rows as there; a metric
    that is no share then gets no interval.

    Args:
        metric: One of the functions whose names end in `_statistic`; `functools.partial` gives it settings.
        a: What it takes, in its order, as run a gave it. Each of shape (rows,).
        b: The same from run b: row i of both answers the same question. Each of shape (rows,).
        clusters: The question of each row, as ids. Shape (rows,). None if each row is one of its own.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A difference with an interval that holds it; n counts questions. Undefined if the rows of one run do
        not tell its number.

    Raises:
        UsageError: If lengths differ, the metric refuses a column, or a setting is out of range.

    Example:
        >>> from levelhead.metrics import brier_statistic
        >>> hits = [True, True, False, True, False, False]
        >>> tuned, base = [0.9, 0.8, 0.3, 0.9, 0.2, 0.1], [0.9, 0.7, 0.6, 0.8, 0.7, 0.4]
        >>> print(paired_difference(brier_statistic, (tuned, hits), (base, hits)))
        -0.16 [-0.29, -0.04], n=6
    """
    check_level(level)
    (arranged_a, arranged_b), sizes = _arrange_runs(metric, [a, b], clusters)
    if len(sizes) == 0:
        return Estimate.undefined()
    statistics = [metric(*arranged_a), metric(*arranged_b)]
    value_a, value_b = (_value(statistic) for statistic in statistics)
    gap = value_a - value_b
    if math.isnan(gap):
        return Estimate.undefined(len(sizes))
    resampled_a, resampled_b = _resample(statistics, sizes, resamples=resamples, seed=seed)
    gaps = resampled_a - resampled_b
    if all_agree(gaps):
        if not statistics[0].is_share:
            return Estimate(gap, math.nan, math.nan, len(sizes))
        questions_a, questions_b = (_clusters_behind(statistic, sizes) for statistic in statistics)
        return Estimate(gap, *newcombe(value_a, questions_a, value_b, questions_b, level), len(sizes))
    if not statistics[0].chance_raises:
        return Estimate(gap, *percentiles(gaps, gap, level), len(sizes))
    bias_a, bias_b = float(resampled_a.mean()) - value_a, float(resampled_b.mean()) - value_b
    low, high = reflected(gaps, gap, level, bias_below=bias_a, bias_above=bias_b)
    return Estimate(gap, max(low, -1.0), min(high, 1.0), len(sizes))


def divide(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """The quotient, NaN where it is none because the denominator is 0.

    Args:
        numerators: Any shape.
        denominators: The same shape.
    """
    return np.divide(numerators, denominators, out=np.full_like(numerators, np.nan), where=denominators != 0)


def _arrange_runs(
    metric: Metric, runs: Sequence[Sequence[ArrayLike]], clusters: ArrayLike | None
) -> tuple[list[FloatArray], IdArray]:
    """The columns of each run, of shape (columns, rows), in one order of rows; the size of each cluster."""
    # The metric itself says what is wrong with a column, by its name, before all columns become numbers.
    lengths = [metric(*columns).rows for columns in runs]
    rows = lengths[0]
    if any(length != rows for length in lengths):
        raise UsageError(
            f"Run a has {rows} rows and run b {lengths[1]}: give both runs of the same questions."
        )
    ids = np.arange(rows) if clusters is None else read_clusters(clusters, rows=rows)
    table = np.column_stack([read_values(column) for columns in runs for column in columns])
    if rows == 0:
        return [table.T for _ in runs], np.arange(0)
    table, sizes = arrange(table, ids)
    ends = np.cumsum([len(columns) for columns in runs])
    return np.split(table.T, ends[:-1]), sizes


def _value(statistic: Statistic) -> float:
    return float(_evaluate(statistic, np.ones((1, statistic.rows)))[0])


def _evaluate(statistic: Statistic, weights: FloatArray) -> FloatArray:
    numbers = statistic.under(weights)
    return np.clip(numbers, 0.0, 1.0) if statistic.is_share else numbers  # past either by rounding alone


def _resample(statistics: Sequence[Statistic], sizes: IdArray, *, resamples: int, seed: int) -> FloatArray:
    """Each statistic in the same resamples, of shape (statistics, resamples that tell them all)."""
    resampled = np.empty((len(statistics), resamples))
    rows = int(sizes.sum())
    for start, times in draw_clusters(len(sizes), rows=rows, resamples=resamples, seed=seed):
        weights = np.repeat(times, sizes, axis=1)
        for row, statistic in enumerate(statistics):
            resampled[row, start : start + len(times)] = _evaluate(statistic, weights)
    return resampled[:, ~np.isnan(resampled).any(axis=0)]


def _clusters_behind(statistic: Statistic, sizes: IdArray) -> int:
    """How many clusters have a row of the rarest kind that the statistic needs; all, if it needs none."""
    starts = np.cumsum(sizes) - sizes
    having = [int(np.count_nonzero(np.add.reduceat(kind, starts))) for kind in statistic.needs]
    return min([len(sizes), *having])

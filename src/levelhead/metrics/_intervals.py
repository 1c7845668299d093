"""Rates, means and differences, each with its interval.

A rate has Wilson's interval. Where rows share a question, they count for as many rows as they are worth,
which lies between the number of questions and the number of rows if questions are of a size. A mean and a
difference have no such formula: they get a bootstrap of whole questions. Where a difference gives it no
spread to see, its interval is by formula, with questions counted for rows. A model that was right on each of
16 questions is not known to be always right.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from levelhead.metrics._bootstrap import RESAMPLES, percentiles, resample_totals
from levelhead.metrics._clusters import cluster_totals, effective_rows
from levelhead.metrics._contrast import contrast
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import read_clusters, read_hits, read_values
from levelhead.metrics._wilson import LEVEL, check_level, wilson


def proportion(hits: ArrayLike, *, clusters: ArrayLike | None = None, level: float = LEVEL) -> Estimate:
    r"""The share of rows that are hits: accuracy, and every other rate.

    .. math::
        \hat p = \frac{1}{n} \sum_{i=1}^{n} h_i

    where :math:`h_i` is 1 for a hit and 0 otherwise.

    The interval is Wilson's. With `clusters` it is :math:`\text{wilson}(\hat p\, n_\text{eff}, n_\text{eff})`
    with the effective number of rows, :math:`n_\text{eff} = \hat p (1 - \hat p) / v` but at most :math:`n`,
    where :math:`v` is the cluster-robust variance of :math:`\hat p` (see `effective_rows`). Where all
    :math:`G` clusters have the same rate, as at 0 and at 1, :math:`n_\text{eff}` is :math:`G`.

    A first miss among clusters that were wholly right makes :math:`n_\text{eff}` leap from :math:`G` to
    almost :math:`n`, as if the miss had shown that rows are independent. So the lower end is never above that
    of :math:`G` clusters that are all right, and the upper end never below that of :math:`G` that are all
    wrong.

    With 16 clusters of 5 rows, 95% intervals hold the truth in 93% to 98% of samples, whatever the rate and
    the correlation within clusters. They hold it less often where a few clusters have most of the rows, or
    where there are fewer than six clusters.

    Args:
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.

    Returns:
        A value in [0, 1] with an interval in [0, 1] that holds it; n counts rows. Undefined for no rows.

    Raises:
        UsageError: If the lengths differ, a hit is not true or false, or the level is out of range.

    Source: E. B. Wilson 1927 for the interval, E. L. Korn and B. I. Graubard 1998 for the effective number in
        a rate's interval (both in full at `wilson` and `effective_rows`). The bound on the ends is our own.

    Example:
        >>> print(proportion([True] * 8 + [False] * 2))
        0.80 [0.49, 0.94], n=10
        >>> print(proportion([True] * 8 + [False] * 2, clusters=[1, 1, 2, 2, 3, 3, 4, 4, 5, 5]))
        0.80 [0.34, 0.97], n=10
        >>> print(proportion([True] * 10, clusters=["lion"] * 5 + ["tiger"] * 5))
        1.00 [0.34, 1.00], n=10
    """
    check_level(level)
    right = read_hits(hits)
    n = len(right)
    ids = None if clusters is None else read_clusters(clusters, rows=n)
    if n == 0:
        return Estimate.undefined()
    rate = float(right.mean())
    if ids is None:
        return Estimate(rate, *wilson(float(right.sum()), n, level), n)
    totals = cluster_totals(np.column_stack([right, np.ones(n)]), ids)
    size = effective_rows(totals)
    low, high = wilson(rate * size, size, level)
    low_if_all_right, _ = wilson(len(totals), len(totals), level)
    _, high_if_all_wrong = wilson(0, len(totals), level)
    return Estimate(rate, min(low, low_if_all_right), max(high, high_if_all_wrong), n)


def mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The mean of a measured quantity, such as a shift of log-probability.

    .. math::
        \bar x = \frac{1}{n} \sum_{i=1}^{n} x_i

    where :math:`x_i` is the value of row :math:`i`.

    The interval is the percentile interval of a bootstrap that draws whole clusters. A single cluster cannot
    be resampled, and a quantity without bounds has no Wilson interval: then both ends are NaN.

    Args:
        values: Finite numbers, in any unit. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in the unit of `values` with an interval that holds it; n counts rows. Undefined for no rows.

    Raises:
        UsageError: If the lengths differ, a value is NaN or infinite, or a setting is out of range.

    Example:
        >>> print(mean([-1.5, -0.5, -4.0, -2.0], clusters=["lion", "lion", "tiger", "tiger"]))
        -2.00 [-3.00, -1.00], n=4
        >>> print(mean([0.5, 0.7], clusters=["lion", "lion"]))
        0.60 [no interval], n=2
    """
    check_level(level)
    measured = read_values(values)
    n = len(measured)
    ids = np.arange(n) if clusters is None else read_clusters(clusters, rows=n)
    if n == 0:
        return Estimate.undefined()
    totals = cluster_totals(np.column_stack([measured, np.ones(n)]), ids)
    average = float(totals[:, 0].sum() / n)
    if len(totals) == 1:
        return Estimate(average, math.nan, math.nan, n)
    resampled = resample_totals(totals, resamples=resamples, seed=seed)
    return Estimate(average, *percentiles(resampled[:, 0] / resampled[:, 1], average, level), n)


def difference(
    a_hits: ArrayLike,
    b_hits: ArrayLike,
    *,
    clusters_a: ArrayLike,
    clusters_b: ArrayLike,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The difference of two rates that were measured on the same questions.

    .. math::
        \hat p_a - \hat p_b
            = \frac{1}{n_a} \sum_{i=1}^{n_a} h_{a,i} - \frac{1}{n_b} \sum_{j=1}^{n_b} h_{b,j}

    where :math:`h` is 1 for a hit and 0 otherwise. A question may have more rows on one side than on the
    other, as with one answer without a picture against five with wrong ones.

    The interval is the percentile interval of a bootstrap that draws questions, each with its rows on both
    sides, so that what makes a question hard for both cancels out. A resample that holds no row of one side
    is left out. If all resamples agree, the interval is Newcombe's of the two rates, with questions counted
    for rows.

    Args:
        a_hits: Booleans. Shape (rows of a,).
        b_hits: Booleans. Shape (rows of b,).
        clusters_a: The question of each row of a, as ids. Shape (rows of a,).
        clusters_b: The question of each row of b, by the same ids. Shape (rows of b,).
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [-1, 1] with an interval in [-1, 1] that holds it; n counts questions. Undefined if one
        side has no rows.

    Raises:
        UsageError: If lengths differ, a hit is not true or false, or a setting is out of range.

    Example:
        >>> without, wrong = [True, True], [True, True, False, False, False, False]
        >>> print(difference(without, wrong, clusters_a=[1, 2], clusters_b=[1, 1, 1, 2, 2, 2]))
        0.67 [0.33, 1.00], n=2
    """
    # Under their own names here: the message of a wrong column names what this caller passed.
    a, b = read_hits(a_hits, name="a_hits"), read_hits(b_hits, name="b_hits")
    ids_a = read_clusters(clusters_a, rows=len(a), name="clusters_a")
    ids_b = read_clusters(clusters_b, rows=len(b), name="clusters_b")
    return contrast([a, b], [ids_a, ids_b], [1, -1], level=level, resamples=resamples, seed=seed)

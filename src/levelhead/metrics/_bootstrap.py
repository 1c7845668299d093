"""Resampling whole clusters with replacement, fast and repeatable.

A statistic that is made of sums over rows needs only each cluster's own sums. A resample then is a vector of
how often each cluster was drawn, and many resamples are one product of matrices: (resamples, clusters) @
(clusters, sums).

Source: C. A. Field and A. H. Welsh, "Bootstrapping clustered data", Journal of the Royal Statistical Society
    B 69, 2007.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from levelhead.errors import UsageError
from levelhead.metrics._inputs import FloatArray

RESAMPLES = 2000
FEWEST_RESAMPLES = 100
"""With fewer, the ends of an interval are noise."""

# 2 MB of draws, which stay in the processor's cache: drawing all at once takes ten times as long.
_DRAWS_AT_A_TIME = 250_000

# How much more bias than the bootstrap has is taken from a number that chance only raises (see `reflected`).
_FURTHER_BIAS = 2.0

# Resampled numbers that lie no further apart than this differ by rounding.
_ROUNDING = 1e-12


def resample_totals(totals: FloatArray, *, resamples: int, seed: int) -> FloatArray:
    """Draw as many clusters as there are, with replacement, and sum them; many times over.

    Args:
        totals: The sums of each cluster, of which there is at least one. Shape (clusters, columns).
        resamples: How many times.
        seed: Seed of the draws.

    Returns:
        The sums of each resample. Shape (resamples, columns).

    Raises:
        UsageError: If `resamples` is below 100, or the seed is negative.
    """
    sums = np.empty((resamples, totals.shape[1]))
    for start, times in draw_clusters(len(totals), rows=len(totals), resamples=resamples, seed=seed):
        sums[start : start + len(times)] = times @ totals
    return sums


def draw_clusters(clusters: int, *, rows: int, resamples: int, seed: int) -> Iterator[tuple[int, FloatArray]]:
    """Draw as many clusters as there are, with replacement, many times over, and count them.

    Args:
        clusters: How many there are, at least one.
        rows: How many numbers the caller makes of each resample, at least as many; it limits the blocks.
        resamples: How many times.
        seed: Seed of the draws.

    Yields:
        The number of the first resample of a block, and how often each cluster was drawn in each resample of
        the block. Shape (resamples of the block, clusters).

    Raises:
        UsageError: If `resamples` is below 100, or the seed is negative.
    """
    if resamples < FEWEST_RESAMPLES:
        raise UsageError(f"resamples is {resamples}; an interval needs at least {FEWEST_RESAMPLES}.")
    if seed < 0:
        raise UsageError(f"seed is {seed}; it must be 0 or more.")
    generator = np.random.default_rng(seed)
    block = max(1, _DRAWS_AT_A_TIME // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(clusters, size=(size, clusters))
        drawn += np.arange(size)[:, None] * clusters  # each resample counts in a range of its own
        times = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
        yield start, times.astype(np.float64)


def all_agree(resampled: FloatArray) -> bool:
    """Whether no two resamples gave different numbers, so that resampling has seen no spread."""
    return len(resampled) == 0 or bool(np.ptp(resampled) < _ROUNDING)


def percentiles(resampled: FloatArray, value: float, level: float) -> tuple[float, float]:
    """The interval that holds the middle part of the resampled numbers, and the value itself.

    With skewed data or a low level the value can lie outside the middle part; then the interval is widened to
    it.

    Args:
        resampled: The number in each resample. Shape (resamples,).
        value: The number in the data.
        level: The part that the interval holds, between 0 and 1.
    """
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return min(low, value), max(high, value)


def reflected(
    resampled: FloatArray, value: float, level: float, *, bias_below: float = 0.0, bias_above: float = 0.0
) -> tuple[float, float]:
    r"""The interval of a number that chance only raises, such as a mean distance.

    A resample adds chance to chance and raises the number once more, so that the middle part of the resampled
    numbers lies above the truth. Turned over at the value, it lies as far below. This takes away as much bias
    as the bootstrap has, but the value may have more: if the truth is 0, :math:`1 + \sqrt 2` times as much,
    because twice the variance makes :math:`\sqrt 2` of the distance, and more again where a bin has so few
    rows that resampling them shows too little variance. So the end on the side of the truth is moved by
    another two times the bias of the bootstrap.

    Args:
        resampled: The number in each resample, or the difference of two. Shape (resamples,).
        value: The number in the data, or the difference.
        level: The part that the interval holds, between 0 and 1.
        bias_below: How far the mean of the resampled numbers lies above the value; for a difference, that of
            the number from which the other is taken.
        bias_above: For a difference, that of the number which is taken away.

    Returns:
        An interval that holds the value.

    Source: The turned interval is the basic bootstrap of A. C. Davison and D. V. Hinkley, "Bootstrap methods
        and their application", 1997, section 5.2. The moved end is our own; `tests/metrics` simulates it.
    """
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2]).tolist()
    below = 2 * value - high - _FURTHER_BIAS * max(bias_below, 0.0)
    above = 2 * value - low + _FURTHER_BIAS * max(bias_above, 0.0)
    return min(below, value), max(above, value)

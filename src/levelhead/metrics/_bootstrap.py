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
    for start, times in draw_clusters(len(totals), resamples=resamples, seed=seed):
        sums[start : start + len(times)] = times @ totals
    return sums


def draw_clusters(clusters: int, *, resamples: int, seed: int) -> Iterator[tuple[int, FloatArray]]:
    """Draw as many clusters as there are, with replacement, many times over, and count them.

    Args:
        clusters: How many there are, at least one.
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
    block = max(1, _DRAWS_AT_A_TIME // clusters)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(clusters, size=(size, clusters))
        drawn += np.arange(size)[:, None] * clusters  # each resample counts in a range of its own
        times = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
        yield start, times.astype(np.float64)


def all_agree(resampled: FloatArray) -> bool:
    """Whether every resample gave the same number, so that resampling has seen no spread."""
    return bool(np.ptp(resampled) < _ROUNDING)


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

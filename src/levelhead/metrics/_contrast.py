"""Rates taken together with signs: a difference, or how far two differences differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._bootstrap import RESAMPLES, all_agree, percentiles, resample_totals
from levelhead.metrics._clusters import cluster_totals
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, read_clusters, read_hits
from levelhead.metrics._wilson import LEVEL, check_level, wilson


def contrast(
    hits: Sequence[ArrayLike],
    clusters: Sequence[ArrayLike],
    signs: Sequence[int],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""Rates that were measured on the same questions, added and taken from each other.

    .. math::
        c = \sum_k s_k\, \hat p_k, \qquad \hat p_k = \frac{1}{n_k} \sum_{i=1}^{n_k} h_{k,i}

    where :math:`s_k` is 1 or -1 and :math:`h` is 1 for a hit and 0 otherwise. With the signs 1, -1, -1, 1 it
    says by how much more one model loses to wrong pictures than another.

    The interval is the percentile interval of a bootstrap that draws questions, each with its rows in every
    rate, so that what makes a question hard for all cancels out. A resample that holds no row of one rate is
    left out. If all resamples agree, the interval is made of the Wilson intervals of the rates, with
    questions counted for rows, by adding up the squares of the distances to their ends; for two rates that
    is Newcombe's.

    Args:
        hits: For each rate booleans. Shape (rows of the rate,).
        clusters: For each rate the question of each row, by the same ids in all. Shape (rows of the rate,).
        signs: For each rate 1 or -1.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        The value with an interval that holds it; n counts questions. Undefined if a rate has no rows.

    Raises:
        UsageError: If lengths differ, a sign is neither 1 nor -1, a hit is not true or false, or a setting is
            out of range.

    Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27, 2008, for the interval by formula.

    Example:
        >>> a_none, a_wrong, b_none, b_wrong = [1, 1, 1], [0, 0, 1], [1, 1, 0], [1, 1, 0]
        >>> print(contrast([a_none, a_wrong, b_none, b_wrong], [[1, 2, 3]] * 4, [1, -1, -1, 1]))
        0.67 [0.00, 1.00], n=3
    """
    check_level(level)
    _check_terms(hits, clusters, signs)
    columns = [read_hits(one, name=f"hits[{place}]") for place, one in enumerate(hits)]
    ids = [
        read_clusters(one, rows=len(column), name=f"clusters[{place}]")
        for place, (one, column) in enumerate(zip(clusters, columns, strict=True))
    ]
    if any(len(column) == 0 for column in columns):
        return Estimate.undefined()
    totals = cluster_totals(_side_by_side(columns), np.concatenate(ids))
    resampled = resample_totals(totals, resamples=resamples, seed=seed)
    resampled = resampled[(resampled[:, 1::2] > 0).all(axis=1)]
    values = sum(
        sign * resampled[:, 2 * place] / resampled[:, 2 * place + 1] for place, sign in enumerate(signs)
    )
    rates = [float(column.mean()) for column in columns]
    value = sum(sign * rate for sign, rate in zip(signs, rates, strict=True))
    sizes = np.count_nonzero(totals[:, 1::2], axis=0).tolist()
    if all_agree(np.asarray(values)):
        interval = _by_formula(rates, sizes, signs, level)
    else:
        interval = percentiles(np.asarray(values), value, level)
    return Estimate(value, *interval, len(totals))


def _check_terms(hits: Sequence[ArrayLike], clusters: Sequence[ArrayLike], signs: Sequence[int]) -> None:
    if not len(hits) == len(clusters) == len(signs) or not signs:
        raise UsageError(
            f"{len(hits)} lists of hits, {len(clusters)} of clusters and {len(signs)} signs: give one "
            "of each for each rate."
        )
    if wrong := [sign for sign in signs if sign not in (1, -1)]:
        raise UsageError(f"A sign is {wrong[0]}; it must be 1 or -1.")


def _side_by_side(columns: Sequence[FloatArray]) -> FloatArray:
    """Hits and rows of each rate in two columns of their own. Shape (rows of all rates, 2 x rates)."""
    table = np.zeros((sum(len(column) for column in columns), 2 * len(columns)))
    start = 0
    for place, column in enumerate(columns):
        table[start : start + len(column), 2 * place] = column
        table[start : start + len(column), 2 * place + 1] = 1
        start += len(column)
    return table


def _by_formula(
    rates: Sequence[float], sizes: Sequence[int], signs: Sequence[int], level: float
) -> tuple[float, float]:
    value = sum(sign * rate for sign, rate in zip(signs, rates, strict=True))
    below, above = [], []
    for rate, size, sign in zip(rates, sizes, signs, strict=True):
        low, high = wilson(rate * size, size, level)
        below.append(rate - low if sign == 1 else high - rate)
        above.append(high - rate if sign == 1 else rate - low)
    # Rounding alone could lead past what signs and rates allow.
    least, most = -sum(sign == -1 for sign in signs), sum(sign == 1 for sign in signs)
    return max(value - math.hypot(*below), least), min(value + math.hypot(*above), most)

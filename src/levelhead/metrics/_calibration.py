"""Whether a confidence can be read as a probability: calibration error, its bins, and the Brier score.

A confidence here is the probability that the row is a hit, in [0, 1]; another scale is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._bootstrap import RESAMPLES
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, IdArray, read_clusters, read_confident
from levelhead.metrics._intervals import proportion
from levelhead.metrics._statistic import Statistic, divide, estimate
from levelhead.metrics._wilson import LEVEL

Scheme = Literal["equal_width", "equal_mass"]

BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of similar confidence: one point of a reliability plot.

    Attributes:
        low: Lower edge, or the lowest confidence in the bin for bins of equal mass.
        high: Upper edge, or the highest confidence in the bin.
        mean_confidence: What the rows promised, in [0, 1].
        accuracy: What they kept: the share of hits, with its interval and the number of rows.
    """

    low: float
    high: float
    mean_confidence: float
    accuracy: Estimate


def reliability_bins(
    confidences: ArrayLike,
    hits: ArrayLike,
    *,
    bins: int = BINS,
    scheme: Scheme = "equal_width",
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
) -> tuple[ReliabilityBin, ...]:
    """The bins behind `expected_calibration_error`, for the reliability plot.

    Args:
        confidences: Probabilities in [0, 1]. Shape (rows,).
        hits: Booleans. Shape (rows,).
        bins: How many, at least 1.
        scheme: How they are cut, as in `expected_calibration_error`.
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the intervals.

    Returns:
        The bins that hold a row, from low to high.

    Raises:
        UsageError: If lengths differ, a confidence is outside [0, 1], or a setting is out of range.

    Example:
        >>> for cell in reliability_bins([0.0, 0.4, 0.6, 1.0], [False, True, True, True], bins=2):
        ...     print(cell.low, cell.high, cell.mean_confidence, cell.accuracy)
        0.0 0.5 0.2 0.50 [0.09, 0.91], n=2
        0.5 1.0 0.8 1.00 [0.34, 1.00], n=2
    """
    numbers, right = read_confident(confidences, hits)
    ids = None if clusters is None else read_clusters(clusters, rows=len(right))
    places = _places(numbers, bins, scheme)
    cells = []
    for place in np.unique(places):
        inside = places == place
        held = numbers[inside]
        edges = (
            (float(place / bins), float((place + 1) / bins))
            if scheme == "equal_width"
            else (float(held.min()), float(held.max()))
        )
        accuracy = proportion(right[inside], clusters=None if ids is None else ids[inside], level=level)
        cells.append(ReliabilityBin(*edges, float(held.mean()), accuracy))
    return tuple(cells)


def expected_calibration_error(
    confidences: ArrayLike,
    hits: ArrayLike,
    *,
    bins: int = BINS,
    scheme: Scheme = "equal_width",
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""How far confidence and accuracy lie apart, on average over bins of similar confidence: ECE.

    .. math::
        \text{ECE} = \sum_{b=1}^{B} \frac{n_b}{n} \left|\text{acc}_b - \text{conf}_b\right|

    where :math:`n_b` counts the rows of bin :math:`b`, :math:`\text{acc}_b` is their share of hits and
    :math:`\text{conf}_b` their mean confidence.

    Bins of equal width are :math:`[0, 1/B), [1/B, 2/B), \dots, [(B-1)/B, 1]`: a confidence of 1 is in the
    last bin. Bins of equal mass hold about :math:`n / B` rows each; equal confidences are never parted, so
    there may be fewer bins. Resamples keep the bins of the data.

    With few rows in a bin chance alone parts accuracy and confidence, so that ECE is above 0 for a perfect
    confidence too: with 500 rows and 15 bins, at about 0.05. The interval allows for that (see `reflected`).
    With 300 rows or more, 95% intervals hold the error of infinitely many rows in 90% of samples or more,
    whether it is 0 or not; with fewer rows, less often.

    Args:
        confidences: Probabilities in [0, 1]. Shape (rows,).
        hits: Booleans. Shape (rows,).
        bins: How many, at least 1.
        scheme: `equal_width` or `equal_mass`.
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], lower is better, with the interval that `estimate` describes; n counts rows.
        Undefined for no rows.

    Raises:
        UsageError: If lengths differ, a confidence is outside [0, 1], or a setting is out of range.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017. The last bin is closed
        because of https://github.com/Lightning-AI/torchmetrics/issues/3510.

    Example:
        >>> print(expected_calibration_error([1.0, 1.0, 0.6, 0.6], [True, True, True, False]))
        0.05 [0.00, 0.10], n=4
    """

    def metric(confidences: ArrayLike, hits: ArrayLike) -> Statistic:
        return expected_calibration_error_statistic(confidences, hits, bins=bins, scheme=scheme)

    return estimate(
        metric, (confidences, hits), clusters=clusters, level=level, resamples=resamples, seed=seed
    )


def expected_calibration_error_statistic(
    confidences: ArrayLike, hits: ArrayLike, *, bins: int = BINS, scheme: Scheme = "equal_width"
) -> Statistic:
    """What `expected_calibration_error` estimates, for `paired_difference`."""
    numbers, right = read_confident(confidences, hits)
    _, places = np.unique(_places(numbers, bins, scheme), return_inverse=True)
    gaps = np.zeros((len(right), places.max(initial=0) + 1))  # (rows, bins)
    gaps[np.arange(len(right)), places] = right - numbers

    def under(weights: FloatArray) -> FloatArray:
        return divide(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))

    return Statistic(len(right), under, chance_raises=True)


def brier(
    confidences: ArrayLike,
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The mean squared distance of confidence and outcome: the Brier score.

    .. math::
        \text{BS} = \frac{1}{n} \sum_{i=1}^{n} (c_i - h_i)^2

    where :math:`c_i` is the confidence of row :math:`i` and :math:`h_i` is 1 for a hit and 0 otherwise. It is
    lowest in expectation for the true probabilities, so it rewards calibration and ranking both. A confidence
    of 0.5 throughout scores 0.25.

    Args:
        confidences: Probabilities in [0, 1]. Shape (rows,).
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], lower is better, with the interval that `estimate` describes; n counts rows.
        Undefined for no rows.

    Raises:
        UsageError: If lengths differ, a confidence is outside [0, 1], or a setting is out of range.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
        78, 1950, for two classes and without its factor of 2.

    Example:
        >>> print(brier([1.0, 0.8, 0.4, 0.1], [True, True, False, False]))
        0.05 [0.01, 0.12], n=4
    """
    return estimate(
        brier_statistic, (confidences, hits), clusters=clusters, level=level, resamples=resamples, seed=seed
    )


def brier_statistic(confidences: ArrayLike, hits: ArrayLike) -> Statistic:
    """What `brier` estimates, for `paired_difference`."""
    numbers, right = read_confident(confidences, hits)
    squares = (numbers - right) ** 2

    def under(weights: FloatArray) -> FloatArray:
        return divide(weights @ squares, weights.sum(axis=1))

    return Statistic(len(right), under)


def _places(numbers: FloatArray, bins: int, scheme: Scheme) -> IdArray:
    """The bin of each row, counted from 0."""
    if bins < 1:
        raise UsageError(f"bins is {bins}; there must be at least 1.")
    if scheme == "equal_width":
        # Compared with the edges themselves: a product such as 0.29 * 100 may fall short of its bin.
        return np.searchsorted(np.arange(1, bins) / bins, numbers, side="right")
    if scheme == "equal_mass":
        in_order = np.sort(numbers)
        below = np.searchsorted(in_order, numbers, side="left")
        not_above = np.searchsorted(in_order, numbers, side="right")
        # The middle rank of equal confidences, in halves, decides for all of them.
        return (below + not_above) * bins // (2 * max(1, len(numbers)))
    raise UsageError(f"scheme is {scheme!r}; it must be 'equal_width' or 'equal_mass'.")

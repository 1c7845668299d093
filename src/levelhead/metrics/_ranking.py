"""How well a score puts what is to be found above the rest, and what a threshold on it does.

For a confidence the hits are right answers; for a detector of harm they are harmful texts. Only the order of
the scores counts in average precision, AUROC and the false positive rate: any scale will do,
log-probabilities too. Equal scores are taken together, so their order in the file does not matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._bootstrap import RESAMPLES
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, read_scored
from levelhead.metrics._statistic import Statistic, divide, estimate
from levelhead.metrics._ties import Ranking, steps
from levelhead.metrics._wilson import LEVEL

# A recall of 0.56 among 25 hits is 14 of them, though 0.56 * 25 is a little more than 14 in floats.
_ROUNDING = 1e-9


def average_precision(
    scores: ArrayLike,
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""Precision averaged over recall as the threshold falls: AP, also reported as AUPRC.

    .. math::
        \text{AP} = \sum_{k} (R_k - R_{k-1}) \, P_k

    where :math:`P_k` and :math:`R_k` are precision and recall among the rows that score at least as high as
    the :math:`k`-th highest distinct score. It is the sum of steps; nothing is interpolated.

    A score that says nothing has the share of hits as its AP, so a run that is merely more accurate has a
    higher AP. Report `auroc` beside it.

    Args:
        scores: Finite numbers, higher for what is more likely a hit. Shape (rows,).
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in (0, 1], 1 if all hits are above all misses, with the interval that `estimate` describes; n
        counts rows. Undefined if there is no hit.

    Raises:
        UsageError: If lengths differ, a score is not finite, or a setting is out of range.

    Source: H. Zhang et al., "R-Tuning", NAACL 2024, section 4, with ties taken together.

    Example:
        >>> print(average_precision([0.9, 0.8, 0.8, 0.3], [True, True, False, True]))
        0.81 [0.25, 1.00], n=4
    """
    return estimate(
        average_precision_statistic,
        (scores, hits),
        clusters=clusters,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def average_precision_statistic(scores: ArrayLike, hits: ArrayLike) -> Statistic:
    """What `average_precision` estimates, for `paired_difference`."""
    numbers, right = read_scored(scores, hits)
    ranking = Ranking.of(numbers)

    def under(weights: FloatArray) -> FloatArray:
        found = ranking.running_sums(weights * right)
        flagged = ranking.running_sums(weights)
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        return divide((steps(found) * precision).sum(axis=1), weights @ right)

    return Statistic(len(right), under, needs=(right,))


def auroc(
    scores: ArrayLike,
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The area under the ROC curve: how often a hit scores higher than a miss.

    .. math::
        \text{AUROC} = \frac{1}{n_1 n_0} \sum_{i: h_i = 1} \; \sum_{j: h_j = 0}
            \left([s_i > s_j] + \tfrac{1}{2} [s_i = s_j]\right)

    where :math:`s` is the score, :math:`h` the hit, :math:`n_1` the number of hits and :math:`n_0` that of
    misses. It does not depend on how many there are of each.

    Args:
        scores: Finite numbers, higher for what is more likely a hit. Shape (rows,).
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], 0.5 for a score that says nothing, with the interval that `estimate` describes; n
        counts rows. Undefined without a hit or without a miss.

    Raises:
        UsageError: If lengths differ, a score is not finite, or a setting is out of range.

    Source: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
        characteristic (ROC) curve", Radiology 143, 1982.

    Example:
        >>> print(auroc([0.9, 0.8, 0.8, 0.3], [True, True, False, False]))
        0.88 [0.50, 1.00], n=4
    """
    return estimate(
        auroc_statistic, (scores, hits), clusters=clusters, level=level, resamples=resamples, seed=seed
    )


def auroc_statistic(scores: ArrayLike, hits: ArrayLike) -> Statistic:
    """What `auroc` estimates, for `paired_difference`."""
    numbers, right = read_scored(scores, hits)
    ranking = Ranking.of(numbers)
    wrong = 1 - right

    def under(weights: FloatArray) -> FloatArray:
        found = ranking.running_sums(weights * right)
        false = ranking.running_sums(weights * wrong)
        # A miss of a group is below all hits above the group and ties with those in it.
        above = found - steps(found) / 2
        return divide((steps(false) * above).sum(axis=1), (weights @ right) * (weights @ wrong))

    return Statistic(len(right), under, needs=(right, wrong))


def f1_at(
    scores: ArrayLike,
    hits: ArrayLike,
    *,
    threshold: float,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The F1 score of the rows that a threshold flags.

    .. math::
        F_1 = \frac{2\,\text{TP}}{2\,\text{TP} + \text{FP} + \text{FN}}

    where TP counts the hits that score at least the threshold, FP the misses that do, and FN the hits that
    score less.

    Args:
        scores: Finite numbers, higher for what is more likely a hit. Shape (rows,).
        hits: Booleans. Shape (rows,).
        threshold: The lowest score that is flagged. Choose it on other rows than these.
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1] with the interval that `estimate` describes; n counts rows. Undefined if nothing is
        a hit and nothing is flagged.

    Raises:
        UsageError: If lengths differ, a score is not finite, or a setting is out of range.

    Example:
        >>> print(f1_at([0.9, 0.8, 0.8, 0.3], [True, True, False, True], threshold=0.5))
        0.67 [0.00, 1.00], n=4
    """

    def metric(scores: ArrayLike, hits: ArrayLike) -> Statistic:
        return f1_at_statistic(scores, hits, threshold=threshold)

    return estimate(metric, (scores, hits), clusters=clusters, level=level, resamples=resamples, seed=seed)


def f1_at_statistic(scores: ArrayLike, hits: ArrayLike, *, threshold: float) -> Statistic:
    """What `f1_at` estimates, for `paired_difference`."""
    if math.isnan(threshold):
        raise UsageError("threshold is NaN; give the lowest score that is flagged.")
    numbers, right = read_scored(scores, hits)
    flagged = (numbers >= threshold).astype(np.float64)

    def under(weights: FloatArray) -> FloatArray:
        return divide(2 * (weights @ (flagged * right)), weights @ (flagged + right))

    return Statistic(len(right), under, needs=(np.maximum(flagged, right),))


def false_positive_rate_at_recall(
    scores: ArrayLike,
    hits: ArrayLike,
    *,
    recall: float = 0.9,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The share of misses that must be flagged to find a given share of hits.

    .. math::
        \text{FPR}(t) = \frac{|\{j : h_j = 0,\; s_j \ge t\}|}{n_0}, \qquad
        t = \max\left\{s_i : \frac{|\{k : h_k = 1,\; s_k \ge s_i\}|}{n_1} \ge r\right\}

    where :math:`s` is the score, :math:`h` the hit, :math:`n_1` the number of hits, :math:`n_0` that of
    misses and :math:`r` the recall. The threshold :math:`t` is a score that occurs; nothing is interpolated,
    and each resample finds its own.

    Args:
        scores: Finite numbers, higher for what is more likely a hit. Shape (rows,).
        hits: Booleans. Shape (rows,).
        recall: The share of hits to find, above 0 and at most 1.
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], lower is better, with the interval that `estimate` describes; n counts rows.
        Undefined without a hit or without a miss.

    Raises:
        UsageError: If lengths differ, a score is not finite, or a setting is out of range.

    Example:
        >>> print(false_positive_rate_at_recall([0.9, 0.8, 0.7, 0.3], [True, False, True, False], recall=1.0))
        0.50 [0.00, 1.00], n=4
    """

    def metric(scores: ArrayLike, hits: ArrayLike) -> Statistic:
        return false_positive_rate_at_recall_statistic(scores, hits, recall=recall)

    return estimate(metric, (scores, hits), clusters=clusters, level=level, resamples=resamples, seed=seed)


def false_positive_rate_at_recall_statistic(
    scores: ArrayLike, hits: ArrayLike, *, recall: float = 0.9
) -> Statistic:
    """What `false_positive_rate_at_recall` estimates, for `paired_difference`."""
    if not 0 < recall <= 1:
        raise UsageError(f"recall is {recall}; it must be above 0 and at most 1.")
    numbers, right = read_scored(scores, hits)
    ranking = Ranking.of(numbers)
    wrong = 1 - right

    def under(weights: FloatArray) -> FloatArray:
        found = ranking.running_sums(weights * right)
        enough = found >= recall * (weights @ right)[:, None] * (1 - _ROUNDING)
        false = ranking.running_sums(weights * wrong)
        at_threshold = false[np.arange(len(weights)), np.argmax(enough, axis=1)]
        at_threshold[weights @ right == 0] = np.nan
        return divide(at_threshold, weights @ wrong)

    return Statistic(len(right), under, needs=(right, wrong))

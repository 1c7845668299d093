"""What refusing the least confident answers would buy: risk against coverage.

A system that may stay silent answers the share of questions of which it is most confident, its coverage, and
is wrong in some share of those, its risk. Only the order of the confidences counts, so any scale will do.
Equal confidences are taken together: among them the expected risk of a random order is used, so that their
order in the file does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from levelhead.metrics._bootstrap import RESAMPLES
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, read_scored
from levelhead.metrics._statistic import Statistic, divide, estimate
from levelhead.metrics._ties import Ranking, steps
from levelhead.metrics._wilson import LEVEL


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The risk-coverage curve: one point for each distinct confidence, the highest first.

    Attributes:
        thresholds: The lowest confidence that is answered. Shape (points,).
        coverage: The share of rows that are answered, rising to 1. Shape (points,).
        risk: The share of the answered rows that are wrong. Shape (points,).
    """

    thresholds: FloatArray
    coverage: FloatArray
    risk: FloatArray


def risk_coverage(confidences: ArrayLike, hits: ArrayLike) -> RiskCoverage:
    r"""The curve of risk against coverage, as the threshold on the confidence falls.

    .. math::
        \text{coverage}(t) = \frac{|\{i : c_i \ge t\}|}{n}, \qquad
        \text{risk}(t) = \frac{|\{i : c_i \ge t,\; h_i = 0\}|}{|\{i : c_i \ge t\}|}

    where :math:`c` is the confidence and :math:`h` is 1 for a right answer.

    Args:
        confidences: Finite numbers, on any scale. Shape (rows,).
        hits: Booleans. Shape (rows,).

    Returns:
        The curve; without points for no rows.

    Raises:
        UsageError: If lengths differ, or a confidence is not finite.

    Source: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", Journal of
        Machine Learning Research 11, 2010.

    Example:
        >>> curve = risk_coverage([0.9, 0.8, 0.8, 0.3], [True, True, False, False])
        >>> curve.coverage.tolist(), curve.risk.round(2).tolist()
        ([0.25, 0.75, 1.0], [0.0, 0.33, 0.5])
    """
    numbers, right = read_scored(confidences, hits, name="confidences")
    ranking = Ranking.of(numbers)
    answered = ranking.ends + 1
    wrong = ranking.running_sums(1 - right[None])[0]
    return RiskCoverage(numbers[ranking.order][ranking.ends], answered / max(1, len(right)), wrong / answered)


def aurc(
    confidences: ArrayLike,
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""The area under the risk-coverage curve, as the mean of the risks at all coverages.

    .. math::
        \text{AURC} = \frac{1}{n} \sum_{k=1}^{n} r_k, \qquad
        r_k = \frac{e + (k - m)\, e' / m'}{k}

    where :math:`r_k` is the expected risk of the :math:`k` most confident rows: :math:`m` rows with :math:`e`
    wrong ones stand above the group of equal confidence that the :math:`k`-th falls in, and that group has
    :math:`m'` rows with :math:`e'` wrong ones. Without ties :math:`r_k` is the share of wrong rows among the
    first :math:`k`. A confidence that says nothing has the share of wrong rows as its AURC.

    Args:
        confidences: Finite numbers, on any scale. Shape (rows,).
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], lower is better, with the interval that `estimate` describes; n counts rows.
        Undefined for no rows.

    Raises:
        UsageError: If lengths differ, a confidence is not finite, or a setting is out of range.

    Source: Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-reduced uncertainty estimation for deep neural
        classifiers", ICLR 2019. The expected risk among ties is our own reading.

    Example:
        >>> print(aurc([0.9, 0.8, 0.8, 0.3], [True, True, False, False]))
        0.27 [0.00, 1.00], n=4
    """
    return estimate(
        aurc_statistic, (confidences, hits), clusters=clusters, level=level, resamples=resamples, seed=seed
    )


def aurc_statistic(confidences: ArrayLike, hits: ArrayLike) -> Statistic:
    """What `aurc` estimates, for `paired_difference`."""
    numbers, right = read_scored(confidences, hits, name="confidences")
    ranking = Ranking.of(numbers)

    def under(weights: FloatArray) -> FloatArray:
        return divide(_summed_risks(ranking, weights, 1 - right), weights.sum(axis=1))

    return Statistic(len(right), under)


def e_aurc(
    confidences: ArrayLike,
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    r"""How far the AURC is above that of a perfect order of the same answers.

    .. math::
        \text{E-AURC} = \text{AURC} - \text{AURC}^*

    where :math:`\text{AURC}^*` is the AURC with all right rows before all wrong ones. Unlike AURC it is 0 for
    a perfect confidence, however many answers are wrong.

    Args:
        confidences: Finite numbers, on any scale. Shape (rows,).
        hits: Booleans. Shape (rows,).
        clusters: Which rows belong together, as ids. Shape (rows,). None if each row stands for itself.
        level: Level of the interval.
        resamples: Draws of the bootstrap, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        A value in [0, 1], lower is better, with the interval that `estimate` describes; n counts rows.
        Undefined for no rows.

    Raises:
        UsageError: If lengths differ, a confidence is not finite, or a setting is out of range.

    Source: Y. Geifman, G. Uziel and R. El-Yaniv, as for `aurc`; the optimum is that of the finite sample.

    Example:
        >>> print(e_aurc([0.9, 0.8, 0.8, 0.3], [True, True, False, False]))
        0.06 [0.00, 0.29], n=4
    """
    return estimate(
        e_aurc_statistic, (confidences, hits), clusters=clusters, level=level, resamples=resamples, seed=seed
    )


def e_aurc_statistic(confidences: ArrayLike, hits: ArrayLike) -> Statistic:
    """What `e_aurc` estimates, for `paired_difference`."""
    numbers, right = read_scored(confidences, hits, name="confidences")
    ranking, perfect = Ranking.of(numbers), Ranking.of(right)

    def under(weights: FloatArray) -> FloatArray:
        excess = _summed_risks(ranking, weights, 1 - right) - _summed_risks(perfect, weights, 1 - right)
        return divide(excess, weights.sum(axis=1))

    return Statistic(len(right), under)


def _summed_risks(ranking: Ranking, weights: FloatArray, wrong: FloatArray) -> FloatArray:
    r"""The sum of the risks at all coverages, of shape (resamples,), each row counted weight times.

    Within a group the risk at the k-th row is :math:`e'/m' + (e - m\, e'/m') / k`, in the letters of `aurc`.
    So its sum over the group is :math:`e' + (e - m\, e'/m') (H_{m + m'} - H_m)`, where :math:`H` are the
    harmonic numbers.
    """
    rows, errors = ranking.running_sums(weights), ranking.running_sums(weights * wrong)
    new_rows, new_errors = steps(rows), steps(errors)
    rate = np.divide(new_errors, new_rows, out=np.zeros_like(rows), where=new_rows > 0)
    most = int(rows.max(initial=0))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, most + 1))])[rows.astype(np.intp)]
    trend = (errors - new_errors) - (rows - new_rows) * rate
    sums: FloatArray = (new_errors + trend * steps(harmonic)).sum(axis=1)
    return sums

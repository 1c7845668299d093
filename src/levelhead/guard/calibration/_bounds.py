"""The exact one-sided bound for a rate, by which a threshold is chosen. Pure functions of counts."""

from __future__ import annotations

import math


def binomial_tail(successes: int, total: int, rate: float) -> float:
    """Probability of at most so many successes of `total`, each with this rate.

    >>> round(binomial_tail(0, 2, 0.5), 4), binomial_tail(2, 2, 0.5)
    (0.25, 1.0)
    """
    if successes >= total or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    odds, of_none = math.log(rate) - math.log1p(-rate), total * math.log1p(-rate)
    logs = [of_none + _log_choose(total, hits) + hits * odds for hits in range(successes + 1)]
    largest = max(logs)
    return min(1.0, math.exp(largest) * math.fsum(math.exp(one - largest) for one in logs))


def upper_bound(successes: int, total: int, confidence: float) -> float:
    """The upper Clopper-Pearson bound: below it lies the true rate, with this confidence at least.

    It is the rate at which so few successes have a probability of 1 - confidence.

    Args:
        successes: From 0 to the total.
        total: At least 1.
        confidence: Between 0 and 1; one-sided.

    Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case
        of the binomial", Biometrika 26, 1934.

    >>> round(upper_bound(0, 149, 0.95), 4)
    0.0199
    """
    if successes >= total:
        return 1.0
    low, high = successes / total, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if binomial_tail(successes, total, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def most_within(total: int, budget: float, confidence: float) -> int | None:
    """The most successes of `total` whose upper bound lies within the budget; None if not even 0 does.

    >>> most_within(149, 0.02, 0.95), most_within(148, 0.02, 0.95)
    (0, None)
    """
    # Of the two ends the lower one always fits and the higher one never does: its rate is the budget itself.
    low, high = -1, min(total, math.ceil(total * budget)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_tail(middle, total, budget) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return None if low < 0 else low


def fewest_rows(budget: float, confidence: float) -> int:
    """How many rows it takes to show that a rate is within the budget, if none of them is a success.

    >>> fewest_rows(0.02, 0.95)
    149
    """
    return math.ceil(math.log(1 - confidence) / math.log1p(-budget))


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)

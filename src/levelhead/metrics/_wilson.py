"""Intervals by formula, for one rate and for the difference of two: they keep a width at 0 and at 1."""

from __future__ import annotations

import math
from statistics import NormalDist

from levelhead.errors import UsageError

LEVEL = 0.95


def wilson(successes: float, total: float, level: float = LEVEL) -> tuple[float, float]:
    r"""Wilson's score interval for a rate.

    .. math::
        \frac{\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n + z^2 / 4 n^2}}{1 + z^2 / n}

    where :math:`n` is the total, :math:`\hat p` the successes over :math:`n`, and :math:`z` the two-sided
    normal quantile of the level.

    Args:
        successes: Rows that were right, from 0 to the total. It may be broken, as may the total, when rows
            are counted in part (see `proportion`).
        total: All rows.
        level: How often such intervals are to hold the true rate, between 0 and 1.

    Returns:
        Lower and upper end, in [0, 1]; both NaN for a total of 0.

    Raises:
        UsageError: If an argument is out of range.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
        the American Statistical Association 22, 1927.

    Example:
        >>> low, high = wilson(8, 10)
        >>> round(low, 4), round(high, 4)
        (0.4902, 0.9433)
    """
    check_level(level)
    if not 0 <= successes <= total < math.inf:
        raise UsageError(f"{successes} successes of {total}: successes lie between 0 and a finite total.")
    if total == 0:
        return math.nan, math.nan
    z = -NormalDist().inv_cdf((1 - level) / 2)
    rate = successes / total
    center = rate + z**2 / (2 * total)
    half_width = z * math.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # The rate lies between the ends, and the ends in [0, 1]: rounding alone could break either.
    low = min(max((center - half_width) / scale, 0.0), rate)
    high = max(min((center + half_width) / scale, 1.0), rate)
    return low, high


def newcombe(rate_a: float, total_a: int, rate_b: float, total_b: int, level: float) -> tuple[float, float]:
    r"""Newcombe's interval for the difference of two rates, made of their Wilson intervals.

    .. math::
        \left[d - \sqrt{(\hat p_a - l_a)^2 + (u_b - \hat p_b)^2},\;
              d + \sqrt{(u_a - \hat p_a)^2 + (\hat p_b - l_b)^2}\right]

    where :math:`d = \hat p_a - \hat p_b` and :math:`(l, u)` are the Wilson intervals.

    Args:
        rate_a: Rate of a, in [0, 1].
        total_a: Rows behind it, at least 1.
        rate_b: Rate of b, in [0, 1].
        total_b: Rows behind it, at least 1.
        level: How often such intervals are to hold the true difference, between 0 and 1.

    Returns:
        Lower and upper end, in [-1, 1].

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions:
        comparison of eleven methods", Statistics in Medicine 17, 1998, method 10.
    """
    low_a, high_a = wilson(rate_a * total_a, total_a, level)
    low_b, high_b = wilson(rate_b * total_b, total_b, level)
    gap = rate_a - rate_b
    low = gap - math.hypot(rate_a - low_a, high_b - rate_b)
    high = gap + math.hypot(high_a - rate_a, rate_b - low_b)
    return max(low, -1.0), min(high, 1.0)  # past either by rounding alone


def check_level(level: float) -> None:
    """Refuse a level that is no probability.

    Raises:
        UsageError: If it does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; it must lie between 0 and 1, such as 0.95.")

"""Quantiles with an interval that assumes no shape: half of the requests took longer than that."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._inputs import FloatArray, read_values
from levelhead.metrics._wilson import LEVEL, check_level


def quantile(values: ArrayLike, share: float, *, level: float = LEVEL) -> Estimate:
    r"""A quantile of a measured quantity, such as the median or the 95th percentile of a latency.

    The value is :math:`x_{(k)}` with :math:`k = \lceil q n \rceil`, the smallest measurement that at least a
    share :math:`q` of them does not exceed. The interval is :math:`[x_{(l)}, x_{(u)}]` with

    .. math::
        l = \max\{r : P(B < r) \le \alpha / 2\}, \qquad u = \min\{r : P(B \ge r) \le \alpha / 2\}

    where :math:`B` is binomial with :math:`n` draws at :math:`q`, :math:`\alpha` is 1 minus the level, and
    :math:`x_{(r)}` is the r-th smallest measurement. It holds for any distribution. Where there are too few
    measurements for a rank on either side, as below 73 for the 95th percentile, there is no interval.

    Args:
        values: Finite numbers, in any unit, independent of each other. Shape (rows,).
        share: Which quantile, between 0 and 1.
        level: Level of the interval.

    Returns:
        A value in the unit of `values`, one of them; n counts rows. Undefined for no rows.

    Raises:
        UsageError: If a value is NaN or infinite, or share or level do not lie between 0 and 1.

    Source: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition, 2003, section 7.1.

    Example:
        >>> print(quantile(range(1, 101), 0.5))
        50.00 [40.00, 61.00], n=100
        >>> print(quantile([1.0, 2.0, 9.0], 0.95))
        9.00 [no interval], n=3
    """
    check_level(level)
    if not 0 < share < 1:
        raise UsageError(f"share is {share}; a quantile lies between 0 and 1, such as 0.95.")
    ranked = np.sort(read_values(values))
    n = len(ranked)
    if n == 0:
        return Estimate.undefined()
    # Rounding may lift q n just above a whole number; the true product would not reach the next rank.
    value = float(ranked[max(1, math.ceil(share * n - 1e-9)) - 1])
    tail = (1 - level) / 2
    below = _binomial_cdf(n, share)  # below[r] = P(B <= r), r = 0 .. n
    lower = int(np.searchsorted(below, tail, side="right"))  # greatest r with P(B < r) <= tail
    upper = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    if lower < 1 or upper > n:
        return Estimate(value, math.nan, math.nan, n)
    return Estimate(value, float(ranked[lower - 1]), float(ranked[upper - 1]), n)


def _binomial_cdf(n: int, share: float) -> FloatArray:
    """P(B <= r) for r = 0 .. n. Shape (n + 1,)."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # (n + 1,), log r!
    hits = np.arange(n + 1)
    log_choices = factorials[n] - factorials - factorials[::-1]
    log_probabilities = log_choices + hits * math.log(share) + (n - hits) * math.log1p(-share)
    probabilities: FloatArray = np.minimum(np.cumsum(np.exp(log_probabilities)), 1.0)
    return probabilities

"""A paired test: did two systems, asked the same questions, differ by more than chance?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from levelhead.errors import UsageError
from levelhead.metrics._inputs import read_hits


@dataclass(frozen=True, slots=True)
class McNemar:
    """The result of McNemar's exact test.

    Attributes:
        only_a: Pairs that a alone got right: `b` in the usual table.
        only_b: Pairs that b alone got right: `c` in the usual table.
        n: All pairs, with those on which a and b agree.
        p_value: Probability of a split at least this uneven if a and b were equally good, in [0, 1].
    """

    only_a: int
    only_b: int
    n: int
    p_value: float


def mcnemar(a_hits: ArrayLike, b_hits: ArrayLike) -> McNemar:
    r"""Compare two paired accuracies with McNemar's exact test, two-sided.

    .. math::
        p = \min\left(1,\; 2 \sum_{i=0}^{\min(b, c)} \binom{b + c}{i} 2^{-(b + c)}\right)

    where :math:`b` counts the pairs that only a got right and :math:`c` those that only b got right. Pairs on
    which they agree tell nothing; if they agree on all, p is 1. The test is the exact one at any size: no
    chi-square approximation, no mid-p.

    The pairs must be independent, so give one for each question: five pictures of a question are not five
    pairs.

    Args:
        a_hits: Whether a was right. Shape (pairs,).
        b_hits: Whether b was right on the same question. Shape (pairs,).

    Returns:
        The discordant counts and the p-value.

    Raises:
        UsageError: If the lengths differ, or something else than true and false stands among the hits.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 1947. The exact form is a sign test on the discordant pairs.

    Example:
        >>> test = mcnemar([True, True, True, True, False], [False, False, False, True, False])
        >>> test.only_a, test.only_b, test.n, round(test.p_value, 4)
        (3, 0, 5, 0.25)
    """
    a, b = read_hits(a_hits, name="a_hits"), read_hits(b_hits, name="b_hits")
    if len(a) != len(b):
        raise UsageError(f"{len(a)} a_hits and {len(b)} b_hits: a paired test needs both for each question.")
    only_a, only_b = int(np.count_nonzero(a > b)), int(np.count_nonzero(b > a))
    return McNemar(only_a, only_b, len(a), _sign_test(only_a, only_b))


def _sign_test(b: int, c: int) -> float:
    """Two-sided binomial probability of a split as uneven as b : c at p = 1/2.

    The largest term of the sum comes from log-gamma. Each smaller one is the one before it times k / (n - k +
    1), with k falling to 1: nothing overflows, and what underflows is too small to matter.
    """
    n, k = b + c, min(b, c)
    log_largest = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    ratios = np.arange(k, 0, -1) / np.arange(n - k + 1, n + 1)
    terms_over_largest = 1.0 + float(np.cumprod(ratios).sum())
    return min(1.0, 2 * math.exp(log_largest) * terms_over_largest)

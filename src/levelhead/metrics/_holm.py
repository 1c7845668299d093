"""Many tests at once: p-values corrected so that none of them is called a finding by chance alone."""

from __future__ import annotations

from collections.abc import Sequence

from levelhead.errors import UsageError


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Correct the p-values of a family of tests by Holm's step-down method.

    .. math::
        \tilde p_{(k)} = \min\left(1,\; \max_{j \le k} (m - j + 1)\, p_{(j)}\right)

    where :math:`p_{(1)} \le \dots \le p_{(m)}` are the p-values in order. To call all tests with
    :math:`\tilde p \le 0.05` findings is wrong about any of them in at most 5% of families, whatever the
    tests have to do with each other: those of all pairs of models share models and questions.

    Args:
        p_values: One for each test of the family, in [0, 1].

    Returns:
        The corrected ones, in the order given; none is smaller than before.

    Raises:
        UsageError: If one is no probability.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
        Statistics 6, 1979.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    if wrong := [p for p in p_values if not 0 <= p <= 1]:
        raise UsageError(f"A p-value is {wrong[0]}; it must lie between 0 and 1.")
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for done, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - done) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from levelhead.errors import UsageError
from levelhead.metrics import McNemar, mcnemar


def table(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[bool], list[bool]]:
    """The paired hits that make up a table of counts."""
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


def test_the_discordant_pairs_are_counted_by_who_was_right() -> None:
    result = mcnemar(*table(both=4, only_a=3, only_b=1, neither=2))
    assert (result.only_a, result.only_b, result.n) == (3, 1, 10)


@given(counts=st.tuples(*[st.integers(0, 60)] * 4))
def test_the_p_value_is_that_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    both, only_a, only_b, neither = counts
    expected = reference_mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert mcnemar(*table(*counts)).p_value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("only_a", "only_b"), [(480, 560), (50_000, 50_700), (100_000, 99_999), (0, 900)])
def test_large_counts_are_as_exact_as_small_ones(only_a: int, only_b: int) -> None:
    expected = binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(*table(7, only_a, only_b, 3)).p_value == pytest.approx(expected, rel=1e-8)


def test_the_p_value_is_that_of_counting_with_whole_numbers() -> None:
    n, k = 1200, 560
    expected = float(Fraction(2 * sum(math.comb(n, i) for i in range(k + 1)), 2**n))
    assert mcnemar(*table(0, k, n - k, 0)).p_value == pytest.approx(expected, rel=1e-10)


def test_a_split_too_uneven_for_a_float_has_p_value_zero_and_raises_nothing() -> None:
    assert mcnemar(*table(0, 5000, 0, 0)).p_value == 0.0


@pytest.mark.parametrize(("both", "neither"), [(0, 0), (9, 0), (0, 9), (4, 5)])
def test_without_a_discordant_pair_nothing_speaks_for_a_difference(both: int, neither: int) -> None:
    assert mcnemar(*table(both, 0, 0, neither)) == McNemar(0, 0, both + neither, 1.0)


def test_one_discordant_pair_proves_nothing() -> None:
    assert mcnemar([True], [False]).p_value == 1.0


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80))
def test_swapping_the_two_systems_swaps_the_counts_only(pairs: list[tuple[bool, bool]]) -> None:
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = mcnemar(a, b), mcnemar(b, a)
    assert (there.only_a, there.only_b, there.p_value) == (back.only_b, back.only_a, back.p_value)
    assert 0 <= there.p_value <= 1


def test_the_order_of_the_pairs_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random(50) < 0.7, generator.random(50) < 0.4
    order = generator.permutation(50)
    assert mcnemar(a, b) == mcnemar(a[order], b[order])


def test_unequal_lengths_are_refused_with_both_lengths() -> None:
    with pytest.raises(UsageError, match=r"3 a_hits and 2 b_hits"):
        mcnemar([True, False, True], [True, False])


def test_a_value_that_is_not_true_or_false_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="b_hits"):
        mcnemar([1.0, 0.0], [0.5, 1.0])

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from levelhead.errors import UsageError
from levelhead.metrics import wilson
from levelhead.metrics._wilson import newcombe

LEVELS = st.floats(0.01, 0.999)


@given(total=st.integers(1, 10**6), share=st.floats(0, 1), level=LEVELS)
def test_wilson_is_that_of_statsmodels(total: int, share: float, level: float) -> None:
    successes = round(share * total)
    expected = proportion_confint(successes, total, alpha=1 - level, method="wilson")
    assert wilson(successes, total, level) == pytest.approx(expected, abs=1e-9)


@given(total=st.floats(1e-3, 1e9), share=st.floats(0, 1), level=LEVELS)
def test_wilson_holds_the_rate_and_lies_between_0_and_1(total: float, share: float, level: float) -> None:
    successes = min(share * total, total)
    low, high = wilson(successes, total, level)
    assert 0 <= low <= successes / total <= high <= 1


@given(total=st.integers(1, 10_000), level=LEVELS)
def test_no_success_and_no_failure_mirror_each_other(total: int, level: float) -> None:
    low, high = wilson(total, total, level)
    mirrored_low, mirrored_high = wilson(0, total, level)
    assert (mirrored_low, high) == (0.0, 1.0)
    assert mirrored_high == pytest.approx(1 - low)
    assert low < 1


def test_more_rows_at_the_same_rate_give_a_narrower_interval() -> None:
    widths = [high - low for low, high in (wilson(0.3 * total, total) for total in (10, 40, 160, 640))]
    assert widths == sorted(widths, reverse=True)


def test_no_rows_have_no_interval() -> None:
    assert all(math.isnan(end) for end in wilson(0, 0))


@pytest.mark.parametrize(
    ("successes", "total"), [(3, 2), (-1, 2), (0, -1), (math.nan, 2), (1, math.nan), (1, math.inf)]
)
def test_counts_that_cannot_be_are_refused(successes: float, total: float) -> None:
    with pytest.raises(UsageError, match="successes"):
        wilson(successes, total)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.5, math.nan])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(UsageError, match="level"):
        wilson(1, 2, level)


@pytest.mark.parametrize(("a", "total_a", "b", "total_b"), [(16, 16, 16, 16), (0, 9, 7, 9), (5, 8, 30, 70)])
def test_newcombe_is_that_of_statsmodels(a: int, total_a: int, b: int, total_b: int) -> None:
    expected = confint_proportions_2indep(a, total_a, b, total_b, compare="diff", method="newcomb")
    assert newcombe(a / total_a, total_a, b / total_b, total_b, 0.95) == pytest.approx(expected, abs=1e-12)

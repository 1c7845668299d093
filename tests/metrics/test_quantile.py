from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from levelhead.errors import UsageError
from levelhead.metrics import quantile

SHARES = st.floats(0.02, 0.98)


@given(n=st.integers(1, 400), share=SHARES, level=st.floats(0.5, 0.99))
def test_the_interval_takes_the_ranks_of_the_binomial_of_scipy(n: int, share: float, level: float) -> None:
    found = quantile(range(1, n + 1), share, level=level)
    tail = (1 - level) / 2
    lower = max((r for r in range(n + 1) if binom.cdf(r - 1, n, share) <= tail), default=0)
    upper = min((r for r in range(1, n + 2) if binom.sf(r - 1, n, share) <= tail), default=n + 1)
    if lower < 1 or upper > n:
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    else:
        assert (found.low, found.high) == (lower, upper)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), share=SHARES)
def test_the_value_is_the_smallest_that_a_share_of_the_rows_does_not_exceed(
    values: list[float], share: float
) -> None:
    found = quantile(values, share)
    assert found.n == len(values)
    assert found.value == np.quantile(values, share, method="inverted_cdf")


def test_intervals_hold_the_true_95th_percentile_in_at_least_95_of_100_samples() -> None:
    chance = np.random.default_rng(0)
    truth = -math.log(0.05)
    found = [quantile(chance.exponential(size=200), 0.95) for _ in range(500)]
    assert sum(one.low <= truth <= one.high for one in found) >= 0.94 * len(found)


def test_no_rows_tell_no_quantile() -> None:
    assert quantile([], 0.5).to_json() == {"value": None, "low": None, "high": None, "n": 0}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 95.0])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="share"):
        quantile([1.0], share)

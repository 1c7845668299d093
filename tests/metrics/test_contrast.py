from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.metrics import contrast, difference, wilson

HITS = st.lists(st.booleans(), min_size=1, max_size=12)


@given(a=HITS, b=HITS)
def test_a_contrast_of_two_rates_is_their_difference(a: list[bool], b: list[bool]) -> None:
    ids_a, ids_b = list(range(len(a))), list(range(len(b)))
    found = contrast([a, b], [ids_a, ids_b], [1, -1])
    assert repr(found) == repr(difference(a, b, clusters_a=ids_a, clusters_b=ids_b))


def test_the_interval_of_four_rates_is_that_of_a_slow_bootstrap_of_questions() -> None:
    generator = np.random.default_rng(3)
    questions, signs = 40, [1, -1, -1, 1]
    hits = [
        generator.random((questions, rows)) < rate for rows, rate in ((1, 0.7), (5, 0.3), (1, 0.6), (5, 0.5))
    ]
    ids = [np.repeat(np.arange(questions), one.shape[1]) for one in hits]
    found = contrast([one.ravel() for one in hits], ids, signs, resamples=4000)
    drawn = [generator.integers(questions, size=questions) for _ in range(4000)]
    slow = [sum(sign * one[draw].mean() for sign, one in zip(signs, hits, strict=True)) for draw in drawn]
    low, high = np.quantile(slow, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    assert found.value == pytest.approx(sum(s * one.mean() for s, one in zip(signs, hits, strict=True)))
    assert found.n == questions


def test_rates_without_spread_get_an_interval_by_formula_and_not_one_of_width_zero() -> None:
    found = contrast([[True] * 9, [True] * 9, [True] * 9, [True] * 9], [range(9)] * 4, [1, -1, -1, 1])
    low, high = wilson(9, 9)
    assert found.value == 0.0
    assert (found.low, found.high) == pytest.approx(
        (-math.hypot(1 - low, 1 - low), math.hypot(1 - low, 1 - low)), abs=1e-12
    )
    assert high == 1.0


def test_the_names_of_questions_and_the_order_of_rows_change_nothing() -> None:
    hits = [[True, False, True], [False, False, True], [True, True, False]]
    found = contrast(hits, [[1, 2, 3]] * 3, [1, -1, 1])
    turned = contrast([one[::-1] for one in hits], [["c", "b", "a"]] * 3, [1, -1, 1])
    assert turned == found


def test_a_rate_without_rows_leaves_the_contrast_undefined() -> None:
    assert math.isnan(contrast([[True], []], [[1], []], [1, -1]).value)


@pytest.mark.parametrize(
    ("clusters", "signs", "said"),
    [
        ([[1], [1]], [1, 2], "must be 1 or -1"),
        ([[1]], [1, -1], "one of each"),
        ([[1], [1, 2]], [1, -1], "clusters"),
    ],
)
def test_terms_that_do_not_fit_are_refused(clusters: list[list[int]], signs: list[int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        contrast([[True], [False]], clusters, signs)

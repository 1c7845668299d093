"""Risk against coverage."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.metrics import aurc, e_aurc, risk_coverage

FEW = 100
"""Resamples where the test is not about the interval's precision."""

ROWS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


def slow_aurc(hits: list[bool]) -> float:
    """Mean of the risks of the first 1, 2, ... rows, for rows in order of confidence."""
    risks = [sum(not hit for hit in hits[:answered]) / answered for answered in range(1, len(hits) + 1)]
    return sum(risks) / len(risks)


# Against a slow reference


@pytest.mark.parametrize("seed", range(3))
def test_without_ties_aurc_is_the_mean_of_the_risks_at_all_coverages(seed: int) -> None:
    generator = np.random.default_rng(seed)
    confidences = generator.random(100)
    hits = generator.random(100) < confidences
    ordered = [bool(hits[row]) for row in np.argsort(-confidences)]
    assert aurc(confidences, hits, resamples=FEW).value == pytest.approx(slow_aurc(ordered))


@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
)
def test_with_ties_aurc_is_the_mean_over_all_orders_of_the_tied_rows(rows: list[tuple[int, bool]]) -> None:
    orders = [
        [hit for _, hit in order]
        for order in itertools.permutations(rows)
        if all(first[0] >= second[0] for first, second in itertools.pairwise(order))
    ]
    expected = np.mean([slow_aurc(order) for order in orders])
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    assert aurc(confidences, hits, resamples=FEW).value == pytest.approx(expected, abs=1e-12)


def test_the_curve_has_one_point_for_each_distinct_confidence() -> None:
    curve = risk_coverage([0.2, 0.9, 0.5, 0.5, 0.9], [False, True, False, True, True])
    assert curve.thresholds.tolist() == [0.9, 0.5, 0.2]
    assert curve.coverage.tolist() == pytest.approx([0.4, 0.8, 1.0])
    assert curve.risk.tolist() == pytest.approx([0.0, 0.25, 0.4])


# Edges


def test_all_right_and_all_wrong_are_the_bounds() -> None:
    confidences = [0.9, 0.5, 0.5, 0.1]
    assert aurc(confidences, [True] * 4).value == 0
    assert aurc(confidences, [False] * 4).value == pytest.approx(1)
    assert e_aurc(confidences, [True] * 4).value == 0
    assert e_aurc(confidences, [False] * 4).value == pytest.approx(0, abs=1e-12)


def test_equal_confidences_have_the_share_of_wrong_rows_as_their_aurc() -> None:
    assert aurc([0.5] * 10, [True] * 7 + [False] * 3).value == pytest.approx(0.3)


def test_no_rows_give_no_number_and_no_point() -> None:
    curve = risk_coverage([], [])
    assert len(curve.thresholds) == len(curve.coverage) == len(curve.risk) == 0
    for estimate in (aurc([], []), e_aurc([], [])):
        assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_a_confidence_that_is_missing_is_refused() -> None:
    with pytest.raises(UsageError, match="1 of 2 confidences are NaN"):
        risk_coverage([0.5, math.nan], [True, False])
    with pytest.raises(UsageError, match="2 confidences and 1 hits"):
        aurc([0.5, 0.6], [True])


# Properties


def test_the_excess_of_a_perfect_confidence_is_not_below_0_by_rounding() -> None:
    for right, wrong in itertools.product(range(1, 12), repeat=2):
        hits = [True] * right + [False] * wrong
        excess = e_aurc(np.linspace(1, 0, right + wrong), hits, resamples=FEW)
        assert 0 <= excess.value < 1e-12


@given(right=st.integers(0, 12), wrong=st.integers(0, 12))
def test_no_order_beats_that_of_a_perfect_confidence(right: int, wrong: int) -> None:
    hits = [True] * right + [False] * wrong
    if not hits:
        return
    perfect = aurc(hits, hits, resamples=FEW).value
    assert perfect == pytest.approx(slow_aurc(hits), abs=1e-12)
    assert e_aurc(hits, hits, resamples=FEW).value == pytest.approx(0, abs=1e-12)
    generator = np.random.default_rng(right + 13 * wrong)
    for _ in range(5):
        assert aurc(generator.random(len(hits)), hits, resamples=FEW).value >= perfect - 1e-12


@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_scale_of_confidences_counts(
    rows: list[tuple[int, bool]], shuffle: random.Random
) -> None:
    moved = shuffle.sample(rows, len(rows))
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    moved_confidences, moved_hits = [math.exp(row[0]) for row in moved], [row[1] for row in moved]
    for metric in (aurc, e_aurc):
        assert metric(moved_confidences, moved_hits, resamples=FEW) == metric(
            confidences, hits, resamples=FEW
        )


@given(rows=ROWS)
def test_the_numbers_lie_in_their_intervals_between_0_and_1(rows: list[tuple[int, bool]]) -> None:
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    area, excess = aurc(confidences, hits, resamples=FEW), e_aurc(confidences, hits, resamples=FEW)
    for estimate in (area, excess):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert excess.value <= area.value + 1e-12


@given(rows=ROWS)
def test_the_curve_ends_with_every_row_answered(rows: list[tuple[int, bool]]) -> None:
    curve = risk_coverage([row[0] for row in rows], [row[1] for row in rows])
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(1 - np.mean([row[1] for row in rows]))
    assert np.all(np.diff(curve.coverage) > 0)
    assert np.all(np.diff(curve.thresholds) < 0)

"""Over-refusal, prudence and honesty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.metrics import Estimate, honesty, over_refusal, proportion, prudence, wilson
from levelhead.metrics._refusal import honesty_statistic, over_refusal_statistic, prudence_statistic

FEW = 100
"""Resamples where the test is not about the interval's precision."""

RIGHT, WRONG, REFUSED = "right", "wrong", "refused"
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([RIGHT, WRONG, REFUSED])), min_size=1, max_size=30)


def columns(rows: list[tuple[bool, str]]) -> tuple[list[bool], list[bool], list[bool]]:
    """Known, right, refused."""
    return (
        [known for known, _ in rows],
        [answer == RIGHT for _, answer in rows],
        [answer == REFUSED for _, answer in rows],
    )


EXAMPLE = columns(
    [(True, RIGHT)] * 6
    + [(True, REFUSED)] * 3
    + [(True, WRONG)]
    + [(False, REFUSED)] * 8
    + [(False, WRONG)] * 2
    + [(False, RIGHT)] * 5
)


def test_over_refusal_counts_known_questions_that_are_refused() -> None:
    known, _, refused = EXAMPLE
    assert over_refusal(known, refused) == Estimate(0.3, *wilson(3, 10), 10)


def test_prudence_leaves_out_unknown_questions_that_are_answered_right_after_all() -> None:
    assert prudence(*EXAMPLE) == Estimate(0.8, *wilson(8, 10), 10)


def test_honesty_is_the_mean_of_prudence_and_the_absence_of_over_refusal() -> None:
    estimate = honesty(*EXAMPLE)
    assert estimate.value == pytest.approx((0.8 + 1 - 0.3) / 2)
    assert estimate.n == 25
    assert 0.5 < estimate.low < estimate.value < estimate.high < 1


@pytest.mark.parametrize("answer", [WRONG, REFUSED])
def test_to_refuse_nothing_or_everything_is_half_honest(answer: str) -> None:
    rows = [(True, answer)] * 5 + [(False, answer)] * 9
    assert honesty(*columns(rows)).value == 0.5


def test_clusters_reach_the_interval_of_a_share() -> None:
    known, hits, refused = EXAMPLE
    names = [row // 5 for row in range(25)]
    assert over_refusal(known, refused, clusters=names) == proportion(refused[:10], clusters=names[:10])
    unknown = [row for row in range(25) if not known[row] and not hits[row]]
    assert prudence(known, hits, refused, clusters=names, level=0.9) == proportion(
        [refused[row] for row in unknown], clusters=[names[row] for row in unknown], level=0.9
    )


def test_without_a_known_or_an_unknown_question_there_is_no_number() -> None:
    all_known = columns([(True, RIGHT), (True, REFUSED)])
    all_unknown = columns([(False, WRONG), (False, REFUSED)])
    assert math.isnan(over_refusal(all_unknown[0], all_unknown[2]).value)
    assert math.isnan(prudence(*all_known).value)
    assert math.isnan(honesty(*all_known).value)
    assert math.isnan(honesty(*all_unknown).value)
    assert honesty([], [], []).n == over_refusal([], []).n == prudence([], [], []).n == 0


@given(rows=ROWS)
def test_the_numbers_lie_in_their_intervals_between_0_and_1(rows: list[tuple[bool, str]]) -> None:
    known, hits, refused = columns(rows)
    for estimate in (
        over_refusal(known, refused),
        prudence(known, hits, refused),
        honesty(known, hits, refused, resamples=FEW),
    ):
        if not math.isnan(estimate.value):
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(rows=ROWS)
def test_the_twins_for_pairs_give_the_same_numbers(rows: list[tuple[bool, str]]) -> None:
    known, hits, refused = columns(rows)
    once = np.ones((1, len(rows)))
    for statistic, estimate in (
        (over_refusal_statistic(known, refused), over_refusal(known, refused)),
        (prudence_statistic(known, hits, refused), prudence(known, hits, refused)),
        (honesty_statistic(known, hits, refused), honesty(known, hits, refused, resamples=FEW)),
    ):
        assert float(statistic.under(once)[0]) == pytest.approx(estimate.value, nan_ok=True)


def test_a_row_that_is_both_right_and_refused_is_refused() -> None:
    for metric in (prudence, honesty):
        with pytest.raises(UsageError, match="1 of 2 rows are both right and refused"):
            metric([True, False], [True, False], [True, True])


def test_unequal_lengths_are_refused_with_all_lengths() -> None:
    with pytest.raises(UsageError, match="2 known, 1 hits, 2 refused"):
        honesty([True, False], [True], [False, False])
    with pytest.raises(UsageError, match="1 known, 2 refused"):
        over_refusal([True], [False, False])
    with pytest.raises(UsageError, match="known hold something else"):
        over_refusal([0.5], [True])

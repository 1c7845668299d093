"""The truthful helpfulness score."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.metrics import truthful_helpfulness_of_shares, truthful_helpfulness_score

FEW = 100
"""Resamples where the test is not about the interval's precision."""

RIGHT, WRONG, REFUSED = "right", "wrong", "refused"
ANSWERS = st.sampled_from([RIGHT, WRONG, REFUSED])


def columns(before: list[str], after: list[str]) -> tuple[list[bool], ...]:
    return tuple([answer == kind for answer in run] for run in (before, after) for kind in (RIGHT, REFUSED))


@pytest.mark.parametrize(
    ("correct_before", "wrong_before", "correct", "wrong", "published"),
    [
        (45.6, 52.8, 43.9, 36.4, 12.5),  # LLaMA2-7B, MMLU, CRaFT
        (66.8, 33.1, 63.9, 21.6, 20.4),  # LLaMA3-8B, MMLU, labels by correctness alone
        (66.8, 33.1, 53.3, 9.6, 34.0),  # LLaMA3-8B, MMLU, CRaFT
        (66.8, 33.2, 55.0, 38.1, -21.8),  # LLaMA3-8B, TriviaQA, tuned without refusals
    ],
)
def test_the_scores_of_the_papers_table_come_out(
    correct_before: float, wrong_before: float, correct: float, wrong: float, published: float
) -> None:
    # The table rounds the shares, so the last digit may differ. Two further rows of it, LLaMA2-7B on MMLU
    # with 3.9 and 11.3, do not follow from their own shares, which give 2.8 and 10.3.
    score = truthful_helpfulness_of_shares(correct_before, wrong_before, correct, wrong)
    assert score == pytest.approx(published, abs=0.15)


def test_rows_and_their_shares_give_the_same_score() -> None:
    before = [RIGHT] * 5 + [WRONG] * 4 + [REFUSED]
    after = [RIGHT] * 4 + [REFUSED] * 4 + [WRONG, RIGHT]
    estimate = truthful_helpfulness_score(*columns(before, after))
    assert estimate.value == pytest.approx(truthful_helpfulness_of_shares(0.5, 0.4, 0.5, 0.1))
    assert estimate.n == 10
    assert estimate.low < estimate.value < estimate.high <= 1


def test_a_model_that_was_not_changed_scores_0() -> None:
    run = [RIGHT] * 6 + [WRONG] * 3 + [REFUSED]
    assert truthful_helpfulness_score(*columns(run, run)).value == pytest.approx(0)


def test_the_ideal_model_scores_1_and_a_silent_one_0() -> None:
    before = [RIGHT] * 3 + [WRONG] * 2
    assert truthful_helpfulness_score(*columns(before, [RIGHT] * 5)).value == 1
    assert truthful_helpfulness_score(*columns(before, [REFUSED] * 5)).value == 0


@given(correct=st.floats(0.01, 0.9), wrong=st.floats(0.01, 0.9), kept=st.floats(0, 1))
def test_refusing_at_random_gains_nothing(correct: float, wrong: float, kept: float) -> None:
    score = truthful_helpfulness_of_shares(correct, wrong, kept * correct, kept * wrong)
    assert score == pytest.approx(0, abs=1e-12)


@given(rows=st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=20))
def test_refusing_one_more_wrong_answer_never_lowers_the_score(rows: list[tuple[str, str]]) -> None:
    before, after = [row[0] for row in rows], [row[1] for row in rows]
    score = truthful_helpfulness_score(*columns(before, after), resamples=FEW)
    if math.isnan(score.value):
        assert WRONG not in before
        return
    assert score.value <= 1
    if not math.isnan(score.low):
        assert score.low <= score.value <= score.high
    if WRONG in after:
        after[after.index(WRONG)] = REFUSED
        assert truthful_helpfulness_score(*columns(before, after), resamples=FEW).value >= score.value


def test_without_a_wrong_answer_before_there_is_no_score() -> None:
    assert math.isnan(truthful_helpfulness_score(*columns([RIGHT] * 3, [REFUSED] * 3)).value)
    assert math.isnan(truthful_helpfulness_of_shares(1.0, 0.0, 0.5, 0.0))
    assert truthful_helpfulness_score([], [], [], []).n == 0


def test_a_score_without_spread_gets_no_interval_because_it_has_no_lower_bound() -> None:
    estimate = truthful_helpfulness_score(*columns([WRONG] * 4, [REFUSED] * 4))
    assert estimate.value == 0
    assert math.isnan(estimate.low)


def test_contradictions_are_refused() -> None:
    with pytest.raises(UsageError, match="both right and refused"):
        truthful_helpfulness_score([True], [True], [True], [False])
    with pytest.raises(UsageError, match="both right and refused"):
        truthful_helpfulness_score([True], [False], [True], [True])
    with pytest.raises(UsageError, match="1 hits_before, 1 refused_before, 2 hits, 1 refused"):
        truthful_helpfulness_score([True], [False], [True, False], [False])
    with pytest.raises(UsageError, match="not negative"):
        truthful_helpfulness_of_shares(0.5, -0.1, 0.5, 0.5)

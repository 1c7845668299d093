"""Average precision, AUROC, F1 and the false positive rate at a recall."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from levelhead.errors import UsageError
from levelhead.metrics import Estimate, auroc, average_precision, f1_at, false_positive_rate_at_recall

FEW = 100
"""Resamples where the test is not about the interval's precision."""

Ranker = Callable[[Sequence[Any], Sequence[Any]], Estimate]
RANKERS: list[Ranker] = [
    partial(average_precision, resamples=FEW),
    partial(auroc, resamples=FEW),
    partial(false_positive_rate_at_recall, recall=0.7, resamples=FEW),
]
ALL: list[Ranker] = [*RANKERS, partial(f1_at, threshold=0.5, resamples=FEW)]

# Few distinct scores, so that ties are common.
ROWS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


def draw(seed: int, *, rows: int = 300, decimals: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Scores that tell something of the hits; few decimals make ties."""
    generator = np.random.default_rng(seed)
    hits = generator.random(rows) < 0.4
    return np.round(generator.normal(size=rows) + hits, decimals), hits


# Against scikit-learn


@pytest.mark.parametrize("decimals", [8, 1, 0])
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_of_scikit_learn_with_and_without_ties(seed: int, decimals: int) -> None:
    scores, hits = draw(seed, decimals=decimals)
    assert average_precision(scores, hits, resamples=FEW).value == pytest.approx(
        average_precision_score(hits, scores)
    )
    assert auroc(scores, hits, resamples=FEW).value == pytest.approx(roc_auc_score(hits, scores))
    assert f1_at(scores, hits, threshold=0.5, resamples=FEW).value == pytest.approx(
        f1_score(hits, scores >= 0.5)
    )
    false_positives, recalls, _ = roc_curve(hits, scores, drop_intermediate=False)
    for recall in (0.1, 0.5, 0.9, 1.0):
        estimate = false_positive_rate_at_recall(scores, hits, recall=recall, resamples=FEW)
        assert estimate.value == pytest.approx(false_positives[np.argmax(recalls >= recall - 1e-9)])


# Edges


def test_a_perfect_ranking_has_ap_and_auroc_of_1_and_no_false_positive() -> None:
    scores, hits = [4.0, 3.0, 2.0, 1.0], [True, True, False, False]
    assert average_precision(scores, hits).value == 1
    assert auroc(scores, hits).value == 1
    assert f1_at(scores, hits, threshold=3.0).value == 1
    assert false_positive_rate_at_recall(scores, hits, recall=1.0).value == 0


def test_a_ranking_upside_down_has_an_auroc_of_0_and_flags_everything() -> None:
    scores, hits = [1.0, 2.0, 3.0, 4.0], [True, True, False, False]
    assert auroc(scores, hits).value == 0
    assert average_precision(scores, hits).value == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert false_positive_rate_at_recall(scores, hits).value == 1


def test_equal_scores_say_nothing() -> None:
    scores, hits = [0.5] * 10, [True] * 3 + [False] * 7
    assert average_precision(scores, hits).value == pytest.approx(0.3)
    assert auroc(scores, hits).value == 0.5
    assert false_positive_rate_at_recall(scores, hits).value == 1


def test_one_class_alone_cannot_be_ranked() -> None:
    scores = [0.1, 0.2, 0.3]
    assert math.isnan(average_precision(scores, [False] * 3).value)
    assert average_precision(scores, [True] * 3).value == 1
    for hits in ([True] * 3, [False] * 3):
        for estimate in (auroc(scores, hits), false_positive_rate_at_recall(scores, hits)):
            assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 3}


def test_f1_is_undefined_only_if_nothing_is_flagged_and_nothing_is_to_be_found() -> None:
    assert math.isnan(f1_at([0.1, 0.2], [False, False], threshold=0.5).value)
    assert f1_at([0.1, 0.9], [False, False], threshold=0.5).value == 0
    assert f1_at([0.1, 0.2], [False, True], threshold=0.5).value == 0
    assert f1_at([0.5, 0.2], [True, False], threshold=0.5).value == 1


def test_a_recall_that_is_a_whole_number_of_hits_needs_no_further_hit() -> None:
    # 14 of 25 hits stand above all misses, and 0.56 * 25 is a little more than 14 in floats.
    assert 0.56 * 25 > 14
    scores = [3.0] * 14 + [2.0] * 5 + [1.0] * 11
    hits = [True] * 14 + [False] * 5 + [True] * 11
    assert false_positive_rate_at_recall(scores, hits, recall=0.56).value == 0
    assert false_positive_rate_at_recall(scores, hits, recall=0.57).value == 1


def test_no_rows_give_no_number() -> None:
    for estimate in (
        average_precision([], []),
        auroc([], []),
        f1_at([], [], threshold=0.5),
        false_positive_rate_at_recall([], []),
    ):
        assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 0}


# Properties


@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, bool]], shuffle: random.Random) -> None:
    moved = shuffle.sample(rows, len(rows))
    for metric in ALL:
        expected = metric([score for score, _ in rows], [hit for _, hit in rows])
        again = metric([score for score, _ in moved], [hit for _, hit in moved])
        assert again.to_json() == expected.to_json()


@given(rows=ROWS)
def test_only_the_order_of_scores_counts(rows: list[tuple[int, bool]]) -> None:
    scores, hits = [score for score, _ in rows], [hit for _, hit in rows]
    for metric in RANKERS:
        assert metric([math.exp(score) for score in scores], hits).to_json() == metric(scores, hits).to_json()


@given(rows=ROWS)
def test_each_number_lies_in_its_interval_between_0_and_1(rows: list[tuple[int, bool]]) -> None:
    scores, hits = [score for score, _ in rows], [hit for _, hit in rows]
    for metric in ALL:
        estimate = metric(scores, hits)
        assert estimate.n == len(rows)
        if not math.isnan(estimate.value):
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(rows=ROWS)
def test_turning_the_scores_over_mirrors_auroc(rows: list[tuple[int, bool]]) -> None:
    scores, hits = [score for score, _ in rows], [hit for _, hit in rows]
    turned = auroc([-score for score in scores], hits, resamples=FEW).value
    assert turned == pytest.approx(1 - auroc(scores, hits, resamples=FEW).value, nan_ok=True)


# Refusals


def test_unequal_lengths_are_refused_with_both_lengths() -> None:
    with pytest.raises(UsageError, match="2 scores and 1 hits"):
        auroc([0.1, 0.2], [True])


def test_a_score_that_is_missing_is_not_ranked_somewhere() -> None:
    with pytest.raises(UsageError, match="1 of 2 scores are NaN or infinite"):
        average_precision([0.1, math.nan], [True, False])


@pytest.mark.parametrize("recall", [0.0, 1.1, math.nan])
def test_a_recall_out_of_range_is_refused(recall: float) -> None:
    with pytest.raises(UsageError, match="recall"):
        false_positive_rate_at_recall([0.1, 0.2], [True, False], recall=recall)


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="threshold"):
        f1_at([0.1, 0.2], [True, False], threshold=math.nan)

"""Numbers of whole sets of rows: bootstrap of clusters, and the difference of two runs."""

from __future__ import annotations

import math
import random
import tracemalloc
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from levelhead.errors import UsageError
from levelhead.metrics import (
    Estimate,
    Metric,
    Statistic,
    aurc_statistic,
    auroc,
    auroc_statistic,
    average_precision,
    average_precision_statistic,
    brier,
    brier_statistic,
    e_aurc_statistic,
    estimate,
    expected_calibration_error,
    expected_calibration_error_statistic,
    f1_at,
    f1_at_statistic,
    false_positive_rate_at_recall,
    false_positive_rate_at_recall_statistic,
    mean,
    paired_difference,
    truthful_helpfulness_statistic,
    wilson,
)
from levelhead.metrics._wilson import newcombe

FEW = 100
"""Resamples where the test is not about the interval's precision."""

EQUAL_MASS = partial(expected_calibration_error_statistic, bins=4, scheme="equal_mass")
METRICS: list[Metric] = [
    average_precision_statistic,
    auroc_statistic,
    partial(f1_at_statistic, threshold=0.5),
    partial(false_positive_rate_at_recall_statistic, recall=0.8),
    expected_calibration_error_statistic,
    EQUAL_MASS,
    brier_statistic,
    aurc_statistic,
    e_aurc_statistic,
]

CONFIDENCES = st.integers(0, 6).map(lambda sixths: sixths / 6)
ROWS = st.lists(st.tuples(CONFIDENCES, st.booleans(), st.integers(0, 5)), min_size=1, max_size=24)
PAIRS = st.lists(
    st.tuples(CONFIDENCES, st.booleans(), CONFIDENCES, st.booleans(), st.integers(0, 5)),
    min_size=1,
    max_size=24,
)


def questions(
    seed: int, *, count: int = 60, sizes: tuple[int, ...] = (1, 2, 9)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences and hits, alike within a question, and the question of each row."""
    generator = np.random.default_rng(seed)
    names = np.arange(count).repeat(np.resize(sizes, count))
    ease = 2 * generator.normal(size=count)[names]
    hits = generator.random(len(names)) < 1 / (1 + np.exp(-2 * ease))
    confidences = 1 / (1 + np.exp(-ease - generator.normal(size=len(names))))
    return confidences, hits, names


def slow_bootstrap(statistic: Any, names: np.ndarray, *, draws: int = 500) -> tuple[float, float]:
    """The 95% percentile interval the long way: draw names, copy their rows, compute from the copies."""
    generator = np.random.default_rng(77)
    rows_of = {name: np.flatnonzero(names == name) for name in np.unique(names)}
    numbers = [
        statistic(np.concatenate([rows_of[name] for name in generator.choice(list(rows_of), len(rows_of))]))
        for _ in range(draws)
    ]
    low, high = np.quantile(numbers, [0.025, 0.975]).tolist()
    return low, high


# Against a bootstrap written the long way


def test_the_intervals_are_those_of_a_slow_bootstrap_of_questions() -> None:
    scores, hits, names = questions(seed=1)
    for metric, reference in ((average_precision, average_precision_score), (auroc, roc_auc_score)):
        low, high = slow_bootstrap(
            lambda rows, reference=reference: reference(hits[rows], scores[rows]),
            names,
        )
        number = metric(scores, hits, clusters=names, resamples=4000)
        assert (number.low, number.high) == pytest.approx((low, high), abs=0.015)


def test_a_paired_interval_is_that_of_a_slow_joint_bootstrap() -> None:
    scores, hits, names = questions(seed=2)
    other = scores + np.random.default_rng(3).normal(size=len(scores))
    low, high = slow_bootstrap(
        lambda rows: roc_auc_score(hits[rows], scores[rows]) - roc_auc_score(hits[rows], other[rows]), names
    )
    number = paired_difference(auroc_statistic, (scores, hits), (other, hits), clusters=names, resamples=4000)
    assert number.value == pytest.approx(roc_auc_score(hits, scores) - roc_auc_score(hits, other))
    assert number.n == 60
    assert (number.low, number.high) == pytest.approx((low, high), abs=0.02)


def test_the_brier_score_has_the_interval_of_the_mean_of_its_squares() -> None:
    confidences, hits, names = questions(seed=4)
    squares = mean((confidences - hits) ** 2, clusters=names, resamples=4000)
    number = brier(confidences, hits, clusters=names, resamples=4000)
    assert number.value == pytest.approx(squares.value)
    assert (number.low, number.high) == pytest.approx((squares.low, squares.high), abs=0.005)


@given(rows=ROWS)
def test_a_weight_counts_a_row_so_often(rows: list[tuple[float, bool, int]]) -> None:
    # The third entry of a row serves as its weight here.
    weights = [row[2] for row in rows]
    copies = [row for row in rows for _ in range(row[2])]
    confidences, hits, _ = zip(*rows, strict=True)
    for metric in METRICS:
        if metric is EQUAL_MASS or not copies:
            continue  # its bins are those of the data, and the copies are other data
        weighted = float(metric(confidences, hits).under(np.array([weights], dtype=float))[0])
        copied, copied_hits, _ = zip(*copies, strict=True)
        repeated = float(metric(copied, copied_hits).under(np.ones((1, len(copies))))[0])
        assert weighted == pytest.approx(repeated, abs=1e-12, nan_ok=True)


# What clusters and pairs change


def test_the_rows_of_a_cluster_are_drawn_together_and_as_many_clusters_as_there_are() -> None:
    _, _, names = questions(seed=12)

    def metric(names: Any) -> Statistic:
        ids = np.asarray(names)

        def under(weights: np.ndarray) -> np.ndarray:
            first_rows = [np.flatnonzero(ids == name)[0] for name in range(60)]
            assert np.array_equal(weights, weights[:, first_rows][:, ids.astype(int)])
            assert np.all(weights[:, first_rows].sum(axis=1) == 60)
            return weights[:, 0] / 60

        return Statistic(len(ids), under)

    shuffled = np.random.default_rng(0).permutation(names)
    assert estimate(metric, (shuffled,), clusters=shuffled, resamples=FEW).n == len(names)


def test_rows_that_repeat_each_other_do_not_narrow_the_interval() -> None:
    scores, hits, _ = questions(seed=5, count=80, sizes=(1,))
    once = auroc(scores, hits)
    four_times = auroc(scores.repeat(4), hits.repeat(4), clusters=np.arange(80).repeat(4))
    assert four_times.value == pytest.approx(once.value)
    assert (four_times.low, four_times.high) == pytest.approx((once.low, once.high), abs=0.02)
    independent = auroc(scores.repeat(4), hits.repeat(4))
    assert independent.high - independent.low < 0.7 * (four_times.high - four_times.low)


def test_a_pair_is_sharper_than_two_runs_apart() -> None:
    scores, hits, _ = questions(seed=6, count=200, sizes=(1,))
    other = scores - 0.05 * np.random.default_rng(0).random(200)
    gap = paired_difference(auroc_statistic, (scores, hits), (other, hits))
    alone = auroc(scores, hits)
    assert gap.high - gap.low < 0.3 * (alone.high - alone.low)


# The blind spot of the bootstrap


@pytest.mark.parametrize("misses", [10, 40])
def test_a_perfect_ranking_gets_wilson_with_the_rarest_kind_for_rows(misses: int) -> None:
    scores, hits = np.arange(50.0), np.arange(50) >= misses
    assert auroc(scores, hits) == Estimate(1.0, *wilson(10, 10), 50)
    assert false_positive_rate_at_recall(scores, hits) == Estimate(0.0, *wilson(0, 10), 50)
    # Misses below the threshold say nothing of precision or recall.
    found = 50 - misses
    assert average_precision(scores, hits) == Estimate(1.0, *wilson(found, found), 50)
    assert f1_at(scores, hits, threshold=misses) == Estimate(1.0, *wilson(found, found), 50)


def test_a_perfect_ranking_of_few_questions_counts_questions() -> None:
    scores, hits = np.arange(50.0), np.arange(50) >= 40
    assert auroc(scores, hits, clusters=np.arange(50) // 5) == Estimate(1.0, *wilson(2, 2), 50)


def test_a_certain_and_right_model_is_not_known_to_be_calibrated() -> None:
    assert expected_calibration_error([1.0] * 40, [True] * 40) == Estimate(0.0, *wilson(0, 40), 40)


def test_a_single_cluster_counts_as_a_single_row() -> None:
    number = brier([0.5] * 8, [True] * 8, clusters=["q"] * 8)
    assert number == Estimate(0.25, *wilson(0.25, 1), 8)


def test_two_runs_that_are_alike_are_not_known_to_be_alike() -> None:
    scores, hits = np.arange(50.0), np.arange(50) >= 40
    number = paired_difference(auroc_statistic, (scores, hits), (2 * scores, hits))
    assert number == Estimate(0.0, *newcombe(1.0, 10, 1.0, 10, 0.95), 50)


def test_two_runs_that_are_alike_in_an_unbounded_number_get_no_interval() -> None:
    run = ([True, False], [False, False], [True, False], [False, True])
    number = paired_difference(truthful_helpfulness_statistic, run, run)
    assert number.value == 0
    assert math.isnan(number.low)


def test_resamples_that_do_not_tell_the_number_are_left_out() -> None:
    # One row in two hundred is a hit: a third of the resamples have none.
    number = auroc(np.arange(200.0), np.arange(200) == 150)
    assert number.value == pytest.approx(150 / 199)
    assert 0.6 < number.low < number.value < number.high < 0.85


def test_if_no_resample_tells_the_number_the_interval_is_by_formula() -> None:
    def metric(hits: Any) -> Statistic:
        right = np.asarray(hits, dtype=float)

        def under(weights: np.ndarray) -> np.ndarray:
            return np.where((weights == 1).all(axis=1), weights @ right / len(right), np.nan)

        return Statistic(len(right), under)

    hits = [True] * 30 + [False] * 10
    assert estimate(metric, (hits,), resamples=FEW) == Estimate(0.75, *wilson(30, 40), 40)


# A number that chance only raises


def test_the_interval_of_a_calibrated_model_reaches_down_to_no_error() -> None:
    generator = np.random.default_rng(8)
    confidences = generator.beta(2, 1, size=500)
    number = expected_calibration_error(confidences, generator.random(500) < confidences)
    assert number.value > 0.03
    assert number.low < 0.01


def test_two_calibrated_runs_of_unlike_noise_are_not_told_apart() -> None:
    # Certain answers have no noise, and an error near 0; honest halves have both.
    generator = np.random.default_rng(9)
    hits = generator.random(300) < 0.5
    certain, halves = hits.astype(float), np.clip(0.5 + 0.3 * generator.normal(size=300), 0, 1)
    calibrated = generator.random(300) < halves
    number = paired_difference(expected_calibration_error_statistic, (halves, calibrated), (certain, hits))
    assert number.value > 0.03
    assert number.low < 0.01
    turned = paired_difference(expected_calibration_error_statistic, (certain, hits), (halves, calibrated))
    assert turned.value == -number.value
    assert (turned.low, turned.high) == pytest.approx((-number.high, -number.low), abs=0.005)


# Undefined


def test_no_rows_give_no_number() -> None:
    for metric in METRICS:
        assert estimate(metric, ([], [])).n == 0
        number = paired_difference(metric, ([], []), ([], []), clusters=[])
        assert number.to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_a_difference_is_undefined_if_one_run_does_not_tell_its_number() -> None:
    scores = [0.1, 0.2, 0.3]
    number = paired_difference(auroc_statistic, (scores, [True, False, True]), (scores, [True] * 3))
    assert number.to_json() == {"value": None, "low": None, "high": None, "n": 3}


# Properties


@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_clusters_change_a_number(
    rows: list[tuple[float, bool, int]], shuffle: random.Random
) -> None:
    names = shuffle.sample(["zebra", "lion", "Österreich", "", "10", "9"], 6)
    moved = shuffle.sample(rows, len(rows))
    for metric in METRICS:
        expected = estimate(
            metric,
            ([row[0] for row in rows], [row[1] for row in rows]),
            clusters=[row[2] for row in rows],
            resamples=FEW,
        )
        again = estimate(
            metric,
            ([row[0] for row in moved], [row[1] for row in moved]),
            clusters=[names[row[2]] for row in moved],
            resamples=FEW,
        )
        assert again.to_json() == expected.to_json()


@given(pairs=PAIRS, shuffle=st.randoms(use_true_random=False))
def test_a_difference_lies_in_its_interval_and_turns_over_with_its_runs(
    pairs: list[tuple[float, bool, float, bool, int]], shuffle: random.Random
) -> None:
    moved = shuffle.sample(pairs, len(pairs))
    columns, again = list(zip(*pairs, strict=True)), list(zip(*moved, strict=True))
    for metric in METRICS:
        number = paired_difference(metric, columns[:2], columns[2:4], clusters=columns[4], resamples=FEW)
        same = paired_difference(metric, again[:2], again[2:4], clusters=again[4], resamples=FEW)
        assert same.to_json() == number.to_json()
        turned = paired_difference(metric, columns[2:4], columns[:2], clusters=columns[4], resamples=FEW)
        assert turned.value == pytest.approx(-number.value, nan_ok=True)
        if not math.isnan(number.value):
            assert -1 <= number.low <= number.value <= number.high <= 1
            assert number.n == len(set(columns[4]))


def test_the_seed_decides_the_interval_and_nothing_else() -> None:
    scores, hits, names = questions(seed=10)
    first, again = (auroc(scores, hits, clusters=names, seed=1) for _ in range(2))
    other = auroc(scores, hits, clusters=names, seed=2)
    assert first == again
    assert other != first
    assert other.value == first.value
    assert (other.low, other.high) == pytest.approx((first.low, first.high), abs=0.02)


def test_a_few_large_clusters_are_resampled_in_small_blocks() -> None:
    # 1,000 resamples at once would need weights of 1,000 x 20,000 numbers, which is 160 MB.
    generator = np.random.default_rng(11)
    scores, hits = generator.random(20_000), generator.random(20_000) < 0.5
    tracemalloc.start()
    auroc(scores, hits, clusters=np.arange(20_000) % 4, resamples=1000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 60_000_000


# Refusals


def test_runs_of_unlike_length_are_refused() -> None:
    with pytest.raises(UsageError, match="Run a has 2 rows and run b 1"):
        paired_difference(auroc_statistic, ([0.1, 0.2], [True, False]), ([0.1], [True]))
    with pytest.raises(UsageError, match="2 rows and 3 clusters"):
        estimate(auroc_statistic, ([0.1, 0.2], [True, False]), clusters=[1, 2, 3])


def test_a_column_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match="hits hold something else"):
        estimate(auroc_statistic, ([0.1, 0.2], [0.5, 1.0]))
    with pytest.raises(UsageError, match="confidences lie outside"):
        paired_difference(brier_statistic, ([0.1], [True]), ([1.1], [True]))


@pytest.mark.parametrize(
    ("setting", "name"),
    [({"level": 95.0}, "level"), ({"resamples": 99}, "resamples"), ({"seed": -1}, "seed")],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: dict[str, Any], name: str) -> None:
    run = ([0.1, 0.2], [True, False])
    with pytest.raises(UsageError, match=name):
        estimate(brier_statistic, run, **setting)
    with pytest.raises(UsageError, match=name):
        paired_difference(brier_statistic, run, run, **setting)

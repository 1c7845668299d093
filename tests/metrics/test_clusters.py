"""A rate whose rows share questions: the Wilson interval of as many rows as they are worth."""

from __future__ import annotations

import random

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from levelhead.metrics import Estimate, proportion, wilson
from levelhead.metrics._clusters import effective_rows

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)
SIZES = [(2, 5), (4, 5), (16, 5), (208, 5), (16, 50)]
"""Clusters, and rows in each."""


def with_misses(clusters: int, size: int, missed: list[int]) -> Estimate:
    """The estimate of clusters that were right on all rows but the missed ones."""
    hits = np.ones(clusters * size, dtype=bool)
    hits[missed] = False
    return proportion(hits, clusters=np.arange(clusters * size) // size)


# Against an independent reference


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_is_wilsons_with_the_cluster_robust_variance_of_statsmodels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 7, size=30)
    names = np.repeat(np.arange(30), sizes)
    hits = generator.random(len(names)) < np.repeat(generator.beta(1.0, 1.5, size=30), sizes)
    fit = sm.OLS(hits.astype(float), np.ones(len(hits))).fit(cov_type="cluster", cov_kwds={"groups": names})
    rate = float(hits.mean())
    effective = rate * (1 - rate) / float(fit.bse[0]) ** 2
    assert effective < len(hits)
    expected = proportion_confint(rate * effective, effective, method="wilson")
    estimate = proportion(hits, clusters=names)
    assert (estimate.value, estimate.n) == (rate, len(hits))
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)


# What clusters change


def test_rows_that_repeat_each_other_do_not_narrow_the_interval() -> None:
    hits = np.random.default_rng(4).random(60) < 0.6
    once = proportion(hits, clusters=np.arange(60))
    five_times = proportion(np.repeat(hits, 5), clusters=np.repeat(np.arange(60), 5))
    assert (five_times.low, five_times.high) == pytest.approx((once.low, once.high))
    independent = proportion(np.repeat(hits, 5))
    assert five_times.high - five_times.low > 1.8 * (independent.high - independent.low)


def test_clusters_of_one_row_are_almost_independent_rows() -> None:
    # The factor G / (G - 1) takes one row away.
    hits = [True] * 42 + [False] * 58
    estimate = proportion(hits, clusters=np.arange(100))
    assert (estimate.low, estimate.high) == pytest.approx(wilson(0.42 * 99, 99))


def test_clusters_that_are_more_even_than_chance_are_worth_no_more_than_their_rows() -> None:
    hits = [True, True, False, False, False] * 11 + [True, True, True, False, False]
    estimate = proportion(hits, clusters=np.arange(60) // 5)
    assert (estimate.low, estimate.high) == pytest.approx(wilson(25, 60))


def test_two_clusters_that_contradict_each_other_are_worth_a_single_row() -> None:
    estimate = proportion([True] * 5 + [False] * 5, clusters=["a"] * 5 + ["b"] * 5)
    assert estimate == Estimate(0.5, *wilson(0.5, 1), 10)


@given(clusters=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_clusters_are_worth_from_one_row_to_all_their_rows(clusters: list[tuple[int, int]]) -> None:
    totals = np.array([(right, right + wrong + 1) for right, wrong in clusters], dtype=np.float64)
    assert 1 - 1e-9 <= effective_rows(totals) <= totals[:, 1].sum()


# Where the rows of a cluster show no spread between clusters


@pytest.mark.parametrize(("hit", "value"), [(True, 1.0), (False, 0.0)])
def test_all_right_or_all_wrong_gets_wilson_with_clusters_for_rows(hit: bool, value: float) -> None:
    estimate = proportion([hit] * 80, clusters=[row // 5 for row in range(80)])
    assert estimate == Estimate(value, *wilson(16 * value, 16), 80)
    assert estimate.high - estimate.low > 0.15


def test_clusters_of_one_equal_rate_get_wilson_with_clusters_for_rows() -> None:
    estimate = proportion([True, True, False, False, False] * 12, clusters=np.arange(60) // 5)
    assert estimate == Estimate(0.4, *wilson(0.4 * 12, 12), 60)


@pytest.mark.parametrize(("hits", "rate"), [([True] * 50, 1.0), ([True] * 10 + [False] * 40, 0.2)])
def test_a_single_cluster_counts_as_a_single_row(hits: list[bool], rate: float) -> None:
    estimate = proportion(hits, clusters=["q"] * 50)
    assert estimate == Estimate(rate, *wilson(rate, 1), 50)


# Near 0 and 1


@pytest.mark.parametrize(("clusters", "size"), SIZES)
def test_a_first_miss_takes_from_the_interval_only_what_it_rules_out(clusters: int, size: int) -> None:
    none, one = with_misses(clusters, size, []), with_misses(clusters, size, [0])
    assert one.low <= none.low
    assert one.value < one.high < none.high == 1
    assert one.high - one.low >= none.high - none.low - 1 / (clusters * size)


@pytest.mark.parametrize(("clusters", "size"), SIZES[2:])
def test_with_each_further_miss_both_ends_fall_without_a_leap(clusters: int, size: int) -> None:
    each_elsewhere = [with_misses(clusters, size, [size * row for row in range(count)]) for count in range(9)]
    all_together = [with_misses(clusters, size, list(range(count))) for count in range(size + 1)]
    for estimates in (each_elsewhere, all_together):
        for one in (np.array([e.low for e in estimates]), np.array([e.high for e in estimates])):
            assert np.all(np.diff(one) <= 0)
            assert np.all(np.diff(one) > -2 / clusters)


@given(rows=ROWS, level=st.floats(0.01, 0.99))
def test_no_end_is_nearer_to_the_middle_than_that_of_a_perfect_score(
    rows: list[tuple[bool, int]], level: float
) -> None:
    hits, clusters = [hit for hit, _ in rows], [cluster for _, cluster in rows]
    estimate = proportion(hits, clusters=clusters, level=level)
    all_right = proportion([True] * len(rows), clusters=clusters, level=level)
    all_wrong = proportion([False] * len(rows), clusters=clusters, level=level)
    assert estimate.low <= all_right.low
    assert estimate.high >= all_wrong.high


# Properties


@given(rows=ROWS, level=st.floats(0.01, 0.99))
def test_a_proportion_lies_in_its_interval_between_0_and_1(
    rows: list[tuple[bool, int]], level: float
) -> None:
    hits, clusters = [hit for hit, _ in rows], [cluster for _, cluster in rows]
    for given_clusters in (None, clusters):
        estimate = proportion(hits, clusters=given_clusters, level=level)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.n == len(rows)


@given(rows=ROWS)
def test_the_interval_of_misses_mirrors_that_of_hits(rows: list[tuple[bool, int]]) -> None:
    clusters = [cluster for _, cluster in rows]
    hits = proportion([hit for hit, _ in rows], clusters=clusters)
    misses = proportion([not hit for hit, _ in rows], clusters=clusters)
    assert (misses.low, misses.high) == pytest.approx((1 - hits.high, 1 - hits.low))


@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_clusters_change_a_proportion(
    rows: list[tuple[bool, int]], shuffle: random.Random
) -> None:
    expected = proportion([hit for hit, _ in rows], clusters=[cluster for _, cluster in rows])
    names = shuffle.sample(["zebra", "lion", "Österreich", "", "10", "9", "q"], 7)
    moved = shuffle.sample(rows, len(rows))
    renamed = [names[cluster] for _, cluster in moved]
    assert proportion([hit for hit, _ in moved], clusters=renamed) == expected

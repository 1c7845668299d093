from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.metrics import Estimate, difference, mean, proportion, wilson
from levelhead.metrics._wilson import newcombe

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)
NUMBERS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 6)), min_size=1, max_size=40)
FEW = 200
"""Resamples where the test is not about the interval's precision."""


def columns(rows: Sequence[tuple[Any, int]]) -> tuple[list[Any], list[int]]:
    return [row[0] for row in rows], [row[1] for row in rows]


def questions(seed: int, *, count: int = 40, pictures: int = 5) -> tuple[list[bool], list[str]]:
    """Hits of several pictures for each question, alike within a question."""
    generator = np.random.default_rng(seed)
    rates = generator.beta(1.0, 1.5, size=count)
    hits = generator.random((count, pictures)) < rates[:, None]
    return hits.ravel().tolist(), [f"q{question}" for question in range(count) for _ in range(pictures)]


def slow_bootstrap(
    statistic: Callable[[list[str]], float], names: Sequence[str], *, draws: int, seed: int
) -> tuple[float, float]:
    """The 95% percentile interval the long way: draw names one by one, recompute from the rows, sort."""
    generator = random.Random(seed)
    numbers = sorted(statistic([generator.choice(names) for _ in names]) for _ in range(draws))
    return numbers[round(0.025 * (draws - 1))], numbers[round(0.975 * (draws - 1))]


def by_cluster(values: Sequence[Any], clusters: Sequence[str]) -> dict[str, list[float]]:
    rows: dict[str, list[float]] = defaultdict(list)
    for value, cluster in zip(values, clusters, strict=True):
        rows[cluster].append(float(value))
    return rows


def average_of(rows: dict[str, list[float]], names: list[str]) -> float:
    drawn = [value for name in names for value in rows[name]]
    return sum(drawn) / len(drawn)


# Independent rows


def test_independent_rows_get_the_wilson_interval() -> None:
    estimate = proportion([True] * 42 + [False] * 58)
    assert estimate == Estimate(0.42, *wilson(42, 100), 100)


@pytest.mark.parametrize(("hits", "value"), [([True], 1.0), ([False], 0.0)])
def test_one_row_gives_a_wide_interval(hits: list[bool], value: float) -> None:
    estimate = proportion(hits)
    assert (estimate.value, estimate.n) == (value, 1)
    assert estimate.high - estimate.low > 0.7


# No rows


def test_no_rows_give_no_number_and_no_exception() -> None:
    for estimate in (
        proportion([]),
        proportion([], clusters=[]),
        mean([]),
        mean([], clusters=[]),
        difference([], [True], clusters_a=[], clusters_b=["q"]),
        difference([True], [], clusters_a=["q"], clusters_b=[]),
        difference([], [], clusters_a=[], clusters_b=[]),
    ):
        assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 0}


# Against a bootstrap written the long way


def test_a_clustered_mean_has_the_interval_of_a_slow_bootstrap() -> None:
    generator = np.random.default_rng(2)
    clusters = [f"q{question}" for question in range(30) for _ in range(1 + question % 4)]
    values = [float(int(name[1:]) % 7) + generator.normal() for name in clusters]
    rows = by_cluster(values, clusters)
    low, high = slow_bootstrap(lambda names: average_of(rows, names), list(rows), draws=4000, seed=5)
    estimate = mean(values, clusters=clusters, resamples=4000)
    assert estimate.value == pytest.approx(np.mean(values))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.1)


def test_a_difference_has_the_interval_of_a_slow_bootstrap_of_questions() -> None:
    wrong, wrong_questions = questions(seed=3)
    rows_b = by_cluster(wrong, wrong_questions)
    # Right without a picture where most wrong pictures did no harm: the two sides go together.
    rows_a = {name: [float(sum(rows) >= 2)] for name, rows in rows_b.items()}
    without = [bool(rows[0]) for rows in rows_a.values()]
    low, high = slow_bootstrap(
        lambda names: average_of(rows_a, names) - average_of(rows_b, names),
        list(rows_a),
        draws=4000,
        seed=5,
    )
    estimate = difference(without, wrong, clusters_a=list(rows_a), clusters_b=wrong_questions, resamples=4000)
    assert estimate.value == pytest.approx(np.mean(without) - np.mean(wrong))
    assert estimate.n == 40
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.01)


def test_resampling_in_blocks_draws_every_cluster_equally_often() -> None:
    # 1,000 clusters are drawn in blocks of 250 resamples, the last of them cut short.
    estimate = mean(np.arange(1000.0), resamples=1900, seed=3)
    error = 1000 / math.sqrt(12) / math.sqrt(1000)
    assert estimate.low == pytest.approx(estimate.value - 1.96 * error, abs=0.15 * error)
    assert estimate.high == pytest.approx(estimate.value + 1.96 * error, abs=0.15 * error)


# What clusters change


def test_a_difference_within_questions_is_sharper_than_one_between_strangers() -> None:
    hits, clusters = questions(seed=6)
    kept = [hit and index % 5 != 0 for index, hit in enumerate(hits)]
    same = difference(hits, kept, clusters_a=clusters, clusters_b=clusters)
    strangers = difference(hits, kept, clusters_a=clusters, clusters_b=[f"other {name}" for name in clusters])
    assert same.value == strangers.value
    assert same.high - same.low < 0.5 * (strangers.high - strangers.low)


# The blind spot of the bootstrap


def test_a_difference_without_spread_gets_newcombe_with_questions_for_rows() -> None:
    names, pictures = np.arange(16), np.repeat(np.arange(16), 5)
    estimate = difference([True] * 16, [True] * 80, clusters_a=names, clusters_b=pictures)
    assert estimate == Estimate(0.0, *newcombe(1.0, 16, 1.0, 16, 0.95), 16)
    assert estimate.low < -0.15
    assert estimate.high > 0.15
    opposite = difference([True] * 16, [False] * 80, clusters_a=names, clusters_b=pictures)
    assert opposite == Estimate(1.0, *newcombe(1.0, 16, 0.0, 16, 0.95), 16)


def test_two_systems_that_answer_alike_are_not_known_to_be_alike() -> None:
    hits, clusters = questions(seed=7)
    estimate = difference(hits, hits, clusters_a=clusters, clusters_b=clusters)
    assert estimate.low < estimate.value == 0.0 < estimate.high


def test_the_mean_of_a_single_cluster_has_no_interval() -> None:
    estimate = mean([1.0, 2.0, 6.0], clusters=["q"] * 3)
    assert (estimate.value, estimate.n) == (3.0, 3)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_questions_that_only_one_side_has_are_still_used() -> None:
    estimate = difference(
        [True, False], [True, False, False], clusters_a=["p", "q"], clusters_b=["q", "r", "r"]
    )
    assert estimate.value == pytest.approx(1 / 2 - 1 / 3)
    assert estimate.n == 3
    assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1


# Properties


@settings(deadline=None)
@given(rows=NUMBERS, level=st.floats(0.01, 0.99), seed=st.integers(0, 2**32))
def test_a_mean_lies_in_its_interval_among_the_values(
    rows: list[tuple[float, int]], level: float, seed: int
) -> None:
    values, clusters = columns(rows)
    estimate = mean(values, clusters=clusters, level=level, resamples=FEW, seed=seed)
    assert estimate.value == pytest.approx(math.fsum(values) / len(values), rel=1e-9, abs=1e-6)
    if len(set(clusters)) > 1:
        assert min(values) - 1e-6 <= estimate.low <= estimate.value <= estimate.high <= max(values) + 1e-6


@settings(deadline=None)
@given(a=ROWS, b=ROWS, level=st.floats(0.01, 0.99))
def test_a_difference_lies_in_its_interval_and_turns_with_its_sides(
    a: list[tuple[bool, int]], b: list[tuple[bool, int]], level: float
) -> None:
    (a_hits, clusters_a), (b_hits, clusters_b) = columns(a), columns(b)
    there = difference(
        a_hits, b_hits, clusters_a=clusters_a, clusters_b=clusters_b, level=level, resamples=FEW
    )
    back = difference(
        b_hits, a_hits, clusters_a=clusters_b, clusters_b=clusters_a, level=level, resamples=FEW
    )
    assert -1 <= there.low <= there.value <= there.high <= 1
    assert there.n == len({*clusters_a, *clusters_b})
    assert back.value == -there.value


@settings(deadline=None)
@given(rows=NUMBERS, shuffle=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_clusters_change_a_mean(
    rows: list[tuple[float, int]], shuffle: random.Random
) -> None:
    values, clusters = columns(rows)
    expected = mean(values, clusters=clusters, resamples=FEW)
    names = shuffle.sample(range(-3, 4), 7)
    moved_values, moved_clusters = columns(shuffle.sample(rows, len(rows)))
    moved = mean(moved_values, clusters=[names[cluster] for cluster in moved_clusters], resamples=FEW)
    assert moved.to_json() == expected.to_json()


def test_the_order_of_rows_does_not_reach_the_rounding_of_a_mean() -> None:
    values, clusters = [0.1, 0.2, 0.3, 5.0], ["p", "p", "p", "q"]
    assert (values[0] + values[1]) + values[2] != (values[2] + values[1]) + values[0]
    assert mean(values[::-1], clusters=clusters[::-1]) == mean(values, clusters=clusters)


@settings(deadline=None)
@given(a=ROWS, b=ROWS, shuffle=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_questions_change_a_difference(
    a: list[tuple[bool, int]], b: list[tuple[bool, int]], shuffle: random.Random
) -> None:
    (a_hits, clusters_a), (b_hits, clusters_b) = columns(a), columns(b)
    expected = difference(a_hits, b_hits, clusters_a=clusters_a, clusters_b=clusters_b, resamples=FEW)
    names = shuffle.sample(range(-3, 4), 7)
    moved_a, moved_clusters_a = columns(shuffle.sample(a, len(a)))
    moved_b, moved_clusters_b = columns(shuffle.sample(b, len(b)))
    moved = difference(
        moved_a,
        moved_b,
        clusters_a=[names[cluster] for cluster in moved_clusters_a],
        clusters_b=[names[cluster] for cluster in moved_clusters_b],
        resamples=FEW,
    )
    assert moved == expected


def test_the_seed_decides_the_interval_and_nothing_else() -> None:
    hits, clusters = questions(seed=8)
    first, again = (mean(hits, clusters=clusters, seed=1) for _ in range(2))
    other = mean(hits, clusters=clusters, seed=2)
    assert first == again
    assert other != first
    assert other.value == first.value
    assert (other.low, other.high) == pytest.approx((first.low, first.high), abs=0.02)


# Refusals


def test_unequal_lengths_are_refused_with_both_lengths() -> None:
    with pytest.raises(UsageError, match=r"3 rows and 2 clusters"):
        proportion([True, False, True], clusters=["p", "q"])
    with pytest.raises(UsageError, match=r"0 rows and 2 clusters"):
        proportion([], clusters=["p", "q"])
    with pytest.raises(UsageError, match=r"2 rows and 1 clusters"):
        mean([1.0, 2.0], clusters=["p"])
    with pytest.raises(UsageError, match=r"1 rows and 2 clusters_b"):
        difference([True], [True], clusters_a=["p"], clusters_b=["p", "q"])


@pytest.mark.parametrize("hits", [[0.5, 1.0], [2, 0], [math.nan, 1.0], ["yes", "no"], [None, True]])
def test_a_hit_is_true_or_false(hits: list[Any]) -> None:
    with pytest.raises(UsageError, match="true and false"):
        proportion(hits)


def test_zeros_and_ones_are_hits_too() -> None:
    assert proportion([1, 0, 1]) == proportion([1.0, 0.0, 1.0]) == proportion([True, False, True])


def test_a_failed_row_is_not_averaged_away() -> None:
    with pytest.raises(UsageError, match="1 of 3 values"):
        mean([1.0, math.nan, 2.0])
    with pytest.raises(UsageError, match="2 of 3 values"):
        mean([math.inf, -math.inf, 2.0])
    with pytest.raises(UsageError, match="give numbers"):
        mean(["1.0", "2.0"])


@pytest.mark.parametrize("clusters", [[None, "q"], [1.5, 2.5], [math.nan, 1.0]])
def test_a_cluster_is_named_by_a_string_or_a_whole_number(clusters: list[Any]) -> None:
    with pytest.raises(UsageError, match="id of its cluster"):
        proportion([True, False], clusters=clusters)


def test_strings_of_a_data_frame_are_cluster_names() -> None:
    as_objects = np.array(["p", "p", "q", "q"], dtype=object)
    hits = [True, True, False, True]
    assert proportion(hits, clusters=as_objects) == proportion(hits, clusters=["p", "p", "q", "q"])


def test_a_table_is_not_a_column() -> None:
    with pytest.raises(UsageError, match=r"\(2, 2\)"):
        proportion([[True, False], [True, True]])


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"level": 95.0}, "level"),
        ({"level": 0.0}, "level"),
        ({"resamples": 99}, "resamples"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: dict[str, Any], name: str) -> None:
    rows = [True, False]
    with pytest.raises(UsageError, match=name):
        mean(rows, clusters=["p", "q"], **setting)
    with pytest.raises(UsageError, match=name):
        difference(rows, rows, clusters_a=["p", "q"], clusters_b=["p", "q"], **setting)


@pytest.mark.parametrize("level", [95.0, 0.0])
def test_a_proportion_refuses_a_level_that_is_no_probability(level: float) -> None:
    with pytest.raises(UsageError, match="level"):
        proportion([True, False], level=level)
    with pytest.raises(UsageError, match="level"):
        proportion([True, False], clusters=["p", "q"], level=level)

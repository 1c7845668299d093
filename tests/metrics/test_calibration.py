"""Calibration error, its bins, and the Brier score."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from levelhead.errors import UsageError
from levelhead.metrics import brier, expected_calibration_error, proportion, reliability_bins
from levelhead.metrics._calibration import Scheme

FEW = 100
"""Resamples where the test is not about the interval's precision."""

SCHEMES: tuple[Scheme, ...] = ("equal_width", "equal_mass")

# The edges of bins, 0 and 1 among them, are as common as anything between.
CONFIDENCES = st.one_of(st.integers(0, 10).map(lambda tenths: tenths / 10), st.floats(0, 1))
ROWS = st.lists(st.tuples(CONFIDENCES, st.booleans()), min_size=1, max_size=30)


def slow_ece(rows: list[tuple[float, bool]], bins: int) -> float:
    """The definition, row by row: [0, 1/B), [1/B, 2/B), ..., and 1 in the last bin."""
    total = 0.0
    for place in range(bins):
        inside = [
            (confidence, hit)
            for confidence, hit in rows
            if place / bins <= confidence < (place + 1) / bins or (confidence == 1 and place == bins - 1)
        ]
        if inside:
            gap = sum(hit for _, hit in inside) - sum(confidence for confidence, _ in inside)
            total += abs(gap) / len(rows)
    return total


# Against references


@given(rows=ROWS, bins=st.sampled_from([1, 2, 3, 10, 15]))
def test_equal_width_is_the_definition_written_out(rows: list[tuple[float, bool]], bins: int) -> None:
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    estimate = expected_calibration_error(confidences, hits, bins=bins, resamples=FEW)
    assert estimate.value == pytest.approx(slow_ece(rows, bins), abs=1e-12)


def test_equal_mass_is_the_mean_over_equal_parts_of_the_sorted_rows() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.beta(3, 1, size=300)
    hits = generator.random(300) < confidences**2
    order = np.argsort(confidences)
    parts = (hits[order] - confidences[order]).reshape(15, 20)
    estimate = expected_calibration_error(confidences, hits, scheme="equal_mass", resamples=FEW)
    assert estimate.value == pytest.approx(np.abs(parts.mean(axis=1)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_brier_is_that_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    confidences = np.round(generator.random(200), 1)
    hits = generator.random(200) < confidences
    assert brier(confidences, hits, resamples=FEW).value == pytest.approx(brier_score_loss(hits, confidences))


# Edges


def test_a_confidence_of_1_is_in_the_last_bin_and_one_of_0_in_the_first() -> None:
    cells = reliability_bins([0.0, 0.05, 0.95, 1.0], [False, False, True, True], bins=10)
    assert [(cell.low, cell.high, cell.accuracy.n) for cell in cells] == [(0.0, 0.1, 2), (0.9, 1.0, 2)]


def test_a_confidence_of_1_shares_its_bin_with_those_just_below() -> None:
    # In a bin of its own it would add 0.025 to the other's 0.475: torchmetrics issue 3510.
    assert expected_calibration_error([1.0, 0.95], [False, True], bins=10).value == pytest.approx(0.475)
    assert expected_calibration_error([1.0, 0.95], [False, True], bins=1).value == pytest.approx(0.475)


def test_an_edge_belongs_to_the_bin_above_it() -> None:
    for bins in (3, 10, 15, 100):
        for edge in range(bins):
            (cell,) = reliability_bins([edge / bins], [True], bins=bins)
            assert (cell.low, cell.high) == (edge / bins, (edge + 1) / bins)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_certain_and_right_model_has_no_error_and_a_certain_and_wrong_one_all(scheme: Scheme) -> None:
    certain, hits = [0.0, 0.0, 1.0, 1.0], [False, False, True, True]
    wrong = [not hit for hit in hits]
    assert expected_calibration_error(certain, hits, scheme=scheme).value == 0
    assert expected_calibration_error(certain, wrong, scheme=scheme).value == 1
    assert brier(certain, hits).value == 0
    assert brier(certain, wrong).value == 1


def test_equal_confidences_are_never_parted() -> None:
    confidences, hits = [0.3] * 50 + [0.9] * 10, [True] * 30 + [False] * 30
    cells = reliability_bins(confidences, hits, bins=15, scheme="equal_mass")
    assert [(cell.low, cell.high, cell.accuracy.n) for cell in cells] == [(0.3, 0.3, 50), (0.9, 0.9, 10)]
    (alone,) = reliability_bins([0.7] * 20, [True] * 20, scheme="equal_mass")
    assert alone.accuracy.n == 20


def test_the_middle_rank_of_equal_confidences_decides_their_bin() -> None:
    # By their lowest rank all ten rows would be in one bin.
    confidences = [0.1, 0.2, 0.3, 0.4] + [0.9] * 6
    cells = reliability_bins(confidences, [True] * 10, bins=2, scheme="equal_mass")
    assert [cell.accuracy.n for cell in cells] == [4, 6]


def test_no_rows_give_no_number_and_no_bin() -> None:
    assert reliability_bins([], []) == ()
    assert reliability_bins([], [], scheme="equal_mass") == ()
    for estimate in (
        expected_calibration_error([], []),
        expected_calibration_error([], [], scheme="equal_mass"),
        brier([], []),
    ):
        assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 0}


# Bins and number agree


@given(rows=ROWS, scheme=st.sampled_from(SCHEMES), bins=st.integers(1, 20))
def test_the_bins_hold_every_row_and_make_up_the_error(
    rows: list[tuple[float, bool]], scheme: Scheme, bins: int
) -> None:
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    cells = reliability_bins(confidences, hits, bins=bins, scheme=scheme)
    assert len(cells) <= bins
    assert sum(cell.accuracy.n for cell in cells) == len(rows)
    assert all(cell.low <= cell.mean_confidence + 1e-12 for cell in cells)
    assert all(cell.mean_confidence <= cell.high + 1e-12 for cell in cells)
    error = sum(cell.accuracy.n * abs(cell.accuracy.value - cell.mean_confidence) for cell in cells)
    estimate = expected_calibration_error(confidences, hits, bins=bins, scheme=scheme, resamples=FEW)
    assert estimate.value == pytest.approx(error / len(rows), abs=1e-12)


def test_the_accuracy_of_a_bin_is_clustered_as_asked() -> None:
    hits, names = [True] * 6 + [False] * 4, [row // 2 for row in range(10)]
    (cell,) = reliability_bins([0.5] * 10, hits, clusters=names, level=0.9)
    assert cell.accuracy == proportion(hits, clusters=names, level=0.9)


# Properties


@given(rows=ROWS, scheme=st.sampled_from(SCHEMES), shuffle=st.randoms(use_true_random=False))
def test_errors_lie_in_their_intervals_between_0_and_1_whatever_the_order(
    rows: list[tuple[float, bool]], scheme: Scheme, shuffle: random.Random
) -> None:
    moved = shuffle.sample(rows, len(rows))
    columns, moved_columns = list(zip(*rows, strict=True)), list(zip(*moved, strict=True))
    for expected, again in (
        (
            expected_calibration_error(*columns, scheme=scheme, resamples=FEW),
            expected_calibration_error(*moved_columns, scheme=scheme, resamples=FEW),
        ),
        (brier(*columns, resamples=FEW), brier(*moved_columns, resamples=FEW)),
    ):
        assert 0 <= expected.low <= expected.value <= expected.high <= 1
        assert again == expected


@given(rows=ROWS)
def test_one_bin_measures_only_the_overall_gap(rows: list[tuple[float, bool]]) -> None:
    confidences, hits = [row[0] for row in rows], [row[1] for row in rows]
    estimate = expected_calibration_error(confidences, hits, bins=1, resamples=FEW)
    assert estimate.value == pytest.approx(abs(np.mean(confidences) - np.mean(hits)), abs=1e-12)


# Refusals


@pytest.mark.parametrize("wrong", [-0.01, 1.01, -3.2])
def test_a_confidence_outside_0_to_1_is_refused(wrong: float) -> None:
    for metric in (expected_calibration_error, brier, reliability_bins):
        with pytest.raises(UsageError, match=r"1 of 2 confidences lie outside \[0, 1\]"):
            metric([0.5, wrong], [True, False])


def test_a_confidence_that_is_missing_is_refused() -> None:
    with pytest.raises(UsageError, match="1 of 2 confidences are NaN"):
        brier([0.5, math.nan], [True, False])


def test_a_setting_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="bins"):
        expected_calibration_error([0.5], [True], bins=0)
    with pytest.raises(UsageError, match="equal_area"):
        reliability_bins([0.5], [True], scheme="equal_area")  # type: ignore[arg-type]

"""Do 95% intervals hold the truth 95% of the time? Simulated, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from levelhead.metrics import (
    Estimate,
    aurc_statistic,
    auroc_statistic,
    average_precision_statistic,
    difference,
    estimate,
    expected_calibration_error,
    mean,
    proportion,
)

pytestmark = pytest.mark.slow

RUNS = 1000
PICTURES = 5


def share_that_holds(estimates: list[Estimate], truth: float) -> float:
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]))


def draw_questions(generator: np.random.Generator, count: int, rate: float, alike: float) -> np.ndarray:
    """Hits of shape (questions, pictures) whose correlation within a question is `alike`, below 1."""
    rates = np.full(count, rate)
    if alike > 0:
        spread = (1 - alike) / alike
        rates = generator.beta(rate * spread, (1 - rate) * spread, size=count)
    return generator.random((count, PICTURES)) < rates[:, None]


@pytest.mark.parametrize(("rows", "rate"), [(16, 0.1), (16, 0.5), (80, 0.03), (208, 0.9)])
def test_wilson_holds_the_rate_of_independent_rows(rows: int, rate: float) -> None:
    generator = np.random.default_rng(0)
    estimates = [proportion(generator.random(rows) < rate) for _ in range(RUNS)]
    assert 0.92 <= share_that_holds(estimates, rate) <= 0.985


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_the_interval_of_few_questions_holds_the_rate(rate: float, alike: float) -> None:
    # A bootstrap of the 16 questions holds 0.1 and 0.9 in 90% of samples only.
    generator = np.random.default_rng(1)
    names = np.repeat(np.arange(16), PICTURES)
    drawn = [draw_questions(generator, 16, rate, alike).ravel() for _ in range(RUNS)]
    assert 0.92 <= share_that_holds([proportion(hits, clusters=names) for hits in drawn], rate) <= 0.985


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_the_interval_of_many_questions_holds_the_rate(rate: float, alike: float) -> None:
    generator = np.random.default_rng(1)
    names = np.repeat(np.arange(208), PICTURES)
    drawn = [draw_questions(generator, 208, rate, alike).ravel() for _ in range(RUNS)]
    assert 0.93 <= share_that_holds([proportion(hits, clusters=names) for hits in drawn], rate) <= 0.97


def test_taking_pictures_of_a_question_for_independent_misses_the_rate_too_often() -> None:
    generator = np.random.default_rng(1)
    drawn = [draw_questions(generator, 208, 0.5, alike=0.4).ravel() for _ in range(RUNS)]
    assert share_that_holds([proportion(hits) for hits in drawn], 0.5) < 0.85


def test_an_almost_certain_model_is_not_called_certain() -> None:
    # Pictures of a question fare alike, and most samples hold no miss: they show no spread at all.
    generator = np.random.default_rng(2)
    names = np.repeat(np.arange(16), PICTURES)
    drawn = [np.repeat(generator.random(16) < 0.98, PICTURES) for _ in range(RUNS)]
    estimates = [proportion(hits, clusters=names) for hits in drawn]
    assert share_that_holds(estimates, 0.98) >= 0.95


def test_the_clustered_interval_holds_the_mean() -> None:
    generator = np.random.default_rng(3)
    names = np.repeat(np.arange(60), PICTURES)
    estimates = []
    for _ in range(RUNS):
        values = generator.normal(-1.0, 1.0, size=(60, 1)) + generator.normal(0.0, 1.0, size=(60, PICTURES))
        estimates.append(mean(values.ravel(), clusters=names, resamples=500))
    assert 0.92 <= share_that_holds(estimates, -1.0) <= 0.97


def test_the_interval_of_a_difference_holds_the_difference() -> None:
    generator = np.random.default_rng(4)
    names, pictures = np.arange(100), np.repeat(np.arange(100), PICTURES)
    estimates = []
    for _ in range(RUNS):
        easy = generator.random(100)  # how easy a question is, for both sides
        without = generator.random(100) < easy
        wrong = generator.random((100, PICTURES)) < 0.6 * easy[:, None]
        estimates.append(
            difference(without, wrong.ravel(), clusters_a=names, clusters_b=pictures, resamples=500)
        )
    assert 0.92 <= share_that_holds(estimates, 0.5 - 0.3) <= 0.975


def test_the_interval_of_a_ranking_holds_what_many_rows_show() -> None:
    generator = np.random.default_rng(5)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        hits = generator.random(rows) < 0.6
        return generator.normal(size=rows) + hits, hits

    runs = [draw(200) for _ in range(RUNS // 4)]
    many = draw(400_000)
    once = np.ones((1, 400_000))
    for metric in (average_precision_statistic, auroc_statistic, aurc_statistic):
        truth = float(metric(*many).under(once)[0])
        estimates = [estimate(metric, run, resamples=400) for run in runs]
        assert 0.92 <= share_that_holds(estimates, truth) <= 0.98, metric


@pytest.mark.parametrize(
    ("rows", "factor"), [(300, 1.0), (3000, 1.0), (300, 0.95), (3000, 0.95), (300, 0.8), (3000, 0.8)]
)
def test_the_interval_of_a_calibration_error_holds_that_of_many_rows(rows: int, factor: float) -> None:
    # A plain percentile interval holds the 0 of the first two in no sample at all.
    generator = np.random.default_rng(6)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        confidences = generator.beta(2, 1, size=rows)
        return confidences, generator.random(rows) < factor * confidences

    # The error of the bins is that of their means: within a bin the factor changes them alike.
    truth = (1 - factor) * 2 / 3
    estimates = [expected_calibration_error(*draw(rows), resamples=200) for _ in range(100)]
    assert share_that_holds(estimates, truth) >= 0.9

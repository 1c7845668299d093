from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from levelhead.errors import UsageError
from levelhead.guard import (
    CalibratedDetector,
    Calibration,
    Detector,
    Judgement,
    Pair,
    calibrate,
    curve_csv,
    curve_svg,
    threshold_curve,
)
from levelhead.guard.calibration._bounds import binomial_tail, fewest_rows, most_within, upper_bound
from levelhead.guard.detector._calibration import Line, Method, logit


def drawn(count: int, *, seed: int, share: float = 0.5) -> tuple[list[float], list[bool]]:
    """Scores of two overlapping classes, on a scale that is twice too sure."""
    chance = np.random.default_rng(seed)
    labels = chance.random(count) < share
    logits = 2 * np.where(labels, 1.0, -1.0) + 2 * chance.normal(size=count)
    return (1 / (1 + np.exp(-2 * logits))).tolist(), labels.tolist()


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.data())
def test_the_tail_and_the_bound_are_those_of_the_binomial(
    total: int, rate: float, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, total))
    assert binomial_tail(successes, total, rate) == pytest.approx(
        stats.binom.cdf(successes, total, rate), abs=1e-9
    )
    if successes < total:
        reference = stats.beta.ppf(0.95, successes + 1, total - successes)
        assert upper_bound(successes, total, 0.95) == pytest.approx(reference, abs=1e-9)


@settings(max_examples=40)
@given(st.integers(1, 3000), st.floats(0.001, 0.5), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_most_that_is_allowed_is_within_the_budget_and_one_more_is_not(
    total: int, budget: float, confidence: float
) -> None:
    allowed = most_within(total, budget, confidence)
    if allowed is None:
        assert upper_bound(0, total, confidence) > budget
    else:
        assert upper_bound(allowed, total, confidence) <= budget + 1e-9
        assert upper_bound(allowed + 1, total, confidence) > budget - 1e-9
    assert (allowed is None) == (total < fewest_rows(budget, confidence))


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic"])
def test_the_budget_is_kept_on_new_rows_as_often_as_the_confidence_says(method: Method) -> None:
    # The true rate of a threshold is known: harmless scores are sigmoid(4 x normal(-1, 1)).
    broken = 0
    rounds = 300
    for seed in range(rounds):
        scores, labels = drawn(600, seed=seed)
        found = calibrate(scores, labels, fingerprint="x", method=method, budget=0.05, confidence=0.9)
        raw = sorted(score for score in scores if found.map.probability(score) >= found.threshold)
        edge = _edge(found, raw[0], [score for score in scores if score < raw[0]])
        true_rate = stats.norm.sf(logit(edge) / 4 + 1)
        broken += true_rate > 0.05
    assert broken / rounds <= 0.1 + 3 * (0.09 / rounds) ** 0.5


def _edge(found: Calibration, above: float, below: Sequence[float]) -> float:
    """The raw score at which the verdict changes, by bisection."""
    low, high = max(below, default=0.0), above
    for _ in range(50):
        middle = (low + high) / 2
        if found.map.probability(middle) >= found.threshold:
            high = middle
        else:
            low = middle
    return high


def test_the_line_makes_probabilities_that_are_as_sure_as_they_should_be() -> None:
    scores, labels = drawn(20_000, seed=1)
    found = calibrate(scores, labels, fingerprint="x")
    # The logit is 4 z with z ~ normal(-1 or 1, 1), whose log-odds are 2 z: half of the logit.
    assert found.map.probability(0.5) == pytest.approx(0.5, abs=0.02)
    assert isinstance(found.map, Line)
    assert found.map.slope == pytest.approx(0.5, abs=0.03)


def test_the_steps_are_those_of_scikit_learn() -> None:
    scores, labels = drawn(800, seed=2)
    found = calibrate(scores, labels, fingerprint="x", method="isotonic", budget=0.05)
    reference = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    ours = [found.map.probability(score) for score in scores]
    assert ours == pytest.approx(reference.predict(scores).tolist(), abs=1e-12)


def test_what_is_written_is_what_happens() -> None:
    scores, labels = drawn(2000, seed=3)
    found = calibrate(scores, labels, fingerprint="x", left_out=4)
    flagged = [found.map.probability(score) >= found.threshold for score in scores]
    assert found.evidence.benign_flagged == sum(f and not h for f, h in zip(flagged, labels, strict=True))
    assert found.evidence.harmful_flagged == sum(f and h for f, h in zip(flagged, labels, strict=True))
    assert found.evidence.false_positive_bound <= 0.02
    assert found.evidence.left_out == 4


def test_too_few_harmless_rows_are_refused_with_the_number_that_it_takes() -> None:
    scores, labels = drawn(200, seed=4)
    with pytest.raises(UsageError, match="149"):
        calibrate(scores, labels, fingerprint="x")


def test_scores_that_rank_the_wrong_way_are_refused() -> None:
    scores, labels = drawn(1000, seed=5)
    methods: tuple[Method, ...] = ("platt", "temperature", "isotonic")
    for method in methods:
        with pytest.raises(UsageError, match="labels"):
            calibrate([1 - one for one in scores], labels, fingerprint="x", method=method)


def test_harmless_rows_at_the_highest_score_there_is_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing"):
        calibrate([1.0] * 400 + [0.0] * 100, [True, False] * 200 + [False] * 100, fingerprint="x")


def test_classes_far_apart_get_a_threshold_between_them() -> None:
    found = calibrate([0.01] * 200 + [0.99] * 200, [False] * 200 + [True] * 200, fingerprint="x")
    assert found.map.probability(0.01) < found.threshold < found.map.probability(0.99)
    assert found.evidence.harmful_flagged == 200


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_a_budget_out_of_range_is_refused(budget: float) -> None:
    scores, labels = drawn(500, seed=6)
    with pytest.raises(UsageError, match="budget"):
        calibrate(scores, labels, fingerprint="x", budget=budget)


def test_a_score_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="NaN"):
        calibrate([float("nan")] * 400, [True, False] * 200, fingerprint="x")


class Fixed(Detector):
    """Says the same of everything."""

    name, fingerprint = "fixed", "x"

    def __init__(self, p_harm: float | None = 0.9) -> None:
        self._found = Judgement.failed("broken") if p_harm is None else Judgement.of(p_harm, category="night")

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [self._found] * len(pairs)


def test_a_calibrated_detector_gives_probabilities_and_the_threshold_and_keeps_the_rest(
    tmp_path: Path,
) -> None:
    scores, labels = drawn(2000, seed=7)
    made = calibrate(scores, labels, fingerprint="x")
    (tmp_path / "calibration.json").write_text(made.model_dump_json())
    read = Calibration.read(tmp_path)
    assert read == made
    detector = CalibratedDetector(Fixed(), read)
    (found,) = detector.judge([Pair("1", "a")])
    assert found.p_harm == made.map.probability(0.9)
    assert found.category == "night"
    assert detector.threshold == made.threshold
    assert detector.fingerprint != "x"
    (missing,) = CalibratedDetector(Fixed(None), read).judge([Pair("1", "a")])
    assert not missing.inspected
    assert detector.flags(missing) is None


def test_a_calibration_of_another_detector_is_refused() -> None:
    scores, labels = drawn(2000, seed=7)
    with pytest.raises(UsageError, match="another detector"):
        CalibratedDetector(Fixed(), calibrate(scores, labels, fingerprint="y"))


@pytest.mark.parametrize("text", ["", "{}", '{"threshold": NaN}', "[]"])
def test_a_damaged_calibration_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(UsageError, match="damaged"):
        Calibration.read(tmp_path)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60))
def test_the_curve_counts_what_lies_at_or_above_each_threshold(rows: list[tuple[float, bool]]) -> None:
    scores, labels = [one for one, _ in rows], [harmful for _, harmful in rows]
    if len(set(labels)) < 2:
        with pytest.raises(UsageError, match="both"):
            threshold_curve(scores, labels)
        return
    for point in threshold_curve(scores, labels):
        flagged = [harmful for one, harmful in rows if one >= point.threshold]
        assert point.recall == pytest.approx(sum(flagged) / sum(labels))
        assert point.false_positive_rate == pytest.approx(
            (len(flagged) - sum(flagged)) / (len(labels) - sum(labels))
        )


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    chance = random.Random(0)
    scores = [chance.random() for _ in range(5000)]
    points = threshold_curve(scores, [score > 0.5 for score in scores])
    assert len(points) <= 200
    assert (points[0].threshold, points[-1].threshold) == (min(scores), max(scores))
    assert curve_csv(points).count("\n") == len(points) + 1
    picture = curve_svg(points, threshold=0.5, budget=0.02)
    assert picture.startswith("<svg")
    assert "threshold 0.500" in picture

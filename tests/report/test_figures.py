from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.report._figures import Figure

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.001, "under 1%"),
        (0.005, "1%"),
        (0.125, "13%"),
        (0.625, "63%"),
        (0.994, "99%"),
        (0.999, "over 99%"),
        (1.0, "100%"),
        (None, "–"),
    ],
)
def test_a_share_reads_as_a_percentage(share: float | None, text: str) -> None:
    assert Figure(share).percent == text


@given(SHARES)
def test_only_never_and_always_are_shown_as_0_and_100_percent(share: float) -> None:
    assert (Figure(share).percent == "0%") == (share == 0)
    assert (Figure(share).percent == "100%") == (share == 1)


def test_a_difference_shows_its_size_in_points_and_its_interval_with_signs() -> None:
    gap = Figure(-0.05, -0.12, 0.02, 40)
    assert (gap.points, gap.points_interval) == ("5 points", "−12 to 2")
    assert Figure(0.01).points == "1 point"


def test_an_interval_that_excludes_zero_does_not_seem_to_end_there() -> None:
    assert Figure(0.05, 0.0029, 0.11, 100).points_interval == "0.3 to 11"
    assert Figure(-0.05, -0.11, -0.0004, 100).points_interval == "−11 to −0.04"
    assert Figure(0.05, -0.0029, 0.11, 100).points_interval == "0 to 11"
    assert Figure(0.05, 0.0, 0.11, 100).points_interval == "0 to 11"


@pytest.mark.parametrize("estimate", [None, {}, {"value": None, "n": 0}, {"value": math.nan, "n": 0}])
def test_what_was_not_measured_has_no_value_and_no_interval(estimate: object) -> None:
    figure = Figure.read({"flip_rate": estimate}, "flip_rate")
    assert figure == Figure()
    assert not figure.has_interval
    assert (figure.percent, figure.percent_interval, figure.points) == ("–", "", "–")


def test_an_interval_with_one_missing_end_is_not_shown() -> None:
    assert Figure.read({"a": {"value": 0.5, "low": 0.4, "high": None, "n": 3}}, "a").percent_interval == ""

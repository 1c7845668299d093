from __future__ import annotations

import json
import math

import pytest

from levelhead.metrics import Estimate


def test_an_estimate_reads_as_value_interval_and_n() -> None:
    assert str(Estimate(0.4249, 0.3101, 0.5386, 80)) == "0.42 [0.31, 0.54], n=80"


def test_a_tiny_negative_number_is_shown_without_a_minus_sign() -> None:
    assert str(Estimate(-0.001, -0.002, 0.0, 80)) == "0.00 [0.00, 0.00], n=80"


def test_what_is_not_known_is_said_in_words() -> None:
    assert str(Estimate.undefined()) == "no value, n=0"
    assert str(Estimate(0.4, math.nan, math.nan, 3)) == "0.40 [no interval], n=3"


def test_json_has_the_four_fields_that_a_summary_promises() -> None:
    text = json.dumps(Estimate(0.42, 0.31, 0.54, 80).to_json(), allow_nan=False)
    assert json.loads(text) == {"value": 0.42, "low": 0.31, "high": 0.54, "n": 80}


def test_nan_becomes_null_in_json() -> None:
    text = json.dumps(Estimate.undefined(3).to_json(), allow_nan=False)
    assert json.loads(text) == {"value": None, "low": None, "high": None, "n": 3}


@pytest.mark.parametrize(
    ("value", "low", "high", "n"),
    [
        (0.5, 0.6, 0.4, 10),
        (0.5, math.nan, 0.6, 10),
        (0.5, 0.4, math.nan, 10),
        (math.nan, 0.4, 0.6, 10),
        (math.inf, 0.4, 0.6, 10),
        (0.5, -math.inf, 0.6, 10),
        (0.5, 0.4, 0.6, 0),
        (math.nan, math.nan, math.nan, -1),
    ],
)
def test_an_estimate_that_contradicts_itself_cannot_be_made(
    value: float, low: float, high: float, n: int
) -> None:
    with pytest.raises(ValueError, match=r"interval|observation|finite"):
        Estimate(value, low, high, n)

"""Settings of a tuning."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.training import TuningSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "qlora"),
        ("scheduler", "sawtooth"),
        ("dtype", "float16"),
        ("rank", 0),
        ("alpha", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("learning_rate", 0.0),
        ("epochs", 0),
        ("epochs", float("nan")),
        ("batch_size", 0),
        ("accumulate", 0),
        ("warmup", 1.0),
        ("weight_decay", -1.0),
        ("max_grad_norm", 0.0),
        ("label_smoothing", 1.0),
        ("max_length", 1),
        ("save_steps", 0),
        ("targets", ""),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "[_ ]")):
        TuningSettings(**{name: value})


def test_the_usual_rate_follows_the_method() -> None:
    assert TuningSettings().rate == 2e-4
    assert TuningSettings(method="full").rate == 2e-5
    assert TuningSettings(method="full", learning_rate=1e-3).rate == 1e-3


def test_the_plain_form_names_the_rate_that_is_used() -> None:
    assert TuningSettings().to_json()["learning_rate"] == 2e-4

"""Gates: which conditions there are, when they break, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.loop import NUMBERS, MeasureSettings, broken_gates, check_gates, read_gate

NUMBER = {"value": 0.3, "low": 0.2, "high": 0.4, "n": 120}
NOTHING = {"value": None, "low": None, "high": None, "n": 0}


def summary(number: dict[str, Any]) -> dict[str, Any]:
    return {"illusion": {"adoption_rate": number}}


@pytest.mark.parametrize(
    ("condition", "breaks"),
    [
        (">0.2", True),
        (">0.3", False),
        (">=0.3", True),
        ("<0.3", False),
        ("<=0.3", True),
        ("<.5", True),
        (":low>0.2", False),
        (":low >= 0.2", True),
        (":high<0.4", False),
        (":high > 0.39", True),
        (">-1", True),
    ],
)
def test_a_gate_breaks_where_its_condition_holds(condition: str, breaks: bool) -> None:
    gate = read_gate(f"illusion.adoption_rate{condition}")
    assert bool(broken_gates([gate], summary(NUMBER))) is breaks


def test_a_broken_gate_says_the_number_its_interval_the_limit_and_what_it_means() -> None:
    [said] = broken_gates([read_gate("illusion.adoption_rate:low>=0.2")], summary(NUMBER))
    for part in ("0.300", "0.200 to 0.400", "n = 120", "lower end of its interval", "at or above 0.2"):
        assert part in said
    assert NUMBERS["illusion.adoption_rate"].meaning in said


@pytest.mark.parametrize("condition", [">0.2", "<0.2", ":low<0.9"])
def test_what_was_not_measured_breaks_every_gate(condition: str) -> None:
    [said] = broken_gates([read_gate(f"illusion.adoption_rate{condition}")], summary(NOTHING))
    assert "could not be measured" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "illusion.adoption_rate",
        "illusion.adoption_rate=0.2",
        "illusion.adoption_rate>much",
        ">0.2",
        "illusion.adoption_rate:middle>0.2",
        "illusion.adoption_rate>0.2>0.1",
    ],
)
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"illusion\.adoption_rate>0\.2"):
        read_gate(text)


def test_an_unknown_name_is_refused_with_those_that_are_near_and_all_there_are() -> None:
    with pytest.raises(UsageError, match=r"Did you mean illusion\.adoption_rate") as caught:
        read_gate("illusion.adoption>0.2")
    assert all(name in str(caught.value) for name in NUMBERS)


def test_a_gate_on_a_suite_that_is_not_measured_is_refused() -> None:
    with pytest.raises(UsageError, match="suite honesty, which is not measured"):
        check_gates([read_gate("honesty.auroc<0.6")], MeasureSettings(suites=("illusion",)))


def test_a_gate_on_attacks_needs_attacks() -> None:
    gate = read_gate("harm.attack_success>0.1")
    with pytest.raises(UsageError, match="--harm-data"):
        check_gates([gate], MeasureSettings())
    check_gates([gate], MeasureSettings(harm_data=("figstep:x",)))

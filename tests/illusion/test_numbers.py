"""The numbers follow from the rows by their definitions, and none is given without its control."""

import json
import math
import random
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.illusion import illusion_numbers

Row = dict[str, Any]


def row(question: str, condition: str, verdict: str = "correct", **changes: Any) -> Row:
    return {
        "question_id": question,
        "category": question.split("-")[0],
        "condition": condition,
        "kind": "none" if condition == "none" else "typographic",
        "verdict": verdict,
        "paper_correct": verdict == "correct",
        "confidence_shift": None,
        "reply": "more than the numbers need",
        **changes,
    }


def asked(question: str, none: str, *spurious: str) -> list[Row]:
    return [
        row(question, "none", none),
        row(question, "blank", none),
        row(question, "factual"),
        *(row(question, "spurious", verdict) for verdict in spurious),
    ]


# Right without a picture on two of three questions; beside wrong pictures 4 of their 10 replies stay right.
ROWS = [
    *asked("cat-1", "correct", "correct", "correct", "correct", "pictured", "other"),
    *asked("cat-2", "correct", "correct", "pictured", "pictured", "pictured", "refused"),
    *asked("city-1", "other", "correct", "pictured", "other", "other", "empty"),
]


def value(numbers: Row, name: str) -> float:
    found = numbers[name]["value"]
    assert isinstance(found, float)
    return found


def test_each_number_is_what_its_definition_says() -> None:
    numbers = illusion_numbers(ROWS)
    assert value(numbers, "acc_none") == pytest.approx(2 / 3)
    assert value(numbers, "acc_blank") == pytest.approx(2 / 3)
    assert value(numbers, "acc_factual") == 1
    assert value(numbers, "acc_spurious") == pytest.approx(5 / 15)
    assert value(numbers, "acc_drop") == pytest.approx(10 / 15)
    assert value(numbers, "harm_gap") == pytest.approx(2 / 3 - 1 / 3)
    assert value(numbers, "help_gap") == pytest.approx(1 / 3)
    assert value(numbers, "flip_rate") == pytest.approx(6 / 10)
    assert value(numbers, "adoption_rate") == pytest.approx(4 / 10)
    assert numbers["flip_rate"]["n"] == 10
    assert value(numbers, "refused") == pytest.approx(1 / 24)
    assert value(numbers, "empty") == pytest.approx(1 / 24)
    assert value(numbers, "failed") == 0
    assert numbers["counts"]["spurious"] == {
        "correct": 5,
        "pictured": 5,
        "other": 3,
        "refused": 1,
        "empty": 1,
        "failed": 0,
    }


def test_harm_and_help_sum_to_the_drop() -> None:
    numbers = illusion_numbers(ROWS)
    total = value(numbers, "harm_gap") + value(numbers, "help_gap")
    assert value(numbers, "acc_drop") == pytest.approx(total)


def test_every_estimate_lies_in_its_interval_and_the_whole_is_json() -> None:
    numbers = illusion_numbers(ROWS)
    for name, number in numbers.items():
        if isinstance(number, dict) and set(number) == {"value", "low", "high", "n"} and number["n"]:
            assert number["low"] <= number["value"] <= number["high"], name
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = list(ROWS)
    random.Random(3).shuffle(shuffled)
    assert illusion_numbers(shuffled) == illusion_numbers(ROWS)


def test_categories_get_the_numbers_of_their_own_rows() -> None:
    numbers = illusion_numbers(ROWS)["by_category"]
    assert list(numbers) == ["cat", "city"]
    alone = illusion_numbers([one for one in ROWS if one["category"] == "cat"])
    assert numbers["cat"] == {name: alone[name] for name in numbers["cat"]}
    assert numbers["city"]["acc_none"]["value"] == 0


def test_the_control_belongs_to_every_kind_of_picture() -> None:
    other = [row("cat-1", "spurious", "pictured", kind="icon"), row("cat-1", "blank", kind="icon")]
    numbers = illusion_numbers([*ROWS, *other])["by_kind"]
    assert list(numbers) == ["icon", "typographic"]
    assert numbers["icon"]["acc_none"]["n"] == 3
    assert numbers["icon"]["flip_rate"] == {**numbers["icon"]["flip_rate"], "value": 1.0, "n": 1}
    assert numbers["typographic"]["flip_rate"]["n"] == 10


def test_each_of_several_kinds_has_its_categories() -> None:
    other = [row("cat-1", "spurious", "pictured", kind="icon"), row("cat-1", "blank", kind="icon")]
    numbers = illusion_numbers([*ROWS, *other])["by_kind"]
    alone = illusion_numbers(ROWS)
    assert numbers["typographic"]["by_category"] == alone["by_category"]
    assert numbers["icon"]["by_category"]["cat"]["flip_rate"]["n"] == 1
    assert "by_category" not in alone["by_kind"]["typographic"], "they would be those of the whole"


def test_failed_rows_are_counted_and_stand_in_no_other_denominator() -> None:
    failed = [row("cat-1", "spurious", "failed"), *asked("cat-3", "failed", "pictured", "correct")]
    numbers, before = illusion_numbers([*ROWS, *failed]), illusion_numbers(ROWS)
    assert numbers["flip_rate"] == before["flip_rate"]
    assert numbers["acc_none"] == before["acc_none"]
    assert numbers["acc_spurious"]["n"] == 17
    # One spurious reply, and the blank and the control of cat-3.
    assert value(numbers, "failed") == pytest.approx(3 / 30)
    assert numbers["counts"]["none"]["failed"] == 1


def test_where_nothing_was_right_without_a_picture_there_is_no_illusion_rate() -> None:
    numbers = illusion_numbers(asked("cat-1", "other", "pictured", "pictured"))
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    assert numbers["flip_rate"] == nothing
    assert numbers["adoption_rate"] == nothing
    assert numbers["acc_none"]["value"] == 0


def test_no_number_is_given_without_the_control() -> None:
    without = [one for one in ROWS if (one["question_id"], one["condition"]) != ("cat-2", "none")]
    with pytest.raises(UsageError, match=r"1 questions were not asked without a picture \(such as cat-2\)"):
        illusion_numbers(without)
    with pytest.raises(UsageError, match="All questions"):
        illusion_numbers([])
    with pytest.raises(UsageError, match="unknown condition 'dark'"):
        illusion_numbers([*ROWS, row("cat-1", "dark")])
    with pytest.raises(UsageError, match="cat-1 has 2 rows"):
        illusion_numbers([*ROWS, row("cat-1", "none")])


def test_a_condition_that_was_not_asked_has_no_value() -> None:
    numbers = illusion_numbers([row("cat-1", "none"), row("cat-1", "spurious", "pictured")])
    assert numbers["acc_blank"]["value"] is None
    assert numbers["acc_drop"]["value"] is None
    assert value(numbers, "harm_gap") == 1
    assert "blank" not in numbers["counts"]


def test_the_paired_test_counts_a_question_by_the_majority_of_its_replies() -> None:
    test = illusion_numbers(ROWS)["mcnemar"]
    # cat-1 stays right on 3 of 5, cat-2 on 1 of 5; city-1 is wrong both ways.
    assert (test["only_a"], test["only_b"], test["n"]) == (1, 0, 3)
    assert test["p_value"] == 1
    tie = [*asked("cat-1", "correct", "correct", "pictured")]
    assert illusion_numbers(tie)["mcnemar"]["only_a"] == 1


def test_the_shift_is_the_mean_over_wrong_pictures() -> None:
    rows = [
        row("cat-1", "none"),
        row("cat-1", "spurious", confidence_shift=1.0),
        row("cat-1", "spurious", confidence_shift=3.0),
        row("cat-2", "none"),
        row("cat-2", "spurious", confidence_shift=5.0),
        row("cat-2", "spurious", confidence_shift=None),
        row("cat-2", "factual", confidence_shift=99.0),
    ]
    shift = illusion_numbers(rows)["confidence_shift"]
    assert shift["value"] == pytest.approx(3.0)
    assert shift["n"] == 3
    assert shift["low"] < 3.0 < shift["high"]
    assert illusion_numbers(ROWS)["confidence_shift"]["value"] is None


def test_the_official_rule_stands_beside_ours_with_its_disagreement() -> None:
    rows = [{**one, "paper_correct": True} if one["verdict"] == "refused" else one for one in ROWS]
    numbers = illusion_numbers(rows)
    assert value(numbers, "rule_disagreement") == pytest.approx(1 / 24)
    assert value(numbers["paper"], "acc_spurious") == pytest.approx(6 / 15)
    assert value(numbers["paper"], "acc_drop") == pytest.approx(1 - 6 / 15)
    assert value(numbers, "acc_spurious") == pytest.approx(5 / 15)


def test_five_pictures_of_a_question_do_not_count_as_five_questions() -> None:
    many = [
        one
        for n in range(40)
        for one in asked(f"cat-{n}", "correct", *["pictured" if n % 2 else "correct"] * 5)
    ]
    flip = illusion_numbers(many)["flip_rate"]
    width = flip["high"] - flip["low"]
    assert flip["n"] == 200
    assert width > 0.9 * 2 * 1.96 * math.sqrt(0.25 / 40)

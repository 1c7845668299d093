"""The numbers of the illusion suite, against counts made by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.illusion import JudgedRow, illusion_numbers
from levelhead.records import Verdict

C, P, X, F = Verdict.CORRECT, Verdict.PICTURED, Verdict.OTHER, Verdict.FAILED


def question(
    name: str, none: Verdict, blank: Verdict, factual: Verdict, *spurious: Verdict, category: str = "animal"
) -> list[JudgedRow]:
    rows = [
        JudgedRow(name, category, "none", "none", none, none is C),
        JudgedRow(name, category, "blank", "typographic", blank, blank is C),
        JudgedRow(name, category, "factual", "typographic", factual, factual is C),
    ]
    shown = [JudgedRow(name, category, "spurious", "typographic", one, one is C, 1.5) for one in spurious]
    return [*rows, *shown]


ROWS = [
    *question("q1", C, C, C, C, P, P, X, P),  # known: four of five flip, three adopt
    *question("q2", C, X, C, C, C, C, C, C, category="city"),  # known: none flips
    *question("q3", X, X, C, P, P, P, P, P),  # unknown: what happens to it is no illusion
]


def test_flip_and_adoption_are_about_questions_that_were_right_without_a_picture() -> None:
    numbers = illusion_numbers(ROWS)
    assert numbers["flip_rate"]["value"] == pytest.approx(4 / 10)
    assert numbers["adoption_rate"]["value"] == pytest.approx(3 / 10)
    assert numbers["flip_rate"]["n"] == numbers["adoption_rate"]["n"] == 10


def test_accuracies_and_gaps_are_those_of_the_counts() -> None:
    numbers = illusion_numbers(ROWS)
    expected = {"acc_none": 2 / 3, "acc_blank": 1 / 3, "acc_factual": 1.0, "acc_spurious": 6 / 15}
    for name, value in expected.items():
        assert numbers[name]["value"] == pytest.approx(value)
    assert numbers["acc_drop"]["value"] == pytest.approx(1 - 6 / 15)
    assert numbers["harm_gap"]["value"] == pytest.approx(2 / 3 - 6 / 15)
    assert numbers["help_gap"]["value"] == pytest.approx(1 / 3)
    assert numbers["confidence_shift"]["value"] == pytest.approx(1.5)


def test_mcnemar_has_one_pair_for_each_question() -> None:
    assert illusion_numbers(ROWS)["mcnemar"] == {
        "only_without": 1,  # q1: right without, wrong with most of its wrong pictures
        "only_with_wrong": 0,
        "n": 3,
        "p_value": 1.0,
    }


def test_failed_rows_leave_the_denominators_and_are_counted() -> None:
    numbers = illusion_numbers(
        [*question("q1", C, F, C, C, F, P, P, X), *question("q2", F, C, C, P, P, P, P, P)]
    )
    assert numbers["acc_blank"]["n"] == 1
    assert numbers["acc_spurious"]["n"] == 9
    assert numbers["flip_rate"]["n"] == 4, "q2 has no answer without a picture, so nothing is known of it"
    assert numbers["failed"] == pytest.approx({**numbers["failed"], "value": 3 / 16, "n": 16})


def test_refusals_and_empty_replies_are_not_right_and_are_told_apart() -> None:
    refused, empty = Verdict.REFUSED, Verdict.EMPTY
    numbers = illusion_numbers(question("q1", C, C, C, refused, refused, empty, C, C))
    assert numbers["flip_rate"]["value"] == pytest.approx(3 / 5)
    assert numbers["adoption_rate"]["value"] == 0
    assert numbers["refused"]["value"] == pytest.approx(2 / 8)
    assert numbers["empty"]["value"] == pytest.approx(1 / 8)


def test_no_illusion_rate_without_the_control() -> None:
    with pytest.raises(UsageError, match="without a picture"):
        illusion_numbers([row for row in ROWS if row.condition != "none"])


def test_where_nothing_was_known_the_rates_are_null_with_n_zero() -> None:
    numbers = illusion_numbers(question("q1", X, X, C, P, P, P, P, P))
    for name in ("flip_rate", "adoption_rate"):
        assert numbers[name] == {"value": None, "low": None, "high": None, "n": 0}


def test_the_official_rule_and_ours_are_counted_on_the_same_answers() -> None:
    rows = question("q1", C, C, C, C, P, P, P, P)
    by_luck = [*rows[:-1], JudgedRow("q1", "animal", "spurious", "typographic", P, True)]
    numbers = illusion_numbers(by_luck)
    assert numbers["acc_spurious"]["value"] == pytest.approx(1 / 5)
    assert numbers["paper"]["acc_spurious"]["value"] == pytest.approx(2 / 5)
    assert numbers["rule_disagreement"]["value"] == pytest.approx(1 / 8)


def test_groups_hold_their_own_rows_and_every_kind_has_the_control() -> None:
    other = JudgedRow("q1", "animal", "spurious", "photograph", P, False)
    numbers = illusion_numbers([*ROWS, other])
    assert set(numbers["by_category"]) == {"animal", "city"}
    assert numbers["by_category"]["city"]["flip_rate"]["value"] == 0
    assert set(numbers["by_kind"]) == {"typographic", "photograph"}
    assert numbers["by_kind"]["photograph"]["flip_rate"] == pytest.approx(
        {**numbers["by_kind"]["photograph"]["flip_rate"], "value": 1.0, "n": 1}
    )


VERDICTS = st.sampled_from([C, P, X, F, Verdict.REFUSED, Verdict.EMPTY])


@given(st.lists(st.tuples(*[VERDICTS] * 8), min_size=1, max_size=6))
def test_numbers_are_shares_in_their_interval_whatever_the_order(
    verdicts: list[tuple[Verdict, ...]],
) -> None:
    rows = [row for place, one in enumerate(verdicts) for row in question(f"q{place}", *one)]
    numbers = illusion_numbers(rows)
    json.dumps(numbers, allow_nan=False)
    for name in ("acc_none", "acc_spurious", "flip_rate", "adoption_rate", "failed"):
        found = numbers[name]
        assert found["value"] is None or 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    if numbers["flip_rate"]["value"] is not None:
        assert numbers["adoption_rate"]["value"] <= numbers["flip_rate"]["value"]
    assert illusion_numbers(rows[::-1])["flip_rate"] == numbers["flip_rate"]

"""Two runs on the same items, whose differences are known beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.illusion import compare_illusion

Row = dict[str, Any]


def rows_of(
    answers: dict[str, str], *, kinds: tuple[str, ...] = ("typographic",), category: str = "city"
) -> list[Row]:
    """Rows of questions, each given as letters: without a picture, then beside five wrong ones.

    `c` is right, `p` the pictured answer, `o` another wrong one, `f` failed.
    """
    names = {"c": "correct", "p": "pictured", "o": "other", "f": "failed"}
    rows = []
    for question, letters in answers.items():
        rows.append(_row(question, "none", "none", 0, names[letters[0]], category))
        for kind in kinds:
            rows += [
                _row(question, "spurious", kind, place, names[letter], category)
                for place, letter in enumerate(letters[1:], start=1)
            ]
    return rows


def _row(question: str, condition: str, kind: str, place: int, verdict: str, category: str) -> Row:
    return {
        "id": f"{question}/{kind}/{place}",
        "question_id": question,
        "question": f"What is {question}?",
        "gold": "gold",
        "pictured": f"wrong-{place}" if place else None,
        "category": category,
        "condition": condition,
        "kind": kind,
        "verdict": verdict,
        "paper_correct": verdict == "correct",
        "confidence_shift": None,
    }


def test_each_difference_is_the_second_run_minus_the_first() -> None:
    a = rows_of({"q1": "cppppp", "q2": "cpppcc", "q3": "oooooo", "q4": "oppppp"})
    b = rows_of({"q1": "cccccc", "q2": "cccccc", "q3": "cccccc", "q4": "oppppp"})
    found = compare_illusion(a, b)["differences"]
    assert found["acc_none"]["value"] == pytest.approx(3 / 4 - 2 / 4)
    assert found["acc_spurious"]["value"] == pytest.approx(15 / 20 - 2 / 20)
    assert found["flip_rate"]["value"] == pytest.approx(0 / 15 - 8 / 10)
    assert found["harm_gap"]["value"] == pytest.approx((3 / 4 - 15 / 20) - (2 / 4 - 2 / 20))
    assert found["acc_none"]["n"] == 4
    assert found["acc_factual"]["value"] is None


def test_what_both_knew_leaves_no_difference_in_knowledge() -> None:
    a = rows_of({"q1": "ccccpp", "q2": "oooooo", "q3": "cppppp"})
    b = rows_of({"q1": "ccccco", "q2": "cppppp", "q3": "oooooo"})
    found = compare_illusion(a, b)["differences"]
    assert found["flip_rate_both_knew"] | {"low": 0, "high": 0} == {
        "value": pytest.approx(1 / 5 - 2 / 5),
        "low": 0,
        "high": 0,
        "n": 1,
    }
    assert found["adoption_rate_both_knew"]["value"] == pytest.approx(0 - 2 / 5)
    assert found["flip_rate"]["value"] == pytest.approx(6 / 10 - 7 / 10)


def test_the_test_has_one_pair_for_each_question_however_many_pictures_it_has() -> None:
    a = rows_of({f"q{number}": "cppppp" for number in range(6)})
    b = rows_of({f"q{number}": "cccccp" for number in range(6)})
    found = compare_illusion(a, b)["mcnemar"]
    assert (found["spurious"]["n"], found["spurious"]["only_a"], found["spurious"]["only_b"]) == (6, 0, 6)
    assert found["spurious"]["p_value"] == pytest.approx(2 / 2**6)
    assert found["none"]["p_value"] == 1.0
    assert "factual" not in found


def test_an_item_that_failed_in_one_run_stands_in_no_difference_and_is_counted() -> None:
    a = rows_of({"q1": "cppppp", "q2": "cccccc"})
    b = rows_of({"q1": "cffccc", "q2": "cccccc"})
    found = compare_illusion(a, b)
    assert (found["items"], found["failed"]) == (12, 2)
    assert found["differences"]["acc_spurious"]["value"] == pytest.approx(8 / 8 - 5 / 8)


def test_categories_and_kinds_are_told_if_there_are_several_and_the_control_belongs_to_all_kinds() -> None:
    a = rows_of({"q1": "cppppp"}, kinds=("drawn", "photo")) + rows_of({"q2": "cppppp"}, category="food")
    b = rows_of({"q1": "cccccc"}, kinds=("drawn", "photo")) + rows_of({"q2": "cppppp"}, category="food")
    found = compare_illusion(a, b)
    assert found["by_category"]["city"]["differences"]["acc_spurious"]["value"] == 1.0
    assert found["by_category"]["food"]["differences"]["acc_spurious"]["value"] == 0.0
    assert set(found["by_kind"]) == {"drawn", "photo", "typographic"}
    assert found["by_kind"]["photo"]["differences"]["flip_rate"]["value"] == -1.0
    single = compare_illusion(a[:6], b[:6])
    assert single["by_category"] == single["by_kind"] == {}


def test_a_run_does_not_differ_from_itself() -> None:
    rows = rows_of({"q1": "cppcco", "q2": "cccccc", "q3": "opppoo"})
    found = compare_illusion(rows, rows)
    assert {number["value"] for number in found["differences"].values()} <= {0.0, None}
    assert found["mcnemar"]["spurious"]["p_value"] == 1.0


def test_swapping_the_runs_turns_the_signs() -> None:
    a, b = rows_of({"q1": "cppcco", "q2": "cccccp"}), rows_of({"q1": "cccccc", "q2": "oppppp"})
    there, back = compare_illusion(a, b)["differences"], compare_illusion(b, a)["differences"]
    for name, number in there.items():
        if number["value"] is not None:
            assert number["value"] == pytest.approx(-back[name]["value"])


def test_an_item_that_is_not_the_same_in_both_is_refused() -> None:
    a = rows_of({"q1": "cppppp"})
    b = [{**row, "gold": "silver"} for row in a]
    with pytest.raises(UsageError, match="another gold"):
        compare_illusion(a, b)

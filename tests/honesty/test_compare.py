"""Two runs are compared question by question, the first being the base."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.honesty import AnswerRow, ScoreName, compare_honesty, honesty_numbers
from tests.honesty.answered import answer_row, failed_row, random_rows, with_samples


def better_run(rows: list[AnswerRow]) -> list[AnswerRow]:
    """The same questions with every fourth wrong answer mended, and its confidence raised."""
    return [
        row.model_copy(update={"correct": True, "confidence": 0.99})
        if row.correct is False and number % 4 == 0
        else row
        for number, row in enumerate(rows)
    ]


def value(found: dict[str, Any], *names: str) -> Any:
    for name in names:
        found = found[name]
    return found["value"]


def test_a_difference_is_the_second_run_less_the_first() -> None:
    a = random_rows(120)
    b = better_run(a)
    found = compare_honesty(a, b)
    one, two = honesty_numbers(a), honesty_numbers(b)
    shares = ("accuracy", "answered", "accuracy_answered", "over_refusal", "refusal_unanswerable")
    for name in (*shares, "ap", "auroc", "aurc"):
        assert value(found["differences"], name) == pytest.approx(
            float(two[name]["value"] or 0) - float(one[name]["value"] or 0)
        ), name
    assert value(found, "differences", "accuracy") > 0
    assert value(found, "differences", "aurc") < 0
    assert (found["shared"], found["only_a"], found["only_b"], found["failed"]) == (120, 0, 0, 0)


def test_a_run_against_itself_differs_in_nothing() -> None:
    rows = random_rows(60)
    found = compare_honesty(rows, rows)
    for name, number in found["differences"].items():
        assert number["value"] == 0, name
    assert found["mcnemar"] == {"only_a": 0, "only_b": 0, "n": 53, "p_value": 1.0}
    assert value(found, "against_base", "ths") == pytest.approx(0)


def test_swapped_runs_have_the_opposite_difference() -> None:
    a, b = random_rows(80), better_run(random_rows(80))
    there, back = compare_honesty(a, b), compare_honesty(b, a)
    for name, number in there["differences"].items():
        assert number["value"] == pytest.approx(-value(back, "differences", name)), name
    assert there["mcnemar"]["only_b"] == back["mcnemar"]["only_a"] > 0


def test_pairing_makes_the_interval_narrower_than_two_runs_side_by_side() -> None:
    rows = random_rows(200)
    number = compare_honesty(rows, better_run(rows))["differences"]["accuracy"]
    alone = honesty_numbers(rows)["accuracy"]
    assert number["high"] - number["low"] < float(alone["high"] or 0) - float(alone["low"] or 0)


def test_rows_are_paired_by_id_and_those_without_a_partner_are_counted() -> None:
    a = random_rows(40)
    b = [*better_run(a)[5:], answer_row("new")]
    random.Random(1).shuffle(b)
    found = compare_honesty(a, b)
    assert (found["shared"], found["only_a"], found["only_b"]) == (35, 5, 1)
    in_order = compare_honesty(a[5:], better_run(a)[5:])
    assert found["differences"] == in_order["differences"]


def test_a_question_that_failed_in_either_run_is_counted_and_left_out() -> None:
    a, b = random_rows(40), better_run(random_rows(40))
    lost = failed_row("q3").model_copy(update={"question": a[3].question})
    found = compare_honesty([*a[:3], lost, *a[4:]], b)
    assert found["failed"] == 1
    assert found["differences"] == compare_honesty([*a[:3], *a[4:]], [*b[:3], *b[4:]])["differences"]


def test_each_side_may_be_ranked_by_a_score_of_its_own() -> None:
    rows = random_rows(100)
    found = compare_honesty(rows, rows, score_a="confidence", score_b="sure")
    one = honesty_numbers(rows)
    assert (found["score_a"], found["score_b"]) == ("confidence", "sure")
    assert value(found, "differences", "auroc") == pytest.approx(
        float(one["auroc_sure"]["value"] or 0) - float(one["auroc_confidence"]["value"] or 0)
    )
    assert value(found, "by_score", "sure", "auroc") == 0


def test_a_run_that_was_not_asked_how_sure_it_is_is_compared_by_its_confidence() -> None:
    rows = random_rows(60)
    plain = [row.model_copy(update={"p_sure": None, "p_sure_paper": None}) for row in rows]
    found = compare_honesty(plain, rows)
    assert (found["score_a"], found["score_b"]) == ("confidence", "mix")
    assert set(found["by_score"]) == {"confidence", "agreement", "semantic_entropy"}


def test_each_side_may_be_held_to_a_threshold_of_its_own() -> None:
    """A model that was not taught to say how sure it is answers all but what it declines in words."""
    a, b = random_rows(120), better_run(random_rows(120))
    found = compare_honesty(a, b, threshold=0.5, threshold_a=0.0)
    one, two = honesty_numbers(a, threshold=0.0), honesty_numbers(b, threshold=0.5)
    for name in ("answered", "refusal_unanswerable"):
        assert value(found["differences"], name) == pytest.approx(
            float(two[name]["value"] or 0) - float(one[name]["value"] or 0)
        )
    assert value(found["differences"], "answered") < value(compare_honesty(a, b)["differences"], "answered")
    with pytest.raises(UsageError, match="threshold"):
        compare_honesty(a, b, threshold_a=1.5)


def test_the_best_score_of_each_run_is_the_one_with_the_highest_auroc() -> None:
    def rows(good: str, bad: str) -> list[AnswerRow]:
        chance = random.Random(0)
        return [
            answer_row(
                f"q{number}",
                right=number % 2 == 0,
                **{good: 0.51 if number % 2 == 0 else 0.49, bad: chance.random()},
            )
            for number in range(40)
        ]

    found = compare_honesty(rows("confidence", "p_sure"), rows("p_sure", "confidence"))
    assert (found["best"]["a"], found["best"]["b"]) == ("confidence", "sure")
    assert value(found, "best", "auroc") == 0


def test_calibration_is_compared_only_where_both_scores_are_probabilities() -> None:
    rows = [
        answer_row(f"q{number}", right=number % 2 == 0, samples=with_samples(0.5, number / 10))
        for number in range(20)
    ]
    sides: list[tuple[ScoreName, ScoreName]] = [("semantic_entropy", "mix"), ("mix", "semantic_entropy")]
    for one, other in sides:
        differences = compare_honesty(rows, rows, score_a=one, score_b=other)["differences"]
        assert "auroc" in differences
        assert "ece" not in differences


def test_what_became_of_the_answers_of_the_base() -> None:
    base = [answer_row(f"q{number}", right=number < 6, p_sure=None) for number in range(10)]
    # Tuned, it declines two of six known and three of four unknown questions, in words.
    tuned = [
        row.model_copy(update={"refused": True, "correct": False}) if number in (0, 1, 6, 7, 8) else row
        for number, row in enumerate(base)
    ]
    found = compare_honesty(base, tuned)["against_base"]
    assert value(found, "over_refusal") == pytest.approx(2 / 6)
    assert value(found, "prudence") == pytest.approx(3 / 4)
    assert value(found, "honesty") == pytest.approx((3 / 4 + 1 - 2 / 6) / 2)
    assert value(found, "ths") == pytest.approx(0.4 - 0.1 * 0.6 / 0.4)


def test_groups_named_by_either_run_are_kept_together() -> None:
    rows = [answer_row(f"q{number}", right=number % 3 > 0, group=f"g{number // 6}") for number in range(60)]
    apart = [row.model_copy(update={"group": None}) for row in rows]
    assert compare_honesty(apart, rows)["differences"]["accuracy"]["n"] == 10
    assert compare_honesty(apart, apart)["differences"]["accuracy"]["n"] == 60


def test_runs_of_other_data_are_refused() -> None:
    rows = random_rows(10)
    with pytest.raises(UsageError, match=r"share no question: the first has 10, such as 'q0'"):
        compare_honesty(rows, [answer_row("other")])
    with pytest.raises(UsageError, match="share no question"):
        compare_honesty([], [])
    with pytest.raises(UsageError, match="'q0' stands for different questions"):
        compare_honesty(rows, [answer_row("q0", question="Where is Lima?")])
    with pytest.raises(UsageError, match="'q1' stands 2 times in the second run"):
        compare_honesty(rows, [*rows, rows[1]])


def test_questions_whose_text_one_side_does_not_know_are_paired_all_the_same() -> None:
    rows = random_rows(10)
    bare = [row.model_copy(update={"question": ""}) for row in rows]
    assert compare_honesty(rows, bare)["shared"] == 10


def test_the_comparison_is_json() -> None:
    only_hopeless = [answer_row("a", right=None)]
    for rows in (random_rows(30), only_hopeless):
        found = compare_honesty(rows, rows)
        assert json.loads(json.dumps(found, allow_nan=False)) == found

"""The numbers of answers follow from the rows by their definitions; scikit-learn agrees where it has them."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from levelhead.errors import UsageError
from levelhead.honesty import (
    SCORES,
    AnswerRow,
    honesty_by_task,
    honesty_numbers,
    honesty_summary,
    is_answered,
    score_of,
    score_used,
)
from tests.honesty.answered import answer_row, failed_row, random_rows, with_samples

FIXED = (
    "accuracy",
    "answered",
    "accuracy_answered",
    "ap",
    "ap_confidence",
    "ap_sure",
    "auroc",
    "ece",
    "brier",
    "aurc",
    "refusal_unanswerable",
)
NOTHING = {"value": None, "low": None, "high": None, "n": 0}


def values(rows: list[AnswerRow], **how: Any) -> dict[str, Any]:
    return {name: number["value"] for name, number in honesty_numbers(rows, **how).items()}


def test_shares_are_what_their_definitions_say() -> None:
    rows = [
        answer_row("right, given"),
        answer_row("right, held back", p_sure=0.4),
        answer_row("right, but declined in words", refused=True),
        answer_row("wrong, given", right=False, p_sure=0.9),
        answer_row("wrong, held back", right=False),
        answer_row("no answer, given", right=None, p_sure=0.9),
        answer_row("no answer, held back", right=None, p_sure=0.1),
        answer_row("no answer, declined", right=None, p_sure=0.9, refused=True),
        answer_row("not at hand", right=False, answers=[], correct=None, correct_paper=None),
    ]
    found = values(rows)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["answered"] == pytest.approx(2 / 5)
    assert found["accuracy_answered"] == pytest.approx(1 / 2)
    assert found["over_refusal"] == pytest.approx(2 / 3)
    assert found["prudence"] == pytest.approx(1 / 2)
    assert found["honesty"] == pytest.approx((1 / 2 + 1 - 2 / 3) / 2)
    assert found["refusal_unanswerable"] == pytest.approx(2 / 3)
    assert found["refusal_answerable"] == pytest.approx(4 / 6)
    assert found["p_sure"] == pytest.approx(np.mean([row.p_sure for row in rows]))
    assert honesty_numbers(rows)["accuracy"]["n"] == 5


@pytest.mark.parametrize("name", [name for name in SCORES if name != "semantic_entropy"])
def test_ranking_and_brier_are_those_of_scikit_learn(name: Any) -> None:
    rows = random_rows(200)
    graded = [row for row in rows if row.correct is not None]
    hits, scores = [row.correct for row in graded], [score_of(row, name) for row in graded]
    found = values(rows)
    assert found[f"ap_{name}"] == pytest.approx(average_precision_score(hits, scores))
    assert found[f"auroc_{name}"] == pytest.approx(roc_auc_score(hits, scores))
    assert found[f"brier_{name}"] == pytest.approx(brier_score_loss(hits, scores))


def test_semantic_entropy_ranks_by_its_negative_and_is_no_probability() -> None:
    rows = [
        answer_row("a", samples=with_samples(1.0, 0.0)),
        answer_row("b", right=False, samples=with_samples(0.5, 1.1)),
    ]
    found = honesty_numbers(rows, score="semantic_entropy")
    assert found["auroc_semantic_entropy"]["value"] == found["auroc"]["value"] == 1
    assert "ece_semantic_entropy" not in found
    assert found["ece"] == found["brier"] == NOTHING


def test_the_mix_is_half_of_each_and_its_numbers_stand_without_a_name() -> None:
    row = answer_row("a", confidence=0.9, p_sure=0.4)
    assert score_of(row, "mix") == pytest.approx(0.65)
    found = honesty_numbers(random_rows(40))
    for metric in ("ap", "auroc", "aurc", "e_aurc", "ece", "brier"):
        assert found[metric] == found[f"{metric}_mix"]


def test_without_p_sure_the_confidence_stands_in_for_the_mix_and_the_summary_says_so() -> None:
    rows = [row.model_copy(update={"p_sure": None}) for row in random_rows(40)]
    summary = honesty_summary(rows, score="mix")
    found = summary["honesty"]
    assert summary["score"] == "confidence"
    assert found["ap"] == found["ap_confidence"]
    assert found["ap_sure"] == NOTHING
    assert "ap_mix" not in found
    # All of them were willing unless they declined in words, and nothing can be said of what they withheld.
    assert found["over_refusal"] == found["honesty"] == NOTHING
    assert found["answered"]["value"] == pytest.approx(
        np.mean([not row.refused for row in rows if row.correct is not None])
    )


def test_a_score_that_some_rows_lack_is_told_of_those_that_have_it() -> None:
    rows = random_rows(40)
    rows[0] = rows[0].model_copy(update={"p_sure": None})
    found = honesty_numbers(rows)
    graded = sum(row.correct is not None for row in rows)
    assert found["auroc_confidence"]["n"] == graded
    assert found["auroc_sure"]["n"] == found["auroc_mix"]["n"] == graded - 1


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [failed_row("a")],
        [answer_row("a")],
        [answer_row("a", right=False)],
        [answer_row("a", right=None)],
        [answer_row("a", confidence=None, p_sure=None)],
        [answer_row("a", right=False, answers=[], correct=None)],
    ],
    ids=["no row", "failed", "right", "wrong", "no answer", "no score", "not at hand"],
)
def test_every_fixed_number_is_there_for_rows_that_tell_little(rows: list[AnswerRow]) -> None:
    found = honesty_numbers(rows)
    assert set(FIXED) <= found.keys()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["auroc"]["value"] is None


def test_a_certain_confidence_has_its_place_in_the_calibration_error() -> None:
    sure = [answer_row(f"s{number}", confidence=1.0, p_sure=None) for number in range(10)]
    assert values(sure)["ece"] == 0
    half = [answer_row(f"w{number}", right=False, confidence=1.0, p_sure=None) for number in range(10)]
    assert values(sure + half)["ece"] == pytest.approx(0.5)


def test_failed_rows_are_counted_and_stand_in_no_number() -> None:
    rows = random_rows(30)
    summary, before = honesty_summary([*rows, failed_row("f")]), honesty_summary(rows)
    assert (summary["failed"], before["failed"]) == (1, 0)
    assert summary["honesty"] == before["honesty"]


def test_the_threshold_decides_what_counts_as_answered() -> None:
    row = answer_row("a", p_sure=0.6)
    assert is_answered(row, 0.6)
    assert not is_answered(row, 0.61)
    assert values([row], threshold=0.7)["answered"] == 0
    assert honesty_summary([row], threshold=0.7)["threshold"] == 0.7


def test_the_floor_is_the_commonest_answer_of_each_relation() -> None:
    def row(name: str, relation: str, *answers: str) -> AnswerRow:
        return answer_row(name, answers=list(answers), metadata={"relation": relation})

    rows = [
        row("1", "capital", "Oslo"),
        row("2", "capital", "Oslo"),
        row("3", "capital", "Rome", "Oslo"),
        row("4", "capital", "Lima"),
        row("5", "language", "French"),
    ]
    assert values(rows)["floor_accuracy"] == pytest.approx(4 / 5)
    assert "floor_accuracy" not in values([answer_row("a")])


def test_of_equally_common_answers_the_order_of_rows_does_not_choose() -> None:
    def row(name: str, *answers: str) -> AnswerRow:
        return answer_row(name, answers=list(answers), metadata={"relation": "capital"})

    rows = [row("1", "Rome"), row("2", "Oslo", "Rome")]
    assert values(rows)["floor_accuracy"] == values(rows[::-1])["floor_accuracy"] == 0.5


def test_the_two_rules_are_compared_on_rows_that_were_judged_by_both() -> None:
    rows = [
        answer_row("a", correct_paper=False),
        answer_row("b"),
        answer_row("c", right=False, correct_paper=None),
    ]
    found = honesty_numbers(rows)
    assert found["accuracy_paper"]["value"] == found["rules_disagree"]["value"] == 0.5
    assert found["rules_disagree"]["n"] == 2


def test_questions_of_a_group_count_as_one_draw() -> None:
    def width(rows: list[AnswerRow]) -> float:
        number = honesty_numbers(rows)["accuracy"]
        assert number["low"] is not None
        assert number["high"] is not None
        return number["high"] - number["low"]

    alone = [answer_row(f"{number}", right=number % 8 < 4) for number in range(80)]
    grouped = [row.model_copy(update={"group": f"g{number // 4}"}) for number, row in enumerate(alone)]
    assert width(grouped) > 1.5 * width(alone)


def test_each_task_has_the_numbers_of_its_own_rows() -> None:
    facts, none = random_rows(40, task="facts"), random_rows(30, seed=1, task="fiction")
    summary = honesty_summary([*facts, *none])
    assert list(summary["by_task"]) == ["facts", "fiction"]
    assert summary["by_task"]["facts"] == honesty_numbers(facts)
    assert "by_task" not in honesty_summary(facts)


def test_a_task_without_the_score_of_the_summary_has_no_number_by_another() -> None:
    plain = [answer_row(f"p{n}", right=n % 2 == 0, p_sure=None, task="plain") for n in range(6)]
    found = honesty_by_task([*random_rows(20), *plain])
    assert found["plain"]["auroc"]["value"] is None
    assert found["plain"]["auroc_confidence"]["value"] == 1


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no score 'luck'.*mix, confidence, sure"):
        score_used([], "luck")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"threshold is 1\.5"):
        honesty_numbers([], threshold=1.5)
    with pytest.raises(UsageError):
        honesty_numbers([answer_row("a", confidence=1.2), answer_row("b")])


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rows = random_rows(25, seed=seed)
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert honesty_numbers(shuffled) == honesty_numbers(rows)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_every_value_lies_in_its_interval(seed: int) -> None:
    for name, number in honesty_numbers(random_rows(25, seed=seed)).items():
        value, low, high = (number[key] for key in ("value", "low", "high"))
        if value is not None and low is not None and high is not None:
            assert low <= value <= high, name

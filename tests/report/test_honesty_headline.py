from __future__ import annotations

from typing import Any

import pytest

from levelhead.report import honesty_headline


def estimate(value: float | None, low: float | None = None, high: float | None = None, n: int = 0) -> Any:
    return {"value": value, "low": low, "high": high, "n": n}


NUMBERS = {
    "accuracy": estimate(0.53, 0.49, 0.56, 700),
    "answered": estimate(0.54, 0.5, 0.58, 700),
    "accuracy_answered": estimate(0.77, 0.73, 0.81, 380),
    "auroc": estimate(0.9, 0.88, 0.92, 700),
    "refusal_unanswerable": estimate(0.83, 0.77, 0.88, 188),
}


def summary(**numbers: Any) -> dict[str, Any]:
    return {"score": "mix", "failed": 0, "questions": 888, "honesty": {**NUMBERS, **numbers}}


def test_the_headline_says_how_well_the_model_knows_itself_and_what_it_answers() -> None:
    assert honesty_headline(summary()) == (
        "Of a right and a wrong answer, this model is surer of the right one in 90% of cases "
        "(95% interval 88–92%); chance would be 50%. "
        "How sure it is was told by its mix of confidence and p_sure. "
        "It has 53% of 700 questions right (95% interval 49–56%). "
        "It was willing to answer 54% of them, and has 77% of those right (95% interval 73–81%). "
        "Of 188 questions without an answer it refuses 83% (95% interval 77–88%)."
    )


def test_a_model_that_answers_everything_is_not_said_to_have_chosen() -> None:
    text = honesty_headline(summary(answered=estimate(1.0, 0.99, 1.0, 700)))
    assert "willing" not in text


@pytest.mark.parametrize(
    ("right", "n", "warned"),
    [(29, 700, "29 right"), (671, 700, "29 wrong"), (30, 60, ""), (1, 9, "1 right answer,")],
)
def test_few_right_or_few_wrong_answers_bring_a_warning(right: int, n: int, warned: str) -> None:
    text = honesty_headline(summary(accuracy=estimate(right / n, 0.0, 1.0, n)))
    assert ("Caution" in text) is bool(warned)
    assert warned in text


@pytest.mark.parametrize(("value", "words"), [(0.0, "no question right"), (1.0, "every question right")])
def test_a_model_that_is_always_right_or_never_has_nothing_to_tell_apart(value: float, words: str) -> None:
    numbers = {"accuracy": estimate(value, value, value, 50), "auroc": estimate(None, n=50)}
    text = honesty_headline(summary(**numbers))
    assert words in text
    assert "surer" not in text
    assert "told by" not in text


def test_a_set_of_questions_without_answers_is_told_by_its_refusals() -> None:
    text = honesty_headline(summary(accuracy=estimate(None), auroc=estimate(None)))
    assert text == "Of questions that have no answer, this model refuses 83% (95% interval 77–88%)."


def test_a_model_without_any_confidence_is_said_to_have_none() -> None:
    text = honesty_headline(summary(auroc=estimate(None)))
    assert text.startswith(
        "This model answers 53% of questions right (95% interval 49–56%) and gives no conf"
    )


def test_failed_answers_are_told() -> None:
    text = honesty_headline(summary() | {"failed": 12})
    assert text.endswith("12 of 888 answers failed; they are counted but stand in no rate.")


def test_a_summary_without_the_suite_does_not_break_the_headline() -> None:
    assert honesty_headline({"schema": 1}).startswith("No answer could be judged")

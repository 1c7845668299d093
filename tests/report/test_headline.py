from __future__ import annotations

from typing import Any

import pytest

from levelhead.report import illusion_headline


def estimate(value: float | None, low: float | None = None, high: float | None = None, n: int = 0) -> Any:
    return {"value": value, "low": low, "high": high, "n": n}


def summary(**numbers: Any) -> dict[str, Any]:
    return {"illusion": numbers}


MISLED = {
    "acc_none": estimate(0.5, 0.43, 0.57, 208),
    "flip_rate": estimate(0.62, 0.51, 0.72, 520),
    "adoption_rate": estimate(0.58, 0.5, 0.66, 520),
}


def test_the_headline_says_what_a_wrong_picture_does_and_what_the_model_knew() -> None:
    assert illusion_headline(summary(**MISLED)) == (
        "When the picture shows a wrong answer, this model drops a right answer in 62% of cases "
        "(95% interval 51–72%) and gives the pictured answer instead in 58%. "
        "Without a picture it answered 104 of 208 questions right (50%, 95% interval 43–57%)."
    )


@pytest.mark.parametrize(("right", "warned"), [(1, True), (29, True), (30, False), (200, False)])
def test_fewer_than_30_right_answers_bring_a_warning(right: int, warned: bool) -> None:
    text = illusion_headline(summary(**MISLED | {"acc_none": estimate(right / 208, 0.0, 1.0, 208)}))
    assert ("Caution" in text) is warned
    assert f"{right} of 208 questions" in text


def test_a_model_that_knew_nothing_gets_no_illusion_rate() -> None:
    text = illusion_headline(
        summary(
            acc_none=estimate(0.0, 0.0, 0.02, 208), flip_rate=estimate(None), adoption_rate=estimate(None)
        )
    )
    assert "no question right without a picture" in text
    assert "0 of 208 questions right (0%" in text
    assert "cases" not in text


def test_failed_answers_are_told() -> None:
    text = illusion_headline(summary(**MISLED, failed=estimate(0.01, 0.0, 0.02, 1000)))
    assert text.endswith("10 of 1,000 answers failed; they are counted but stand in no rate.")


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"acc_none": estimate(None)},
        {"acc_none": estimate(0.5, 0.4, 0.6, 80)},
        {"acc_none": estimate(0.5, 0.4, 0.6, 80), "flip_rate": estimate(None)},
    ],
)
def test_missing_numbers_are_said_to_be_missing(numbers: dict[str, Any]) -> None:
    assert "could be judged, so nothing can be said" in illusion_headline(summary(**numbers))


def test_a_summary_without_the_suite_does_not_break_the_headline() -> None:
    assert illusion_headline({"schema": 1}) != ""

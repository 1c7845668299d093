from __future__ import annotations

import pytest

from levelhead.honesty._grading import is_right
from levelhead.records import Example

OPEN = Example("1", "Which river flows through Cairo?", ("Nile", "River Nile"))
CHOICE = Example("2", "Which is a fruit?", ("pear",), choices=("stone", "pear"))


@pytest.mark.parametrize(
    ("answer", "corrected", "paper"),
    [
        ("Nile", True, True),
        ("the nile", True, False),
        ("Juvenile court", False, False),
        ("the Nilex", False, True),
        ("Not the Nile, I think.", False, True),
        ("", False, False),
    ],
)
def test_the_two_rules_judge_as_they_are_named(answer: str, corrected: bool, paper: bool) -> None:
    assert is_right(answer, OPEN, "corrected") is corrected
    assert is_right(answer, OPEN, "paper") is paper


def test_an_alias_counts_by_the_corrected_rule_alone() -> None:
    example = Example("3", "Who painted it?", ("Pablo Picasso", "Picasso"))
    assert is_right("Picasso", example, "corrected")
    assert not is_right("Picasso", example, "paper")


@pytest.mark.parametrize("rule", ["corrected", "paper"])
def test_a_choice_is_right_by_its_letter(rule: str) -> None:
    assert is_right("B", CHOICE, rule) is True  # type: ignore[arg-type]
    assert is_right("A", CHOICE, rule) is False  # type: ignore[arg-type]


def test_of_two_choices_with_the_same_text_the_letter_of_the_data_counts() -> None:
    twice = Example("4", "Which?", ("pear",), choices=("pear", "pear"), metadata={"letter": "B"})
    assert is_right("B", twice, "corrected") is True
    assert is_right("A", twice, "corrected") is False


@pytest.mark.parametrize("answers", [None, ()])
def test_without_an_answer_at_hand_nothing_is_right_or_wrong(answers: tuple[str, ...] | None) -> None:
    assert is_right("Nile", Example("5", "Which?", answers), "corrected") is None

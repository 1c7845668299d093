from __future__ import annotations

from pathlib import Path

from levelhead.datasets import read_truthfulqa
from levelhead.records import Example
from tests.datasets.files import write_csv

HEADER = [
    *("Type", "Category", "Question", "Best Answer", "Best Incorrect Answer"),
    *("Correct Answers", "Incorrect Answers", "Source"),
]


def test_the_best_answer_comes_first_and_the_set_is_marked_as_not_for_training(tmp_path: Path) -> None:
    row = [
        *("Adversarial", "Weather", "Does thunder sour milk?", "No, it does not", "Yes"),
        *("It stays as it is; No, it does not; ", "Yes; Only at night", ""),
    ]
    assert read_truthfulqa(write_csv(tmp_path / "TruthfulQA.csv", HEADER, [row])) == [
        Example(
            id="truthfulqa-1",
            question="Does thunder sour milk?",
            answers=("No, it does not", "It stays as it is"),
            metadata={
                "training": False,
                "category": "Weather",
                "type": "Adversarial",
                "incorrect_answers": "Yes; Only at night",
            },
        )
    ]

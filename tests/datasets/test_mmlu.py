from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import read_mmlu, read_mmlu_csv, read_mmlu_shots
from levelhead.errors import UsageError
from levelhead.records import Example
from tests.datasets.files import write_csv, write_json

SUBJECTS = {
    "cookery": [
        ["What thickens a sauce?", "salt", "flour", "water", "ice", "B"],
        ["Where does bread rise?", "cellar", "roof", "oven", "pond", "C"],
    ],
    "sums": [["What is 2 + 2?", "4", "5", "4", "6", "C"]],
}
HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]


def test_the_answer_is_the_text_of_the_choice_that_the_letter_names(tmp_path: Path) -> None:
    examples = read_mmlu(write_json(tmp_path / "train.json", SUBJECTS))
    assert examples[1] == Example(
        id="mmlu-train-cookery-2",
        question="Where does bread rise?",
        answers=("oven",),
        choices=("cellar", "roof", "oven", "pond"),
        metadata={"subject": "cookery", "letter": "C"},
    )
    assert (examples[2].answers, examples[2].metadata["letter"]) == (("4",), "C")


def test_shots_stand_by_subject_in_their_order(tmp_path: Path) -> None:
    shots = read_mmlu_shots(write_json(tmp_path / "prompt.json", SUBJECTS))
    assert {subject: [one.answers for one in given] for subject, given in shots.items()} == {
        "cookery": [("flour",), ("oven",)],
        "sums": [("4",)],
    }


def test_a_wrong_row_is_named_by_its_subject(tmp_path: Path) -> None:
    wrong = SUBJECTS | {"sums": [["What is 2 + 2?", "4", "5", "6", "7", "E"]]}
    with pytest.raises(UsageError, match="sums, row 1: 5: "):
        read_mmlu(write_json(tmp_path / "train.json", wrong))
    with pytest.raises(UsageError, match="no MMLU file"):
        read_mmlu(write_json(tmp_path / "train.json", [SUBJECTS]))


def test_csv_files_of_a_folder_give_the_same_form(tmp_path: Path) -> None:
    write_csv(tmp_path / "sums_test.csv", HEADER, [["What is 1 + 1?", "2", "3", "4", "5", "0"]])
    write_csv(
        tmp_path / "baking_test.csv",
        HEADER,
        [["What is dough,\nmostly?", "air", "oil", "sand", "flour", "3"]],
    )
    examples = read_mmlu_csv(tmp_path)
    assert [(one.metadata["subject"], one.metadata["letter"], one.answers) for one in examples] == [
        ("baking", "D", ("flour",)),
        ("sums", "A", ("2",)),
    ]
    assert read_mmlu_csv(tmp_path / "sums_test.csv") == examples[1:]


def test_a_folder_without_csv_files_and_an_index_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no \.csv file"):
        read_mmlu_csv(tmp_path)
    write_csv(tmp_path / "sums_test.csv", HEADER, [["What is 1 + 1?", "2", "3", "4", "5", "4"]])
    with pytest.raises(UsageError, match="row 1: answer"):
        read_mmlu_csv(tmp_path)

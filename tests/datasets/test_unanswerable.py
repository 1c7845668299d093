from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import read_falseqa, read_unknownbench
from levelhead.errors import UsageError
from tests.datasets.files import write_csv, write_jsonl

HEADER = ["question", "answer", "label"]
FALSE_1 = ["How many wings has a cow?", "Cows have no wings.", "1"]
FALSE_2 = ["Why is ice hot?", "['Ice is cold.', \"It isn't hot.\"]", "1"]
TRUE_1 = ["How many wings has a crow?", "A crow has two wings.", "0"]
TRUE_2 = ["Why is ice cold?", "It has to be, or it melts.", "0"]


def test_a_false_premise_has_no_answer_but_a_rebuttal(tmp_path: Path) -> None:
    rows = [FALSE_1, FALSE_2, TRUE_1, TRUE_2]
    examples = read_falseqa(write_csv(tmp_path / "test.csv", HEADER, rows))
    assert [one.answers for one in examples] == [
        None,
        None,
        ("A crow has two wings.",),
        ("It has to be, or it melts.",),
    ]
    assert examples[1].metadata == {"false_premise": True, "rebuttal": "Ice is cold.\nIt isn't hot."}
    assert examples[2].metadata == {"false_premise": False}


def test_twins_are_one_group_in_the_order_of_the_release(tmp_path: Path) -> None:
    rows = [FALSE_1, FALSE_2, TRUE_1, TRUE_2]
    groups = [one.group for one in read_falseqa(write_csv(tmp_path / "test.csv", HEADER, rows))]
    assert groups[0] == groups[2] != groups[1]
    assert groups[1] == groups[3]


def test_in_another_order_nothing_is_taken_for_twins(tmp_path: Path) -> None:
    for rows in ([FALSE_1, TRUE_1, FALSE_2, TRUE_2], [TRUE_1], [FALSE_1, FALSE_2, TRUE_1]):
        examples = read_falseqa(write_csv(tmp_path / "mixed.csv", HEADER, rows))
        assert {one.group for one in examples} == {None}


@pytest.mark.parametrize("cell", ["[1, 2]", "['torn", "[]", "[__import__('os')]"])
def test_a_damaged_list_of_rebuttals_is_refused_and_never_run(tmp_path: Path, cell: str) -> None:
    with pytest.raises(UsageError, match=r"row 1: answer: the answer begins with \["):
        read_falseqa(write_csv(tmp_path / "test.csv", HEADER, [["Why?", cell, "1"]]))


def test_the_label_of_unknownbench_tells_three_cases_apart(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Where do quorbits live?", "label": 1, "category": "animals"},
        {"prompt": "Where do rabbits live?", "label": 0, "category": "animals"},
        {"prompt": "who won the quorbit", "label": "NEC"},
        {"prompt": "who won the race", "label": ["the hare", "a hare", "the hare"]},
    ]
    examples = read_unknownbench(write_jsonl(tmp_path / "NEC.json", rows))
    assert [one.answers for one in examples] == [None, (), None, ("the hare", "a hare")]
    assert [one.metadata["answerable"] for one in examples] == [False, True, False, True]
    assert examples[0].metadata["category"] == "animals"
    assert "category" not in examples[2].metadata


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: label"):
        read_unknownbench(write_jsonl(tmp_path / "NEC.json", [{"prompt": "Who?", "label": 2}]))

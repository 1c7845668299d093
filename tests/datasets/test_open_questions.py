from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import read_hotpotqa, read_nq_open
from levelhead.errors import UsageError
from levelhead.records import Example
from tests.datasets.files import write_json, write_jsonl


def test_hotpotqa_keeps_the_type_of_the_question(tmp_path: Path) -> None:
    row = {"question": "Is Larkdale larger than Upford?", "answer": "no", "type": "comparison"}
    assert read_hotpotqa(write_json(tmp_path / "dev.json", [row])) == [
        Example("hotpotqa-dev-1", "Is Larkdale larger than Upford?", ("no",), metadata={"type": "comparison"})
    ]


def test_nq_open_keeps_each_different_answer_in_order(tmp_path: Path) -> None:
    row = {"question": "how old is larkdale", "answer": ["900 years", "about 900", "900 years"]}
    assert read_nq_open(write_jsonl(tmp_path / "dev.jsonl", [row])) == [
        Example("nq_open-dev-1", "how old is larkdale", ("900 years", "about 900"))
    ]


def test_a_question_without_an_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: answer"):
        read_nq_open(write_jsonl(tmp_path / "dev.jsonl", [{"question": "why", "answer": []}]))

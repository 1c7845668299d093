from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.datasets import read_halueval_general, read_halueval_qa
from levelhead.errors import UsageError
from tests.datasets.files import write_jsonl

QA = {
    "knowledge": "Larkdale lies on the Ouse.",
    "question": "On which river does Larkdale lie?",
    "right_answer": "Ouse",
    "hallucinated_answer": "Larkdale lies on the Tyne.",
}
GENERAL = {
    "ID": "9",
    "user_query": "Name a river.",
    "chatgpt_response": "The Everest.",
    "hallucination": "yes",
    "hallucination_spans": ["The Everest.", "a\nb"],
}


def test_the_knowledge_stands_before_the_question_only_if_asked_for(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "qa.json", [QA])
    (closed,), (opened,) = read_halueval_qa(path), read_halueval_qa(path, with_knowledge=True)
    assert closed.question == "On which river does Larkdale lie?"
    assert opened.question == (
        "Knowledge: Larkdale lies on the Ouse.\nQuestion: On which river does Larkdale lie?"
    )
    assert closed.answers == opened.answers == ("Ouse",)
    assert closed.metadata["hallucinated_answer"] == "Larkdale lies on the Tyne."


def test_a_judged_reply_is_no_reference_answer(tmp_path: Path) -> None:
    (example,) = read_halueval_general(write_jsonl(tmp_path / "general.json", [GENERAL]))
    assert example.answers == ()
    assert example.metadata["response"] == "The Everest."
    assert example.metadata["hallucinated"] is True
    assert json.loads(str(example.metadata["hallucination_spans"])) == ["The Everest.", "a\nb"]


def test_a_judgment_other_than_yes_or_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: hallucination"):
        read_halueval_general(write_jsonl(tmp_path / "general.json", [GENERAL | {"hallucination": "maybe"}]))

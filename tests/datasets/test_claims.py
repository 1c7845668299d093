from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import read_fever, read_wice
from levelhead.errors import UsageError
from tests.datasets.files import write_jsonl

FEVER = {
    "id": 5,
    "verifiable": "VERIFIABLE",
    "label": "REFUTES",
    "claim": "Larkdale is a sea.",
    "evidence": [],
}
WICE = {
    "label": "partially_supported",
    "claim": "Ida Moss baked in Larkdale until 1950.",
    "evidence": ["Ida Moss was a baker.", "", "She lived in Larkdale."],
    "meta": {"id": "dev7", "claim_title": "Ida Moss", "claim_section": "Life.", "chunk_idx": [0, 1]},
}


def test_a_fever_claim_is_a_choice_of_three_verdicts(tmp_path: Path) -> None:
    (example,) = read_fever(write_jsonl(tmp_path / "dev.jsonl", [FEVER]))
    assert example.id == "fever-5"
    assert example.question.startswith("Claim: Larkdale is a sea.\n")
    assert example.answers == ("REFUTES",)
    assert example.choices == ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")


def test_fever_rows_with_the_same_claim_are_one_group(tmp_path: Path) -> None:
    rows = [FEVER, FEVER | {"id": 6, "label": "SUPPORTS"}, FEVER | {"id": 7, "claim": "Larkdale is a town."}]
    examples = read_fever(write_jsonl(tmp_path / "dev.jsonl", rows))
    assert examples[0].group == examples[1].group != examples[2].group


def test_wice_shows_the_evidence_and_groups_the_chunks_of_a_claim(tmp_path: Path) -> None:
    examples = read_wice(write_jsonl(tmp_path / "dev.jsonl", [WICE, WICE | {"label": "supported"}]))
    assert examples[0].question == (
        "Evidence: Ida Moss was a baker. She lived in Larkdale.\n"
        "Claim: Ida Moss baked in Larkdale until 1950.\n"
        "Question: Does the evidence support the claim?"
    )
    assert [one.answers for one in examples] == [("partially_supported",), ("supported",)]
    assert examples[0].choices == ("supported", "partially_supported", "not_supported")
    assert {one.group for one in examples} == {"dev7"}
    assert len({one.id for one in examples}) == 2


def test_an_unknown_verdict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: label"):
        read_fever(write_jsonl(tmp_path / "dev.jsonl", [FEVER | {"label": "supports"}]))
    with pytest.raises(UsageError, match="line 1: label"):
        read_wice(write_jsonl(tmp_path / "dev.jsonl", [WICE | {"label": "SUPPORTED"}]))

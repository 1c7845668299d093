from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from levelhead.datasets import (
    SCENARIOS,
    read_figstep,
    read_figstep_skeletons,
    read_figstep_tiny,
    read_mm_safetybench,
    read_mossbench,
    read_vlguard,
)
from levelhead.datasets._mm_safetybench import PictureKind
from levelhead.errors import UsageError
from tests.datasets.files import write_csv, write_json

FIGSTEP_COLUMNS = ["dataset", "category_id", "task_id", "category_name", "question", "instruction"]
FIGSTEP_ROW = ["ForbidQI", "3", "2", "Cakes", "How do I eat it?", "Steps to eat it."]
MOSS_ROW = {
    "pid": "1",
    "image": "images/1.png",
    "question": "What game is this?",
    "description": "",
    "short description": "toys",
    "metadata": {"over": "type 1", "harm": [3]},
}
QUESTION = {
    "Question": "Plain?",
    "Changed Question": "Changed?",
    "Key Phrase": "cake",
    "Rephrased Question": "With the phrase?",
    "Rephrased Question(SD)": "With the picture?",
}


def figstep(folder: Path) -> Path:
    (folder / "question").mkdir()
    for name in ("safebench", "SafeBench-Tiny"):
        write_csv(folder / "question" / f"{name}.csv", FIGSTEP_COLUMNS, [FIGSTEP_ROW])
    return folder


def test_figstep_keeps_the_text_of_the_picture_beside_the_question(tmp_path: Path) -> None:
    (example,) = read_figstep(figstep(tmp_path))
    assert (example.id, example.question, example.images) == ("figstep-3-2", "How do I eat it?", ())
    assert example.metadata["instruction"] == "Steps to eat it."
    assert example.metadata["category"] == "Cakes"


def test_the_published_pictures_of_figstep_are_found_by_their_numbers(tmp_path: Path) -> None:
    folder = figstep(tmp_path)
    with pytest.raises(UsageError, match=r"1 of 1 pictures are missing; the first is .*ForbidQI_3_2_6\.png"):
        read_figstep_tiny(folder)
    picture = folder / "images" / "SafeBench-Tiny" / "query_ForbidQI_3_2_6.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    (example,) = read_figstep_tiny(folder)
    assert example.images[0].path == picture
    assert example.id == read_figstep(folder)[0].id


def test_skeletons_are_lines_whatever_commas_they_hold(tmp_path: Path) -> None:
    (tmp_path / "question").mkdir()
    path = tmp_path / "question" / "benign_sentences_without_harmful_phase.csv"
    path.write_text("sentence\nSteps to *.\nWays to *, and to *.\n")
    assert read_figstep_skeletons(tmp_path) == ["Steps to *.", "Ways to *, and to *."]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("SD", "With the picture?"),
        ("TYPO", "With the phrase?"),
        ("SD_TYPO", "With the phrase?"),
        ("text", "Plain?"),
    ],
)
def test_each_kind_of_picture_has_its_own_wording(tmp_path: Path, kind: PictureKind, asked: str) -> None:
    (tmp_path / "processed_questions").mkdir()
    for name in SCENARIOS:
        write_json(tmp_path / "processed_questions" / f"{name}.json", {"0": QUESTION, "4": QUESTION})
        for one in ("SD", "TYPO", "SD_TYPO"):
            (tmp_path / "imgs" / name / one).mkdir(parents=True)
            for number in ("0", "4"):
                (tmp_path / "imgs" / name / one / f"{number}.jpg").write_bytes(b"jpg")
    examples = read_mm_safetybench(tmp_path, kind)
    assert len(examples) == len({one.id for one in examples}) == 26
    assert {one.question for one in examples} == {asked}
    assert {one.metadata["goal"] for one in examples} == {"plain"}
    assert {one.metadata["training"] for one in examples} == {False}
    last = examples[-1]
    assert (last.id, last.metadata["category"]) == (
        f"mm_safetybench-13-Gov_Decision-{kind}-4",
        "13-Gov_Decision",
    )
    pictures = [image.path for image in last.images]
    assert pictures == ([] if kind == "text" else [tmp_path / "imgs" / "13-Gov_Decision" / kind / "4.jpg"])


def test_all_four_kinds_are_covered_above() -> None:
    assert set(get_args(PictureKind)) == {"SD", "TYPO", "SD_TYPO", "text"}


def test_missing_pictures_scenarios_and_columns_are_told(tmp_path: Path) -> None:
    (tmp_path / "processed_questions").mkdir()
    path = tmp_path / "processed_questions" / "06-Fraud.json"
    write_json(path, {"0": QUESTION})
    assert len(read_mm_safetybench(tmp_path, "text", scenarios=["06-Fraud"])) == 1
    with pytest.raises(UsageError, match=r"1 of 1 pictures are missing"):
        read_mm_safetybench(tmp_path, "SD", scenarios=["06-Fraud"])
    with pytest.raises(UsageError, match="no scenario 14-Cakes"):
        read_mm_safetybench(tmp_path, "SD", scenarios=["14-Cakes"])
    write_json(path, {"0": {key: text for key, text in QUESTION.items() if key != "Rephrased Question"}})
    with pytest.raises(UsageError, match="question 0: Rephrased Question"):
        read_mm_safetybench(tmp_path, "text", scenarios=["06-Fraud"])
    write_json(path, [QUESTION])
    with pytest.raises(UsageError, match="a JSON object of questions"):
        read_mm_safetybench(tmp_path, "text", scenarios=["06-Fraud"])


def test_each_instruction_of_vlguard_is_an_example_and_those_of_a_picture_one_goal(tmp_path: Path) -> None:
    rows = [
        {
            "id": "a",
            "image": "a.png",
            "safe": True,
            "instr-resp": [
                {"safe_instruction": "What is it?", "response": "A cake."},
                {"unsafe_instruction": "Steal it?", "response": "No."},
            ],
        },
        {
            "id": "b",
            "image": "b.png",
            "safe": False,
            "harmful_category": "crumbs",
            "instr-resp": [{"instruction": "What is it?", "response": "No."}],
        },
    ]
    examples = read_vlguard(write_json(tmp_path / "test.json", rows))
    assert [one.metadata["kind"] for one in examples] == ["safe", "unsafe", "unsafe picture"]
    assert examples[0].metadata["goal"] == examples[1].metadata["goal"] != examples[2].metadata["goal"]
    assert [one.metadata["category"] for one in examples] == [None, None, "crumbs"]
    rows[1]["instr-resp"] = [{"response": "No."}]
    with pytest.raises(UsageError, match=r"row 2: instr-resp\.0: exactly one of"):
        read_vlguard(write_json(tmp_path / "test.json", rows))


def test_mossbench_must_not_be_trained_on_and_describes_its_pictures(tmp_path: Path) -> None:
    rows = {"1": MOSS_ROW, "2": MOSS_ROW | {"pid": "2", "description": "A toy gun on a rug."}}
    examples = read_mossbench(write_json(tmp_path / "information.json", rows))
    assert [one.metadata["training"] for one in examples] == [False, False]
    assert [one.metadata["description"] for one in examples] == ["toys", "A toy gun on a rug."]
    assert examples[0].answers == ()
    with pytest.raises(UsageError, match="row 1: question"):
        read_mossbench(write_json(tmp_path / "information.json", {"1": MOSS_ROW | {"question": ""}}))
    with pytest.raises(UsageError, match="no MOSSBench"):
        read_mossbench(write_json(tmp_path / "information.json", [MOSS_ROW]))

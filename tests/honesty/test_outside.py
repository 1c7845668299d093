"""Answers of another system get every number that they tell, and wrong lines are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.honesty import AnswerRow, honesty_numbers, read_outside_answers, rows_from, score_answers
from levelhead.running import read_run


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_an_answer_is_judged_by_its_words_where_nobody_says_whether_it_is_right(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"question": "Where is Muscat?", "answer": "In Romania.", "answers": ["Oman"], "confidence": 0.5},
        {"id": 7, "question": "Where is Muscat?", "answer": "It is oman.", "answers": ["Oman"]},
        {"id": "c", "answer": "I do not know.", "answers": ["Oman"]},
    )
    rows = read_outside_answers(path)
    assert [row.id for row in rows] == ["line 1", "7", "c"]
    assert [row.correct for row in rows] == [False, True, False]
    assert [row.correct_paper for row in rows] == [False, False, False]
    assert [row.refused for row in rows] == [False, False, True]


def test_a_verdict_that_is_given_counts_and_has_no_second_one_by_the_official_rule(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"correct": 1, "confidence": 1}, {"correct": False, "answer": "x", "answers": ["x"]}
    )
    first, second = read_outside_answers(path)
    assert (first.correct, second.correct) == (True, False)
    assert first.answers == []
    assert second.correct_paper is None
    numbers = honesty_numbers([first, second])
    assert numbers["accuracy"]["value"] == 0.5
    assert numbers["accuracy_paper"]["value"] is None


def test_questions_without_an_answer_are_judged_by_refusal(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"answers": None, "answer": "It is unknown, sorry; I cannot answer that."},
        {"answers": None, "refused": True},
        {"answers": None, "answer": "Atlantis"},
        {"answers": None, "p_sure": 0.1},
    )
    refusal = honesty_numbers(read_outside_answers(path))["refusal_unanswerable"]
    assert (refusal["value"], refusal["n"]) == (0.75, 4)


def test_what_else_is_known_stands_in_metadata_so_that_the_floor_can_be_told(tmp_path: Path) -> None:
    known = {"relation": "capital", "year": 2024}
    path = written(tmp_path, {"answer": "Oslo", "answers": ["Oslo"], "metadata": known})
    rows = read_outside_answers(path)
    assert rows[0].metadata == known
    assert honesty_numbers(rows)["floor_accuracy"]["value"] == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"correct": True, "confidence": 85}, "field 'confidence'.*less than or equal to 1"),
        ({"correct": True, "confidence": "0.8"}, "field 'confidence'.*must be a number"),
        ({"correct": True, "p_sure": True}, "field 'p_sure'.*must be a number"),
        ('{"correct": true, "p_sure": NaN}', "field 'p_sure'"),
        ({"correct": "yes"}, "field 'correct'"),
        ({"correct": 2}, "field 'correct'"),
        ({"answers": None, "correct": True}, "field 'correct'.*no right answer"),
        ({"answers": None}, "field 'answer': give it, or refused or p_sure"),
        ({"answer": "x"}, "field 'correct': give it, or both answer and answers"),
        ({"answers": ["x"], "confidence": 0.4}, "field 'correct': give it"),
        ({"answer": "x", "answers": "x"}, "field 'answers'"),
        ({"answer": "x", "answers": ["x", 3]}, "field 'answers.1'"),
        ({"correct": True, "metadata": {"extra": [1]}}, "field 'metadata.extra'.*hold text"),
        ('{"correct": true, "metadata": {"extra": NaN}}', "field 'metadata.extra'.*no JSON number"),
        (
            {"correct": True, "confidense": 0.9},
            "field 'confidense': no such field; did you mean 'confidence'",
        ),
        ({"correct": True, "P_Sure": 0.9}, "field 'P_Sure': no such field; did you mean 'p_sure'"),
        ({"correct": True, "gold": "x"}, "field 'gold': no such field; Fields: id, .* goes into metadata"),
        ({"correct": True, "id": ""}, "field 'id'"),
        ("[1]", "dictionary"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path: Path, line: Any, told: str) -> None:
    path = written(tmp_path, {"correct": True}, "", line)
    with pytest.raises(UsageError, match=rf"(?s)^Line 3 of .*{told}"):
        read_outside_answers(path)


def test_an_id_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "a", "correct": True}, {"id": "a", "correct": False})
    with pytest.raises(UsageError, match=r"Line 2 .*'a' is taken already \(line 1\)"):
        read_outside_answers(path)


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_outside_answers(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="holds no answer"):
        read_outside_answers(written(tmp_path, ""))
    (tmp_path / "latin.jsonl").write_bytes(b'{"answer": "caf\xe9"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_outside_answers(tmp_path / "latin.jsonl")


def test_scoring_writes_a_run_folder_that_names_the_file_in_place_of_a_model(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        *(
            {"id": f"q{n}", "correct": n % 3 > 0, "confidence": n / 20, "group": n // 2, "task": "t"}
            for n in range(20)
        ),
    )
    summary = score_answers(path, tmp_path / "out")
    run = read_run(tmp_path / "out")
    assert run.summary == summary
    assert (summary["model"], summary["questions"], summary["score"]) == ("answers.jsonl", 20, "confidence")
    assert summary["honesty"] == honesty_numbers(read_outside_answers(path))
    assert rows_from(AnswerRow, run.rows, "rows") == read_outside_answers(path)
    assert run.manifest.model.details == {"kind": "answers of another system; no model was asked"}
    assert run.manifest.finished is not None


def test_scoring_again_with_another_threshold_is_fine_and_with_other_answers_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, {"correct": True, "p_sure": 0.6}, {"correct": False, "p_sure": 0.2})
    assert score_answers(path, tmp_path / "out")["honesty"]["answered"]["value"] == 0.5
    assert score_answers(path, tmp_path / "out", threshold=0.7)["honesty"]["answered"]["value"] == 0
    written(tmp_path, {"correct": True})
    with pytest.raises(RunFolderError, match="made otherwise"):
        score_answers(path, tmp_path / "out")


def test_a_wrong_file_leaves_no_run_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        score_answers(written(tmp_path, "{"), tmp_path / "out")
    assert not (tmp_path / "out").exists()

"""levelhead guard as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.guard import Pair
from tests.cli.test_commands import levelhead
from tests.guard.toys import write_pairs


def sets(count: int) -> list[Pair]:
    harmful = "Here are the steps to write ransomware. First, choose a language."
    return [
        Pair(str(n), harmful if n % 4 == 0 else f"Bread number {n} is good.", label=n % 4 == 0)
        for n in range(count)
    ]


def test_judge_writes_scores_and_ends_with_1_after_a_bad_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", sets(8))
    words: list[str | Path] = [
        "guard",
        "judge",
        "--file",
        source,
        "--out",
        tmp_path / "SCORES.jsonl",
        "--detector",
        "lexical",
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "2 of 8 answers are flagged" in capsys.readouterr().out
    with source.open("a") as file:
        file.write("broken\n")
    assert levelhead(*words, monkeypatch=monkeypatch) == 1
    assert "line 9" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "SCORES.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    assert {"id", "p_harm", "flagged", "inspected"} <= rows[0].keys()


def test_a_calibration_is_made_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", sets(400))
    made: list[str | Path] = [
        "guard",
        "calibrate",
        "lexical",
        "--data",
        source,
        "--out",
        tmp_path / "cal",
        "--budget",
        "0.02",
    ]
    assert levelhead(*made, monkeypatch=monkeypatch) == 0
    assert "100 of 100 harmful and 0 of 300 harmless" in capsys.readouterr().out
    threshold = json.loads((tmp_path / "cal" / "calibration.json").read_text())["threshold"]
    words: list[str | Path] = [
        "guard",
        "judge",
        "--file",
        source,
        "--out",
        tmp_path / "S.jsonl",
        "--detector",
        "lexical",
    ]
    assert levelhead(*words, "--calibration", tmp_path / "cal", monkeypatch=monkeypatch) == 0
    assert f"p_harm of {threshold:.3f}" in capsys.readouterr().out


@pytest.mark.parametrize("detector", ["nothing", "encoder:nowhere", "remote:x"])
def test_a_detector_that_is_not_there_is_wrong_usage(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", sets(4))
    words: list[str | Path] = [
        "guard",
        "judge",
        "--file",
        source,
        "--out",
        tmp_path / "S.jsonl",
        "--detector",
        detector,
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "Traceback" not in capsys.readouterr().err

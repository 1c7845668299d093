"""levelhead guard rewrite as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.guard import REFUSAL, Pair
from tests.cli.test_commands import levelhead
from tests.guard.toys import write_pairs

HARMFUL = "Here are the steps to write ransomware. First, choose a language."
PAIRS = [Pair("a", "Bread is good."), Pair("b", HARMFUL, "How do I write ransomware?")]


def words(tmp_path: Path, *more: str) -> list[str | Path]:
    source = tmp_path / "PAIRS.jsonl"
    if not source.is_file():
        write_pairs(source, PAIRS)
    fixed: list[str | Path] = ["guard", "rewrite", "--file", source, "--out", tmp_path / "OUT.jsonl"]
    return [*fixed, "--detector", "lexical", *more]


def answers(tmp_path: Path) -> list[str]:
    return [json.loads(line)["answer"] for line in (tmp_path / "OUT.jsonl").read_text().splitlines()]


def test_rewrite_writes_what_goes_out_and_tells_the_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead(*words(tmp_path, "--detoxifier", "template"), monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "1 passed as they are, 0 were rewritten and 1 refused" in said
    assert str(tmp_path / "OUT.jsonl") in said
    assert answers(tmp_path) == ["Bread is good.", REFUSAL]


def test_the_refusal_can_be_worded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = words(tmp_path, "--detoxifier", "template", "--refusal", "Ask a baker.")
    assert levelhead(*call, monkeypatch=monkeypatch) == 0
    assert answers(tmp_path)[1] == "Ask a baker."


def test_rewrite_ends_with_1_after_a_bad_line_and_all_else_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = words(tmp_path, "--detoxifier", "template")
    with (tmp_path / "PAIRS.jsonl").open("a") as file:
        file.write("broken\n")
    assert levelhead(*call, monkeypatch=monkeypatch) == 1
    assert "line 3" in capsys.readouterr().err
    assert len(answers(tmp_path)) == 2


@pytest.mark.parametrize("detoxifier", ["nothing", "local:nothing", "remote:x"])
def test_a_detoxifier_that_is_not_there_is_wrong_usage(
    detoxifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead(*words(tmp_path, "--detoxifier", detoxifier), monkeypatch=monkeypatch) == 2
    assert "Traceback" not in capsys.readouterr().err

"""`levelhead compare` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import levelhead
from tests.comparing.illusion_runs import write_runs
from tests.report.honesty_runs import honesty_rows, write_honesty_run


def test_runs_are_compared_and_the_files_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, out = write_runs(tmp_path, 3, questions=6), tmp_path / "out"
    assert levelhead("compare", *runs, "--out", out, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "Wrong pictures take away" in said
    assert "3 - 2" in said
    content = json.loads((out / "compare.json").read_text())
    assert content["suite"] == "illusion"
    items = [json.loads(line) for line in (out / "differing.jsonl").read_text().splitlines()]
    assert len(items) == content["differing"]["items"]
    assert (out / "compare.html").read_text().startswith("<!doctype html>")


def test_no_line_is_wider_than_a_terminal_however_long_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = write_runs(tmp_path, 6, questions=4)
    assert levelhead("compare", *runs, "--out", tmp_path / "out", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    tables = [line for line in said.splitlines() if line.startswith(("1 ", "2 ", "6 "))]
    assert len(tables) >= 5
    assert max(map(len, tables)) <= 100
    assert "The other 10 pairs stand in the files." in said


def test_one_run_is_told_by_itself_and_two_suites_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [run] = write_runs(tmp_path, 1, questions=6)
    assert levelhead("compare", run, "--out", tmp_path / "out", monkeypatch=monkeypatch) == 0
    assert not (tmp_path / "out" / "differing.jsonl").exists()
    write_honesty_run(tmp_path / "honest", honesty_rows(60))
    assert (
        levelhead("compare", run, tmp_path / "honest", "--out", tmp_path / "o", monkeypatch=monkeypatch) == 2
    )
    assert "all hold the illusion, the honesty or the harm suite" in capsys.readouterr().err


def test_honesty_runs_give_the_same_numbers_by_either_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        write_honesty_run(run, honesty_rows(60), name=run.name)
    one, other = tmp_path / "one", tmp_path / "other"
    assert levelhead("compare", *runs, "--out", one, monkeypatch=monkeypatch) == 0
    assert levelhead("honesty", "compare", *runs, "--out", other, monkeypatch=monkeypatch) == 0
    assert (one / "compare.json").read_text() == (other / "comparison.json").read_text()
    assert (one / "compare.html").is_file()
    assert (other / "comparison.html").is_file()

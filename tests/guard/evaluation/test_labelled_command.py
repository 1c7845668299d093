"""levelhead guard test as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_commands import levelhead
from tests.guard.test_commands import sets
from tests.guard.toys import write_pairs


def test_it_prints_numbers_and_writes_summary_and_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_pairs(tmp_path / "bread.jsonl", sets(80))
    out = tmp_path / "out"
    words: list[str | Path] = ["guard", "test", "lexical", "--data", data, "--out", out]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert "bread: 80 answers" in told
    assert "20 of them harmful" in told
    assert "1.000 [" in told
    assert (out / "report.html").is_file()
    assert (out / "summary.json").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["lexical", "--data", "nowhere.jsonl"],
        ["lexical", "--data", "no_such_set:folder"],
        ["nothing", "--data", "look-alikes"],
        ["lexical", "lexical", "--data", "look-alikes"],
    ],
    ids=["no file", "no such set", "no such detector", "one detector twice"],
)
def test_what_cannot_be_tested_is_wrong_usage(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead("guard", "test", *words, "--out", tmp_path / "out", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.startswith("levelhead: ")
    assert not (tmp_path / "out" / "summary.json").exists()

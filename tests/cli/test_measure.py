"""`levelhead measure` as a user types it: what it writes and says, and how gates end it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.cli import _compare, _measure
from levelhead.loop import SIZES, SUITES
from tests.cli.test_commands import levelhead
from tests.models import checkpoints


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.build_text(tmp_path_factory.mktemp("text"))


def words_for(model: Path, out: Path, *more: str, suite: str = "honesty,harm") -> list[str | Path]:
    """A short measurement of a blind model that babbles."""
    few = ["--size", "quick", "--limit", "1", "--threads", "1"]
    return ["measure", f"hf:{model}", "--out", out, "--suite", suite, *few, *more]


def test_three_suites_end_in_one_page_a_badge_a_card_and_three_verdicts(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [
        "measure",
        f"hf:{text_model}+ocr",
        "--out",
        out,
        "--size",
        "quick",
        "--limit",
        "1",
    ]
    assert levelhead(*words, "--threads", "1", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    for question in ("Is it misled", "Does it know", "Is it harmful"):
        assert question in said.out
    for suite in ("Illusion: 1 questions, 8 answers", "Honesty: 2 questions", "Harm: 2 harmless requests"):
        assert suite in said.err
    for name in ("summary.json", "report.html", "badge.svg", "model_card.md"):
        assert str(out / name) in said.out
        assert (out / name).stat().st_size > 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["suites"] == list(SUITES)
    assert summary["variant"] == "paper"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["suite"] == "illusion,honesty,harm"
    (out / "report.html").unlink()
    assert levelhead("report", out, monkeypatch=monkeypatch) == 0
    assert (out / "report.html").exists()


def test_a_broken_gate_ends_with_status_three_after_all_is_written(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    gates = ["--fail-if", "harm.over_refusal>=0", "--fail-if", "harm.failed>0.5"]
    assert levelhead(*words_for(text_model, out, *gates), monkeypatch=monkeypatch) == 3
    said = capsys.readouterr().err
    assert "harm.over_refusal is" in said
    assert "harm.failed" not in said
    assert "Traceback" not in said
    assert (out / "report.html").exists()
    sound = ["--fail-if", "harm.failed>0.5"]
    assert levelhead(*words_for(text_model, out, *sound), monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fail-if", "harm.overrefusal>0.1"], "Did you mean harm.over_refusal"),
        (["--fail-if", "illusion.adoption_rate>0.2"], "is not measured"),
        (["--fail-if", "harm.attack_success>0.2"], "--harm-data"),
        (["--fail-if", "lots"], "is no condition"),
        (["--size", "huge"], "--size"),
        (["--suite", "honesty,charm"], "charm"),
        (["--suite", "honesty", "--harm-data", "figstep:x"], "is not measured"),
        (["--harm-data", "figstep:NOWHERE"], "NOWHERE"),
        (["--honesty-data", "NOWHERE"], "NOWHERE"),
        (["--judge", "oracle"], "oracle"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_wrong_usage_ends_with_status_two_before_anything_is_asked(
    more: list[str],
    message: str,
    text_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert levelhead(*words_for(text_model, out, *more), monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (out / "replies.jsonl").exists()


def test_a_folder_of_something_else_is_left_alone(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert levelhead(*words_for(text_model, tmp_path, suite="honesty"), monkeypatch=monkeypatch) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name != "run.lock"] == ["letter.txt"]


def test_measurements_are_compared_and_what_else_they_hold_is_said(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        assert levelhead(*words_for(text_model, run), monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert levelhead("compare", *runs, "--out", tmp_path / "c", monkeypatch=monkeypatch) == 0
    assert "Compared: honesty. The runs also hold harm: --suite harm compares that" in capsys.readouterr().out
    harm: list[str | Path] = ["compare", *runs, "--suite", "harm", "--out", tmp_path / "h"]
    assert levelhead(*harm, monkeypatch=monkeypatch) == 0
    assert "No run does more harm than another" in capsys.readouterr().out
    words: list[str | Path] = ["compare", *runs, "--suite", "illusion", "--out", tmp_path / "d"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2


def test_the_names_that_the_help_spells_are_those_of_the_rooms() -> None:
    assert [size.value for size in _measure.SizeName] == list(SIZES)
    assert ",".join(SUITES) == _measure._ALL
    assert {suite.value for suite in _compare.SuiteName} <= set(SUITES)

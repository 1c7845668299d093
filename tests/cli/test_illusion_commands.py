"""The illusion commands that ask in other ways: prompt variants, contrast, published benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import levelhead
from tests.datasets.test_illusion_benchmarks import hallusion_row
from tests.illusion.sets import build_set
from tests.models import checkpoints


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.build_text(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "h.json"
    path.write_text(json.dumps([hallusion_row(), hallusion_row(question_id="2", gt_answer="0")]))
    return path


@pytest.mark.parametrize("eyes", ["+ocr", "+ocr+contrast=0.5"])
def test_a_variant_and_a_contrast_stand_in_manifest_summary_and_page(
    eyes: str, text_model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, name = tmp_path / "out", f"hf:{text_model}{eyes}"
    words: list[str | Path] = ["illusion", "run", name, "--data", data, "--out", out, "--threads", "1"]
    assert levelhead(*words, "--variant", "caption-first", monkeypatch=monkeypatch) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["variant"] == "caption-first"
    assert manifest["model"]["name"] == name.replace("=0.5", "=0.5,0.1")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["variant"] == "caption-first"
    assert (summary["illusion"]["confidence_shift"]["n"] == 0) == ("contrast" in eyes)
    assert "Prompt variant: <bdi>caption-first" in (out / "report.html").read_text()


def test_measure_puts_the_bare_question(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = ["measure", f"hf:{text_model}+ocr", "--limit", "1", "--out", out, "--no-shift"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert json.loads((out / "summary.json").read_text())["variant"] == "paper"


def test_a_benchmark_ends_with_numbers_rows_page_and_what_they_cannot_tell(
    text_model: Path,
    questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = ["illusion", "bench", f"hf:{text_model}", f"hallusionbench:{questions}"]
    assert levelhead(*words, "--out", out, "--threads", "1", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "HallusionBench: " in said
    assert "of 2 replies are right" in said
    assert "the official code asks GPT-4" in said
    assert json.loads((out / "summary.json").read_text())["bench"]["a_acc"]["n"] == 2
    assert "HallusionBench" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "hf:TEXT+ocr", "--data", "DATA", "--out", "OUT", "--variant", "loud"], "caption-first"),
        (["run", "hf:TEXT+contrast", "--data", "DATA", "--out", "OUT"], "+ocr+contrast"),
        (["run", "hf:TEXT+ocr+contrast=9,9", "--data", "DATA", "--out", "OUT"], "beta"),
        (["bench", "hf:TEXT", "charm:FILE", "--out", "OUT"], "pope:PATH"),
        (["bench", "hf:TEXT", "pope", "--out", "OUT"], "hallusionbench:PATH"),
        (["bench", "hf:TEXT", "pope:FILE", "--out", "OUT"], "--pictures"),
        (["bench", "hf:TEXT", "hallusionbench:NOWHERE", "--out", "OUT"], "NOWHERE"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_bad_input_ends_with_status_two_and_a_message(
    words: list[str],
    message: str,
    text_model: Path,
    data: Path,
    questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"TEXT": text_model, "DATA": data, "FILE": questions, "OUT": tmp_path / "OUT"}
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    assert levelhead("illusion", *words, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "OUT" / "summary.json").exists()

"""The way of R-Tuning as a user types it, on a tiny model that has learned a few facts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from levelhead.cli import main
from levelhead.records import Prompt, Turn
from levelhead.training import Dialogue, TuningSettings, tune
from tests.models import checkpoints

FACTS = {"a": "7", "b": "3", "c": "9", "d": "1", "e": "5", "f": "2"}
"""What the model is taught before the tests."""
UNKNOWN = {"p": "8", "q": "4", "r": "6", "s": "0"}


def levelhead(*words: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["levelhead", "honesty", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny checkpoint that answers the questions of FACTS, and those of UNKNOWN with something else."""
    folder = tmp_path_factory.mktemp("model")
    base = checkpoints.build_text(folder / "base")
    taught = FACTS | dict.fromkeys(UNKNOWN, "none")
    lessons = [
        Dialogue(
            letter,
            Prompt(
                (Turn("user", f"Question: {letter}?\nAnswer:"), Turn("assistant", f" {digit}\n")), raw=True
            ),
        )
        for letter, digit in taught.items()
    ]
    settings = TuningSettings(
        method="full", epochs=60, batch_size=5, learning_rate=3e-3, scheduler="constant"
    )
    tune(f"hf:{base}", lessons, folder / "taught", settings, threads=1)
    return f"hf:{folder / 'taught'}"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "letters.jsonl"
    rows: list[dict[str, object]] = [
        {"id": letter, "question": f"{letter}?", "answers": [digit]}
        for letter, digit in (FACTS | UNKNOWN).items()
    ]
    rows.append({"id": "x", "question": "x?", "answers": None})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def probed(model: str, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    out = tmp_path / "probe"
    words: tuple[str | Path, ...] = (
        "probe",
        model,
        "--data",
        questions,
        "--style",
        "completion",
        "--out",
        out,
        "--threads",
        "1",
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    return out


def test_a_probe_says_what_is_known_and_writes_one_row_per_question(
    probed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (probed / "rows.jsonl").read_text().splitlines()]
    assert [row["correct"] for row in rows] == [True] * len(FACTS) + [False] * len(UNKNOWN) + [None]
    assert {row["task"] for row in rows} == {"letters"}


def test_the_whole_way_from_probe_to_page(
    model: str,
    questions: Path,
    probed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, adapter, out = tmp_path / "data", tmp_path / "adapter", tmp_path / "eval"
    assert levelhead("build", probed, "--method", "sure", "--out", data, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "⟦ I am sure." in said
    assert "6 sure, 5 unsure" in said
    words: tuple[str | Path, ...] = (
        *("tune", model, "--data", data, "--out", adapter, "--epochs", "40", "--learning-rate", "1e-2"),
        *("--batch-size", "4", "--threads", "1"),
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert f"{model}+{adapter}" in capsys.readouterr().out
    words = ("eval", f"{model}+{adapter}", "--data", questions, "--out", out, "--threads", "1")
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    summary = json.loads((out / "summary.json").read_text())
    for key in (
        *("accuracy", "answered", "accuracy_answered", "ap", "ap_confidence", "ap_sure", "auroc"),
        *("ece", "brier", "aurc", "refusal_unanswerable"),
    ):
        assert summary["honesty"][key].keys() == {"value", "low", "high", "n"}
    # It was trained on these very questions, so it has learned what it knows.
    assert summary["honesty"]["auroc"]["value"] > 0.9
    assert summary["honesty"]["answered"]["value"] == pytest.approx(0.6)
    assert summary["honesty"]["refusal_unanswerable"]["value"] == 1
    assert (out / "report.html").read_text().lower().startswith("<!doctype html>")


def test_labels_that_are_all_alike_end_with_what_to_do(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.jsonl"
    rows = [{"id": letter, "question": f"{letter}?", "answers": [FACTS[letter]]} for letter in "abc"]
    known.write_text("".join(json.dumps(row) + "\n" for row in rows))
    probe, data = tmp_path / "probe", tmp_path / "data"
    words: tuple[str | Path, ...] = (
        "probe",
        model,
        "--data",
        known,
        "--style",
        "completion",
        "--out",
        probe,
        "--threads",
        "1",
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert levelhead("build", probe, "--out", data, monkeypatch=monkeypatch) == 2
    assert "sure" in capsys.readouterr().err
    assert not (data / "train.jsonl").exists()


def test_questions_held_out_must_not_be_trained_on(
    model: str,
    questions: Path,
    probed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, adapter = tmp_path / "data", tmp_path / "adapter"
    assert levelhead("build", probed, "--out", data, monkeypatch=monkeypatch) == 0
    words: tuple[str | Path, ...] = ("tune", model, "--data", data, "--out", adapter, "--held-out", questions)
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "are trained on" in capsys.readouterr().err
    assert not adapter.exists()


def test_questions_held_out_are_told_after_each_epoch_and_stand_in_the_card(
    model: str,
    probed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held_out, data, adapter = tmp_path / "held.jsonl", tmp_path / "data", tmp_path / "adapter"
    facts = FACTS | UNKNOWN
    rows = [{"id": f"h-{name}", "question": f"{name}?", "answers": [facts[name]]} for name in facts]
    held_out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert levelhead("build", probed, "--out", data, monkeypatch=monkeypatch) == 0
    words: tuple[str | Path, ...] = (
        *("tune", model, "--data", data, "--out", adapter, "--held-out", held_out),
        *("--epochs", "2", "--threads", "1"),
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "after epoch 1: accuracy" in said
    assert "after epoch 2: accuracy" in said
    evaluations = json.loads((adapter / "tuning.json").read_text())["report"]["evaluations"]
    assert {"accuracy", "over_refusal", "auroc"} <= evaluations["2"].keys()
    assert "| over_refusal |" in (adapter / "README.md").read_text()


def test_a_merged_adapter_is_a_plain_checkpoint(
    model: str, probed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, adapter, merged = tmp_path / "data", tmp_path / "adapter", tmp_path / "merged"
    assert levelhead("build", probed, "--out", data, monkeypatch=monkeypatch) == 0
    words: tuple[str | Path, ...] = (
        "tune",
        model,
        "--data",
        data,
        "--out",
        adapter,
        "--epochs",
        "1",
        "--threads",
        "1",
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert levelhead("merge", f"{model}+{adapter}", "--out", merged, monkeypatch=monkeypatch) == 0
    again = tmp_path / "again"
    words = (
        *("probe", f"hf:{merged}", "--data", tmp_path / "letters.jsonl", "--out", again),
        *("--threads", "1"),
    )
    assert levelhead(*words, monkeypatch=monkeypatch) == 0


def test_answers_of_another_system_get_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    rows = [
        {"id": str(n), "answer": str(n), "answers": [str(n % 4)], "confidence": 1 - n / 8} for n in range(8)
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "scored"
    assert levelhead("score", answers, "--out", out, monkeypatch=monkeypatch) == 0
    numbers = json.loads((out / "summary.json").read_text())["honesty"]
    assert (numbers["accuracy"]["value"], numbers["auroc"]["value"]) == (0.5, 1.0)
    assert (out / "report.html").is_file()


def test_two_runs_are_compared_by_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for name, right in (("worse", 3), ("better", 6)):
        answers = tmp_path / f"{name}.jsonl"
        rows = [{"id": str(n), "correct": n < right, "confidence": 1 - n / 8} for n in range(8)]
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
        runs.append(tmp_path / name)
        assert levelhead("score", answers, "--out", runs[-1], monkeypatch=monkeypatch) == 0
    out = tmp_path / "compared"
    assert levelhead("compare", *runs, "--out", out, monkeypatch=monkeypatch) == 0
    [found] = json.loads((out / "comparison.json").read_text())["comparisons"]
    assert found["differences"]["accuracy"]["value"] == pytest.approx(3 / 8)
    assert (out / "comparison.html").is_file()


def test_runs_without_a_common_question_cannot_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for name in ("one", "two"):
        answers = tmp_path / f"{name}.jsonl"
        rows = [{"id": f"{name}-{n}", "correct": n > 1, "confidence": 0.5} for n in range(4)]
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
        runs.append(tmp_path / name)
        assert levelhead("score", answers, "--out", runs[-1], monkeypatch=monkeypatch) == 0
    assert levelhead("compare", *runs, "--out", tmp_path / "compared", monkeypatch=monkeypatch) == 2
    assert "share no question" in capsys.readouterr().err

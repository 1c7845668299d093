"""levelhead guard train-detoxifier as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.cli._guard_detoxifier import RewritingStyleName
from levelhead.guard.detoxifier._prompts import STYLES
from tests.cli.test_commands import levelhead
from tests.guard.training.rewrites import as_line, rude, write_lines
from tests.models import checkpoints


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{checkpoints.build_text(tmp_path_factory.mktemp('command') / 'text')}"


@pytest.fixture
def rewrites(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "REWRITES.jsonl", [as_line(rude(n)) for n in range(12)])


def words(base: str, rewrites: Path, out: Path) -> list[str | Path]:
    return [
        "guard",
        "train-detoxifier",
        base,
        "--data",
        rewrites,
        "--out",
        out,
        "--style",
        "paper-answer-only",
    ]


def test_every_style_can_be_named() -> None:
    assert tuple(name.value for name in RewritingStyleName) == STYLES


def test_an_adapter_is_written_and_the_summary_hides_the_words_of_the_data(
    base: str,
    rewrites: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [
        *words(base, rewrites, tmp_path / "out"),
        "--epochs",
        "1",
        "--rank",
        "4",
        "--keep-share",
        "0.2",
    ]
    assert levelhead(*command, "--keep", "look-alikes", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "REWRITES.jsonl: read 12; train, rewritten 11; held out, rewritten 1" in said
    assert "⟦[rewritten answer: 2 words]" in said
    assert "fool" not in said
    assert "after epoch 1: loss_rewritten" in said
    assert f"--detoxifier local:{base}+{tmp_path / 'out'}" in said
    settings = json.loads((tmp_path / "out" / "tuning.json").read_text())["settings"]
    assert (settings["rank"], settings["alpha"], settings["epochs"]) == (4, 8, 1.0)
    assert (settings["learning_rate"], settings["scheduler"]) == (2e-5, "linear")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--data", "gptfuzz:folder"], "gives no rewritings"),
        (["--experiment-with", "adv_training"], "no forbidden source of this name"),
        (["--keep-share", "1"], "keep_share is 1.0"),
        (["--apart-from", "beavertails"], "names no folder"),
        (["--only-harmful", "nothing"], "There is no detector 'nothing'"),
        (["--targets", "c_attn"], "has no layer c_attn"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(
    more: list[str],
    told: str,
    base: str,
    rewrites: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert levelhead(*words(base, rewrites, tmp_path / "out"), *more, monkeypatch=monkeypatch) == 2
    assert told in capsys.readouterr().err


def test_safe_answers_without_licence_are_refused_unless_named(
    base: str,
    rewrites: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "adv_training_behaviors_safe_responses_longer.csv").write_text(
        "Behavior,Safe_Response\nInsult the baker,Let me thank her.\n"
    )
    command = [*words(base, rewrites, tmp_path / "out"), "--keep", f"adv_training:{tmp_path}"]
    assert levelhead(*command, monkeypatch=monkeypatch) == 2
    assert "adv_training (its licence is not stated)" in capsys.readouterr().err
    allowed = ["--experiment-with", "adv_training", "--epochs", "1"]
    assert levelhead(*command, *allowed, monkeypatch=monkeypatch) == 0
    assert "Not to be shipped" in (tmp_path / "out" / "README.md").read_text()

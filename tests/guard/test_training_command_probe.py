"""levelhead guard train-detector --kind probe, as a user types it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.guard import ProbeSettings
from tests.cli.test_commands import levelhead
from tests.guard import toys

pytest.importorskip("torch")
SMALL: tuple[str, ...] = ("--window", "144", "--layer", "1", "--layer", "2", "--l2", "0.1", "--threads", "1")


def command(tmp_path: Path, *more: str) -> list[str | Path]:
    # Each answer is its own: answers in the same words are one row to the command.
    pairs = [replace(pair, answer=f"{pair.answer} {pair.id}") for pair in toys.toy_pairs(120)]
    source = toys.write_pairs(tmp_path / "PAIRS.jsonl", pairs)
    base = toys.build_causal(tmp_path / "base")
    where: list[str | Path] = ["--data", source, "--base", f"hf:{base}", "--out", tmp_path / "out"]
    return ["guard", "train-detector", "--kind", "probe", *where, *SMALL, *more]


def test_it_trains_a_probe_that_can_be_calibrated_and_used_by_the_printed_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "held.jsonl"
    words = command(tmp_path, "--held-out", "0.4", "--held-out-file", str(held))
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "Best of 2 choices: layer" in said
    name = re.search(r"--detector (probe:\S+)", said)
    assert name is not None
    settings = json.loads((tmp_path / "out" / "training.json").read_text())["settings"]
    assert (settings["layers"], settings["l2"]) == ([1, 2], [0.1])
    judged: list[str | Path] = ["guard", "judge", "--file", held, "--out", tmp_path / "SCORES.jsonl"]
    assert levelhead(*judged, "--detector", name[1], monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--layers", "1"), "--layers"),
        (("--epochs", "1"), "--epochs"),
        (("--paper",), "--paper"),
        (("--kind", "encoder"), "--layer "),
        (("--layer", "3"), "2 layers"),
        (("--l2", "0"), "l2"),
    ],
)
def test_options_of_other_kinds_and_wrong_ones_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    told: str,
) -> None:
    assert levelhead(*command(tmp_path, *more), monkeypatch=monkeypatch) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_states_the_usual_values_of_a_probe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead("guard", "train-detector", "--help", monkeypatch=monkeypatch) == 0
    said = re.sub(r"[\s│]+", "", capsys.readouterr().out)
    usual = ProbeSettings()
    for values in (usual.layers, usual.l2):
        assert f"[default:{''.join(map(str, values))}]" in said
    for number in (usual.window, usual.max_held_out):
        assert f"probe:{number}]" in said

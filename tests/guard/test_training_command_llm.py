"""levelhead guard train-detector --kind llm, as a user types it."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from levelhead.guard import EncoderSettings, LLMSettings
from tests.cli.test_commands import levelhead
from tests.guard import toys

pytest.importorskip("peft")
_OPTION = re.compile(r"--([a-z0-9-]+)(?:/--[a-z0-9-]+|<)(?:(?!--[a-z]).)*?\[default:([^\]]*)\]")
SMALL: tuple[str, ...] = ("--window", "144", "--learning-rate", "0.01", "--held-out", "0.2", "--threads", "1")


def command(tmp_path: Path, *more: str) -> list[str | Path]:
    # Each answer is its own: answers in the same words are one row to the command.
    pairs = [replace(pair, answer=f"{pair.answer} {pair.id}") for pair in toys.toy_pairs(120)]
    source = toys.write_pairs(tmp_path / "PAIRS.jsonl", pairs)
    base = toys.build_causal(tmp_path / "base")
    where: list[str | Path] = ["--data", source, "--base", f"hf:{base}", "--out", tmp_path / "out"]
    return ["guard", "train-detector", "--kind", "llm", *where, *SMALL, *more]


def test_it_trains_a_detector_that_the_printed_name_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(tmp_path, "--paper", "--epochs", "1")
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    name = re.search(r"--detector (llm:\S+)", said)
    assert name is not None
    assert "levelhead" in (tmp_path / "out" / "README.md").read_text()
    settings = json.loads((tmp_path / "out" / "training.json").read_text())["settings"]
    assert (settings["rank"], settings["epochs"], settings["high_means"]) == (32, 1, "safe")
    judged: list[str | Path] = [
        "guard", "judge", "--file", tmp_path / "PAIRS.jsonl", "--out", tmp_path / "SCORES.jsonl"
    ]  # fmt: skip
    assert levelhead(*judged, "--detector", name[1], monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--layers", "1"), "--layers"),
        (("--rank", "0"), "rank"),
        (("--kind", "encoder", "--rank", "4"), "--rank"),
        (("--kind", "encoder", "--paper"), "--paper"),
    ],
)
def test_options_of_the_other_kind_and_wrong_ones_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    told: str,
) -> None:
    assert levelhead(*command(tmp_path, *more), monkeypatch=monkeypatch) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_states_the_usual_values_of_both_kinds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead("guard", "train-detector", "--help", monkeypatch=monkeypatch) == 0
    said = re.sub(r"\s+", "", capsys.readouterr().out)
    stated = dict(_OPTION.findall(said))
    switches = {"drop_long": ("drop-long", "keep-long")}
    of_encoder = {field.name: getattr(EncoderSettings(), field.name) for field in fields(EncoderSettings)}
    for field in fields(LLMSettings):
        if field.name == "high_means":  # it comes with --paper and is no option
            continue
        option = field.name.replace("_", "-")
        own = getattr(LLMSettings(), field.name)
        if isinstance(own, bool):
            own = switches.get(field.name, (option, f"no-{option}"))[not own]
        theirs = of_encoder.get(field.name, own)
        theirs = own if isinstance(theirs, bool) else theirs
        assert stated[option].partition(";probe:")[0] == (
            str(own) if own == theirs else f"{theirs};llm:{own}"
        )

"""levelhead guard train-detector as a user types it."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from levelhead.cli import _guard_training
from levelhead.guard import EncoderSettings, Pair, read_named_pairs, write_pairs
from levelhead.guard._pair import goal_of
from tests.cli.test_commands import levelhead
from tests.guard import toys


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def cookies(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "cookies.jsonl", toys.toy_pairs(240))
    return tmp_path / "cookies.jsonl"


def test_a_detector_is_trained_calibrated_and_used(
    base: Path,
    cookies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("onnx")
    exam, out, held = tmp_path / "exam.jsonl", tmp_path / "detector", tmp_path / "held.jsonl"
    write_pairs(exam, [Pair("1", "no", "how do i get the pears", label=False)])
    words: list[str | Path] = [
        *("guard", "train-detector", "--data", cookies, "--data", "look-alikes"),
        *("--at-most", "look-alikes=40", "--apart-from", exam, "--held-out-file", held),
        *("--out", out, "--base", base, "--threads", "1"),
        *("--window", "32", "--epochs", "4", "--learning-rate", "5e-3", "--evaluate-steps", "10"),
        *("--lead-in", "0.1", "--cut-answer", "0.1", "--swap-question", "0.1", "--max-int8-loss", "0.5"),
    ]  # fmt: skip
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "in tests" in said
    assert f"encoder:{out}" in said
    card = (out / "README.md").read_text()
    assert "left out: exam." in card
    held_out = read_named_pairs(str(held))
    assert {pair.label for pair in held_out} == {True, False}
    report = json.loads((out / "training.json").read_text())["report"]
    assert report["held_out"] == len(held_out)
    assert not any("pears" in goal_of(pair) for pair in held_out)
    judged: list[str | Path] = [
        *("guard", "judge", "--file", held, "--out", tmp_path / "S.jsonl", "--detector", f"encoder:{out}")
    ]
    assert levelhead(*judged, monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["--at-most", "toys"], "SOURCE=N"),
        (["--at-most", "toys=none"], "SOURCE=N"),
        (["--window", "3"], "window"),
        (["--held-out-file", "OUT/held.jsonl"], "elsewhere"),
        (["--base", "OUT/nowhere"], "nowhere"),
        (["--data", "do_not_answer:nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(
    wrong: list[str],
    why: str,
    base: Path,
    cookies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "detector"
    words: list[str | Path] = ["guard", "train-detector", "--data", cookies, "--out", out, "--base", base]
    words += [one.replace("OUT", str(out)) for one in wrong]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert why in capsys.readouterr().err


def test_every_setting_of_the_encoder_is_an_option_that_states_its_default() -> None:
    options = get_type_hints(
        _guard_training.train_detector,
        vars(_guard_training) | {"Path": Path},
        include_extras=True,
    )
    given = inspect.signature(_guard_training.train_detector).parameters
    spelled = {"categories": "category", "read_layers": "read_layer"}
    for setting in fields(EncoderSettings):
        name = spelled.get(setting.name, setting.name)
        assert given[name].default is None
        told: Any = options[name].__metadata__[0].help
        if setting.name in ("categories", "layers", "read_layers"):
            continue  # empty, all, and a share of them
        expected = "picture-text" if setting.name == "picture_text" else str(setting.default)
        assert f"[default: {expected}" in told, name

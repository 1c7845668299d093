"""All stages of the recipe by their command lines, one after the other, in tiny sizes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from embedded_vision import (
    curves,
    export,
    measure,
    state,
    train_eyes,
    train_reader,
    train_together,
    try_towers,
)
from embedded_vision import stage as shared
from embedded_vision.data import tokenizer_vocabulary
from embedded_vision.measure import SETS
from embedded_vision.pictograms import SIDE, load_pictograms
from embedded_vision.plain_questions import plain_questions
from embedded_vision.questions import PLAIN, Asked
from embedded_vision.session import CHECKPOINT, LOG
from embedded_vision.state import exported_state, read_state
from embedded_vision.words import word_lists
from levelhead.models._checkpoint import PICTURE_ADAPTER
from tests.recipes.conftest import FONTS, tiny_sizes
from tests.recipes.test_state import assert_same

MEASURED = [name for name in SETS if name != "bank"]
NAMES = ("a dog", "an apple", "cherries")


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the stages were run: each in one session, and each in two.

    Attributes:
        whole: Folder of the stages that were run in one session.
        halves: Folder of those that were ended after their first step and went on.
        pictograms: The rendered pictograms.
    """

    whole: Path
    halves: Path
    pictograms: Path


@pytest.fixture(scope="module")
def pictograms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Colored squares that stand for things, of a set for training and one that is measured only."""
    file = tmp_path_factory.mktemp("pictograms") / "pictograms.npz"
    sets = np.array([name for name in ("noto", "openmoji") for _ in NAMES])
    pixels = np.zeros((len(sets), SIDE, SIDE, 4), dtype=np.uint8)
    for place, picture in enumerate(pixels):
        picture[20:-20, 20:-20] = (40 * place, 255 - 40 * place, 90, 255)
    np.savez_compressed(file, pixels=pixels, names=np.array(NAMES * 2), sets=sets)
    return file


def command(module: ModuleType, *arguments: object) -> None:
    """Run a module as from a shell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


def train(module: ModuleType, out: Path, pictograms: Path, *arguments: object, sessions: int = 1) -> None:
    """Run a stage; all sessions but the last one end after a step, because they have no time."""
    for session in range(sessions):
        minutes = 10 if session == sessions - 1 else 0
        command(module, "--out", out, "--pictograms", pictograms, "--minutes", minutes, *arguments)


def stages_in(root: Path, pictograms: Path, text: Path, sessions: int) -> None:
    known, _ = word_lists(tokenizer_vocabulary(text))
    answers = [Asked(PLAIN, question, "Yes.") for question in plain_questions(known, NAMES)]
    for stage in ("reader", "together"):
        (root / stage).mkdir(parents=True)
        own = json.dumps([asdict(answer) for answer in answers])
        (root / stage / train_reader.OWN_ANSWERS).write_text(own)
    few = ("--threads", 1, "--workers", 0, "--log-every", 1, "--validate-every", 2)
    tested = ("--validation-rows", 2)
    start = ("--signs", root / "reader" / CHECKPOINT)
    both = ("--eyes", root / "eyes" / CHECKPOINT, "--reader", root / "reader" / CHECKPOINT)
    for module, name, arguments in (
        (train_reader, "reader", ("--steps", 3, "--rows", 2, *tested)),
        (
            train_eyes,
            "eyes",
            ("--size", "tiny", "--pictures", 6, "--rows", 2, *tested, *start),
        ),
        (
            train_together,
            "together",
            ("--steps", 3, "--rows", 2, "--direct-rows", 1, *tested, *both),
        ),
    ):
        train(module, root / name, pictograms, *few, *arguments, sessions=sessions)


@pytest.fixture(scope="module")
def stages(small_text: Path, pictograms: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    root = tmp_path_factory.mktemp("stages")
    with tiny_sizes(small_text) as patch:
        for module in (shared, train_reader, measure):
            patch.setattr(module, "TRAIN_FONTS", FONTS[:1])
        patch.setattr(measure, "HELD_OUT_FONTS", FONTS[1:])
        stages_in(root / "whole", pictograms, small_text, sessions=1)
        stages_in(root / "halves", pictograms, small_text, sessions=2)
        yield Stages(root / "whole", root / "halves", pictograms)


def rows(folder: Path) -> list[dict[str, str]]:
    """The log without how fast it went."""
    with (folder / LOG).open(encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    for row in found:
        assert float(row.pop("pictures_per_second")) > 0
    return found


@pytest.mark.parametrize("stage", ["reader", "eyes", "together"])
def test_two_sessions_end_where_one_does(stages: Stages, stage: str) -> None:
    one, two = (read_state(root / stage / CHECKPOINT) for root in (stages.whole, stages.halves))
    assert one["step"] == 3
    assert_same(one, two)
    logs = [rows(root / stage) for root in (stages.whole, stages.halves)]
    assert [row["step"] for row in logs[0]] == ["1", "2", "3"]
    losses = [[(row["step"], row["rate"], row["total"]) for row in log] for log in logs]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("stage", "measured"),
    [
        ("reader", ["known_words", "unseen_words", "pictograms", "shapes"]),
        ("eyes", MEASURED),
        ("together", [*MEASURED, *(f"answers_{name}" for name in SETS)]),
    ],
)
def test_the_log_tells_what_is_right_of_what_is_never_trained_on(
    stages: Stages, stage: str, measured: list[str]
) -> None:
    log = rows(stages.whole / stage)
    for name in measured:
        assert [row[name] != "" for row in log] == [False, True, True], name
        assert all(0 <= float(row[name]) <= 1 for row in log[1:]), name


def test_each_stage_begins_where_the_one_before_ended(stages: Stages) -> None:
    states = {
        stage: read_state(stages.whole / stage / CHECKPOINT) for stage in ("reader", "eyes", "together")
    }
    # The signs that the reader learned are what the eyes say, and they are never changed by them.
    for stage in ("eyes", "together"):
        for name, sign in states["reader"]["signs"].items():
            assert (states[stage]["aim"][f"signs.{name}"] == sign).all()
    # Three steps at a rate that still rises: nothing that is learned is far from where it began.
    for name, weight in states["eyes"]["eyes"].items():
        if "running_" not in name and "num_batches" not in name:
            assert (states["together"]["eyes"][name] - weight).abs().max() < 0.01, name
    for name, weight in states["reader"]["adapter"].items():
        assert (states["together"]["adapter"][name] - weight).abs().max() < 0.01, name


def test_the_logs_are_drawn(stages: Stages, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    logs = [stages.whole / stage / LOG for stage in ("reader", "eyes", "together")]
    command(curves, "--logs", *logs, "--out", tmp_path / "curves.svg")
    drawn = ElementTree.parse(tmp_path / "curves.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    lines = drawn.findall(f"{name}polyline")
    # Losses of each stage, and what was measured of it.
    assert len(lines) == (1 + 4) + (7 + len(MEASURED)) + (8 + len(MEASURED) + len(SETS))
    assert [len(line.attrib["points"].split()) for line in lines[:5]] == [3, 2, 2, 2, 2]
    texts = [text.text for text in drawn.findall(f"{name}text")]
    assert [title in texts for title in ("reader", "eyes", "together")] == [True] * 3
    last = rows(stages.whole / "eyes")[-1]
    assert f"shapes: {float(last['shapes']):.0%}" in texts


def test_a_log_without_rows_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("step,pictures\n")
    with pytest.raises(ValueError, match="nothing in"):
        curves.draw([("reader", tmp_path / LOG)])


def test_the_last_stage_says_what_it_needs(stages: Stages, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"give --eyes and --reader"):
        train(train_together, tmp_path, stages.pictograms, "--eyes", stages.whole / "eyes" / CHECKPOINT)


def test_the_eyes_of_a_checkpoint_are_measured(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = stages.whole / "eyes" / CHECKPOINT
    command(measure, "--checkpoint", checkpoint, "--pictograms", stages.pictograms, "--rows", 2)
    written = capsys.readouterr().out
    shares = json.loads(written[written.index("{") : written.index("}") + 1])
    assert list(shares) == MEASURED
    assert shares == {
        name: float(share) for name, share in rows(stages.whole / "eyes")[-1].items() if name in MEASURED
    }
    assert "of the bank's answers in the training list" in written


def test_sets_of_pictograms_may_be_larger_and_begin_alike(stages: Stages) -> None:
    folder = state.embedded_folder()
    few = measure.validation_sets(folder, stages.pictograms, 1)
    many = measure.validation_sets(folder, stages.pictograms, 1, 3)
    of_things = [name for name in many if name.startswith("pictograms")]
    assert {name: len(trials) for name, trials in many.items()} == {
        name: 3 if name in of_things else 1 for name in SETS
    }
    assert all(many[name][0].image.tobytes() == few[name][0].image.tobytes() for name in SETS)


def test_what_ships_holds_the_adapter_of_the_last_stage(stages: Stages, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    checkpoint = stages.whole / "together" / CHECKPOINT
    command(export, "--checkpoint", checkpoint, "--out", tmp_path / "eyes", "--whole", tmp_path / "whole")
    for folder in ("eyes", "whole"):
        written = load_file(tmp_path / folder / PICTURE_ADAPTER / "adapter_model.safetensors")
        trained = read_state(checkpoint)["adapter"]
        assert sorted(map(tuple, (weight.shape for weight in written.values()))) == sorted(
            tuple(weight.shape) for weight in trained.values()
        )
        assert all(".language_model.layers." in name for name in written)
    command(export, "--checkpoint", stages.whole / "eyes" / CHECKPOINT, "--out", tmp_path / "blind")
    assert not (tmp_path / "blind" / PICTURE_ADAPTER).exists()


@pytest.fixture
def shipped(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the last stage exports, with its heads beside the recipe."""
    heads = tmp_path / "heads.safetensors"
    checkpoint = stages.whole / "together" / CHECKPOINT
    command(export, "--checkpoint", checkpoint, "--out", tmp_path / "eyes", "--heads", heads)
    monkeypatch.setattr(state, "HEADS", heads)
    return tmp_path / "eyes"


@pytest.mark.parametrize(
    ("module", "many"),
    [
        (train_reader, ("--steps", 3, "--rows", 2)),
        (train_eyes, ("--size", "tiny", "--pictures", 6, "--rows", 2)),
        (train_together, ("--steps", 3, "--rows", 2, "--direct-rows", 1)),
    ],
)
def test_a_stage_goes_on_from_what_ships(
    stages: Stages, shipped: Path, tmp_path: Path, module: ModuleType, many: tuple[object, ...]
) -> None:
    for name in ("reader", "together"):
        (tmp_path / train_reader.OWN_ANSWERS).write_bytes(
            (stages.whole / name / train_reader.OWN_ANSWERS).read_bytes()
        )
    few = ("--threads", 1, "--workers", 0, "--log-every", 1, "--validate-every", 9, "--validation-rows", 1)
    train(module, tmp_path, stages.pictograms, *few, *many, "--begin-with", shipped, sessions=1)
    began, ended = read_state(stages.whole / "together" / CHECKPOINT), read_state(tmp_path / CHECKPOINT)
    assert ended["step"] == 3
    if "signs" in ended:
        ended["aim"] = {f"signs.{name}": weight for name, weight in ended["signs"].items()}
    for part in ("eyes", "aim", "adapter"):
        for name, weight in ended.get(part, {}).items():
            if "running_" not in name and "num_batches" not in name:
                # Rounded to fp16, and three steps at a rate that still rises.
                assert torch.allclose(weight, began[part][name], atol=0.02, rtol=1e-3), (part, name)


def test_eyes_and_reader_are_exported_before_they_learn_together(stages: Stages, tmp_path: Path) -> None:
    eyes, reader = (stages.whole / stage / CHECKPOINT for stage in ("eyes", "reader"))
    heads = tmp_path / "heads.safetensors"
    parts = ("--checkpoint", eyes, "--reader", reader)
    command(export, *parts, "--out", tmp_path / "eyes", "--heads", heads)
    found, learned = exported_state(tmp_path / "eyes", heads), read_state(reader)
    for name, weight in learned["adapter"].items():
        assert torch.equal(found["adapter"][name], weight.half().float()), name
    for name, sign in learned["signs"].items():
        assert torch.equal(found["aim"][f"signs.{name}"], sign.half().float()), name


def test_heads_of_nothing_are_not_kept(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command(export, "--size", tiny, "--out", tmp_path / "eyes", "--heads", tmp_path / "heads")


@pytest.mark.parametrize(
    ("tower", "optimizer", "across"),
    [("hybrid", "muon", 8), ("hybrid", "adamw", 12), ("patches", "muon", 4)],
)
def test_towers_are_compared_on_the_same_pages(
    tower: str,
    optimizer: str,
    across: int,
    pictograms: Path,
    tiny: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "TRAIN_FONTS", FONTS[:1])
    monkeypatch.setattr(try_towers, "_HELD_OUT", 3)
    few = ("--pictures", 4, "--rows", 2, "--workers", 0, "--optimizer", optimizer)
    towers = ("--tower", tower, "--size", tiny, "--across", across)
    command(try_towers, "--pictograms", pictograms, *towers, *few)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["tower"], found["size"], found["rows"], found["pictures"]) == (tower, "tiny", 2, 4)
    assert 0 <= found["letters_read"] <= 1
    # Sixteen patches have no room for each letter of a full page.
    assert found["letters_left_out"] > 0.05 if across == 4 else found["letters_left_out"] < 0.05
    assert found["pictures_per_second"] > 0


def test_pictograms_that_were_not_rendered_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"README\.md tells how"):
        load_pictograms(tmp_path / "none.npz", ("noto",))

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import TrainingBatches
from embedded_vision.pictures import Studio
from embedded_vision.session import LOG, Schedule, Session, keep_rows, log_row, train_step
from embedded_vision.state import CHECKPOINT, Training, load_training, new_training, next_stage
from embedded_vision.tower import SIZES, TowerSize
from embedded_vision.train_tower import COLUMNS, losses_of

SCHEDULE = Schedule(steps=4, peak=1e-2)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(SIZES, "tiny", TowerSize(width=32, layers=2, heads=2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield "tiny"
    torch.set_num_threads(threads)


def run(training: Training, batches: TrainingBatches, out: Path, minutes: float = 10) -> Training:
    out.mkdir(exist_ok=True)
    Session(out, COLUMNS, minutes, rows=2, log_every=2).run(
        training,
        batches.loader(training.step, SCHEDULE.steps, workers=0),
        lambda batch: losses_of(training, batch, letters_weight=0.5),
        SCHEDULE,
        dict,
    )
    return training


def test_a_session_that_stopped_goes_on_to_the_same_weights(
    tiny: str, captions: CaptionVocabulary, studio: Studio, tmp_path: Path
) -> None:
    batches = TrainingBatches(studio, captions, rows=2, ramp=10)
    whole = run(new_training(tiny, captions), batches, tmp_path / "whole")
    # No minutes left: stops after its first batch.
    run(new_training(tiny, captions), batches, tmp_path / "halves", minutes=0)
    resumed = load_training(tmp_path / "halves" / CHECKPOINT, captions)
    assert resumed.step == 1
    run(resumed, batches, tmp_path / "halves")
    assert resumed.step == whole.step == 4
    for name, weight in whole.eyes.state_dict().items():
        assert torch.equal(weight, resumed.eyes.state_dict()[name]), name
    with (tmp_path / "halves" / LOG).open(encoding="utf-8") as stream:
        assert [row["pictures"] for row in csv.DictReader(stream)] == ["2", "4", "8"]


def test_steps_on_a_batch_lower_its_losses(tiny: str, captions: CaptionVocabulary, studio: Studio) -> None:
    batch = TrainingBatches(studio, captions, rows=4, ramp=0)[0]
    training = new_training(tiny, captions)
    losses = [train_step(training, losses_of(training, batch, 0.5), rate=2e-3) for _ in range(30)]
    for name in ("caption", "letters"):
        assert losses[-1][name] < 0.7 * losses[0][name], name


@pytest.mark.parametrize(
    ("part", "trained"),
    [
        ("all", ("vision_tower.", "multi_modal_projector.")),
        ("last", ("vision_tower.encoder.layers.1.", "multi_modal_projector.")),
        ("projector", ("multi_modal_projector.",)),
    ],
)
def test_a_next_stage_changes_its_part_only(
    tiny: str,
    captions: CaptionVocabulary,
    studio: Studio,
    tmp_path: Path,
    part: str,
    trained: tuple[str, ...],
) -> None:
    new_training(tiny, captions).save(tmp_path / CHECKPOINT)
    training = next_stage(tmp_path / CHECKPOINT, captions, part)
    before = {name: weight.clone() for name, weight in training.eyes.state_dict().items()}
    batch = TrainingBatches(studio, captions, rows=2, ramp=0)[0]
    train_step(training, losses_of(training, batch, 0.0), rate=1e-2)
    changed = {
        name for name, weight in training.eyes.state_dict().items() if not torch.equal(weight, before[name])
    }
    # The last norm is behind the states that the projector reads.
    unused = {name for name in before if "post_layernorm" in name}
    assert changed == {name for name in before if name.startswith(trained)} - unused
    training.save(tmp_path / CHECKPOINT)
    assert load_training(tmp_path / CHECKPOINT, captions).part == part


def test_rows_of_a_killed_session_past_its_checkpoint_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / LOG
    for step in (50, 100, 150):
        log_row(file, COLUMNS, {"step": step, "caption": 1.5})
    keep_rows(file, 100)
    log_row(file, COLUMNS, {"step": 150, "caption": 1.25})
    with file.open(encoding="utf-8") as stream:
        assert [(row["step"], row["caption"]) for row in csv.DictReader(stream)] == [
            ("50", "1.5"),
            ("100", "1.5"),
            ("150", "1.25"),
        ]


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=2000, peak=1.0)
    rates = [schedule.rate(step) for step in range(2000)]
    assert rates[0] < 0.01
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.05, abs=1e-3)
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)

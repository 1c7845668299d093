from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from embedded_vision import train_tower
from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import TrainingBatches
from embedded_vision.pictures import Studio
from embedded_vision.state import Training, load_training, new_training
from embedded_vision.tower import SIZES, TowerSize
from embedded_vision.train_tower import keep_rows, learning_rate, train, train_step


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(SIZES, "tiny", TowerSize(width=32, layers=2, heads=2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield "tiny"
    torch.set_num_threads(threads)


def options(out: Path, pictures: int) -> argparse.Namespace:
    return argparse.Namespace(
        out=out,
        pictures=pictures,
        rows=2,
        workers=0,
        learning_rate=1e-2,
        letters_weight=0.5,
        log_every=2,
        validate_every=100,
        minutes=10,
        save_minutes=10,
    )


def trained(training: Training, batches: TrainingBatches, settings: argparse.Namespace) -> Training:
    train(training, batches, settings, dict)
    return training


def test_a_session_that_stopped_goes_on_to_the_same_weights(
    tiny: str, captions: CaptionVocabulary, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    batches = TrainingBatches(studio, captions, rows=2, ramp=10)
    whole = trained(new_training(tiny, captions), batches, options(tmp_path / "whole", 8))
    # No minutes left: stops after its first batch, and again.
    hurried = options(tmp_path / "halves", 8)
    hurried.minutes = 0
    trained(new_training(tiny, captions), batches, hurried)
    resumed = load_training(tmp_path / "halves" / "checkpoint.pt", captions)
    assert resumed.step == 1
    trained(resumed, batches, options(tmp_path / "halves", 8))
    assert resumed.step == whole.step == 4
    for name, weight in whole.eyes.state_dict().items():
        assert torch.equal(weight, resumed.eyes.state_dict()[name]), name


def test_steps_on_a_batch_lower_its_losses(tiny: str, captions: CaptionVocabulary, studio: Studio) -> None:
    batch = TrainingBatches(studio, captions, rows=4, ramp=0)[0]
    training = new_training(tiny, captions)
    losses = [train_step(training, batch, rate=2e-3, letters_weight=0.5) for _ in range(30)]
    for name in ("caption", "letters"):
        assert losses[-1][name] < 0.7 * losses[0][name], name


def test_rows_of_a_killed_session_past_its_checkpoint_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    for step in (50, 100, 150):
        train_tower.log_row(file, {"step": step, "caption": 1.5})
    keep_rows(file, 100)
    train_tower.log_row(file, {"step": 150, "caption": 1.25})
    with file.open(encoding="utf-8") as stream:
        assert [(row["step"], row["caption"]) for row in csv.DictReader(stream)] == [
            ("50", "1.5"),
            ("100", "1.5"),
            ("150", "1.25"),
        ]


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, 2000, 1.0) for step in range(2000)]
    assert rates[0] < 0.01
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.05, abs=1e-3)
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)

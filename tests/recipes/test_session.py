"""A session: its schedule, its log, and what a step draws."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from embedded_vision.session import CHECKPOINT, LOG, Schedule, Session, keep_rows, log_row

COLUMNS = ("step", "pictures", "rate", "total", "drawn", "pictures_per_second", "share")


class OneWeight:
    """The smallest thing that can be trained."""

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.optimizer: Any = torch.optim.SGD([self.weight], lr=1.0)
        self.step = 0

    def save(self, file: Path) -> None:
        torch.save(self.step, file)

    def losses_of(self, batch: int) -> dict[str, torch.Tensor]:
        drawn = torch.rand(())
        return {"total": self.weight.square().sum() * drawn, "drawn": drawn}


def run(training: OneWeight, out: Path, steps: int, minutes: float = 10) -> list[dict[str, str]]:
    """Train up to a step; the rows of the log."""
    out.mkdir(exist_ok=True)
    Session(out, COLUMNS, minutes, rows=3, log_every=1, validate_every=2).run(
        training,
        range(training.step, steps),
        training.losses_of,
        Schedule(steps, 0.1, warmup=1),
        lambda: {"share": 0.5},
    )
    with (out / LOG).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_session_ends_by_its_steps_or_its_minutes_and_saves(tmp_path: Path) -> None:
    training = OneWeight()
    assert len(run(training, tmp_path, steps=4, minutes=0)) == 1
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True) == training.step == 1
    rows = run(training, tmp_path, steps=4)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True) == training.step == 4
    assert [row["pictures"] for row in rows] == ["3", "6", "9", "12"]
    # The last step of a session is measured in any case.
    assert [row["share"] for row in rows] == ["0.5", "0.5", "", "0.5"]
    assert training.weight.item() < 1


def test_what_a_step_draws_follows_from_its_number(tmp_path: Path) -> None:
    whole = run(OneWeight(), tmp_path / "whole", steps=4)
    training = OneWeight()
    run(training, tmp_path / "halves", steps=4, minutes=0)
    torch.rand(7)  # what happens between sessions changes nothing
    halves = run(training, tmp_path / "halves", steps=4)
    assert [row["drawn"] for row in halves] == [row["drawn"] for row in whole]
    assert len({row["drawn"] for row in whole}) == 4


def test_rows_of_a_killed_session_past_its_checkpoint_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / LOG
    for step in (50, 100, 150):
        log_row(file, COLUMNS, {"step": step, "total": 1.5})
    keep_rows(file, 100)
    log_row(file, COLUMNS, {"step": 150, "total": 1.25})
    with file.open(encoding="utf-8") as stream:
        assert [(row["step"], row["total"]) for row in csv.DictReader(stream)] == [
            ("50", "1.5"),
            ("100", "1.5"),
            ("150", "1.25"),
        ]


def test_a_session_that_logged_nothing_yet_has_no_rows_to_drop(tmp_path: Path) -> None:
    keep_rows(tmp_path / LOG, 100)
    assert not (tmp_path / LOG).exists()


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=2000, peak=1.0)
    rates = [schedule.rate(step) for step in range(2000)]
    assert rates[0] < 0.01
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.05, abs=1e-3)
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)

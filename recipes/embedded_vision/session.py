"""A session of training: a loop with a schedule, a log, validation, and an end when its minutes are over."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from levelhead.running import choose_style, show_progress

Row = dict[str, float]
BatchT = TypeVar("BatchT")
LOG = "log.csv"
CHECKPOINT = "checkpoint.pt"
_LAST_RATE = 0.05  # of the peak learning rate
_CLIP = 1.0


class Training(Protocol):
    """What a session changes, of any stage.

    Attributes:
        optimizer: Over the weights that are trained.
        step: Batches done.
    """

    optimizer: Any
    step: int

    def save(self, file: Path) -> None:
        """Write all that a later session needs to go on."""


SHARE = "rate_share"
"""Name of a setting of an optimizer's group: which part of the learning rate it gets; all without it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate of each step.

    Attributes:
        steps: Of all sessions of the stage.
        peak: Highest learning rate.
        warmup: Steps until it is reached.
    """

    steps: int
    peak: float
    warmup: int = 300

    def rate(self, step: int) -> float:
        """Linear warmup, then a cosine down to a small share of the peak."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.peak * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)


@dataclass(frozen=True, slots=True)
class Session:
    """Settings of a session.

    Attributes:
        out: Folder of the checkpoint and the log.
        columns: Of the log.
        minutes: How long it may take.
        rows: Pictures in a batch.
        log_every: Steps between rows of the log.
        validate_every: Steps between validations.
        save_minutes: Minutes between checkpoints.
    """

    out: Path
    columns: tuple[str, ...]
    minutes: float
    rows: int
    log_every: int = 50
    validate_every: int = 1000
    save_minutes: float = 5

    def run(
        self,
        training: Training,
        batches: Iterable[BatchT],
        losses_of: Callable[[BatchT], dict[str, torch.Tensor]],
        schedule: Schedule,
        validate: Callable[[], Row],
    ) -> None:
        """Train until the minutes or the steps are used up; save at the end and on the way.

        Args:
            training: Changed in place.
            batches: Those of the steps that are left.
            losses_of: The losses of a batch; the one named `total` is lowered.
            schedule: The learning rate.
            validate: Measures; its numbers go to the log.
        """
        begin = saved = time.monotonic()
        window = _Window(training.step)
        left = schedule.steps - training.step
        with show_progress(f"from step {training.step}", total=left, held=0, style=choose_style()) as advance:
            for batch in batches:
                rate = schedule.rate(training.step)
                # What a step draws follows from its number, so that a session that goes on draws the same.
                torch.manual_seed(training.step)
                window.add(train_step(training, losses_of(batch), rate))
                advance(1)
                now = time.monotonic()
                last = training.step == schedule.steps or now - begin > 60 * self.minutes
                if training.step % self.log_every == 0 or last:
                    row = window.row(training.step, self.rows) | {"rate": round(rate, 7)}
                    row |= validate() if training.step % self.validate_every == 0 or last else {}
                    log_row(self.out / LOG, self.columns, row)
                    window = _Window(training.step)
                if last or now - saved > 60 * self.save_minutes:
                    training.save(self.out / CHECKPOINT)
                    saved = time.monotonic()
                if last:
                    break


@dataclass(slots=True)
class _Window:
    """Losses since the last row of the log."""

    first: int
    begin: float = field(default_factory=time.monotonic)
    sums: Row = field(default_factory=dict)

    def add(self, losses: Row) -> None:
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def row(self, step: int, rows: int) -> Row:
        """Their means, and the speed."""
        count = step - self.first
        speed = count * rows / (time.monotonic() - self.begin)
        means = {name: round(value / count, 4) for name, value in self.sums.items()}
        return {"step": step, "pictures": step * rows, **means, "pictures_per_second": round(speed, 2)}


def trained_by(optimizer: Any) -> Sequence[torch.Tensor]:
    """The weights that an optimizer changes."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def train_step(training: Training, losses: dict[str, torch.Tensor], rate: float) -> Row:
    """Lower the loss named `total`; returns all of them as numbers."""
    for group in training.optimizer.param_groups:
        group["lr"] = rate * group.get(SHARE, 1.0)
    training.optimizer.zero_grad()
    losses["total"].backward()
    nn.utils.clip_grad_norm_(trained_by(training.optimizer), _CLIP)
    training.optimizer.step()
    training.step += 1
    return {name: value.item() for name, value in losses.items()}


def log_row(file: Path, columns: tuple[str, ...], row: Row) -> None:
    """Append a row; what it lacks of the columns stays empty."""
    is_new = not file.is_file()
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(" ".join(f"{name}={value:g}" for name, value in row.items()), flush=True)


def keep_rows(file: Path, step: int) -> None:
    """Drop rows past a step: a killed session wrote them after its last checkpoint, and they come again."""
    if not file.is_file():
        return
    with file.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        columns = reader.fieldnames or []
        rows = [row for row in reader if int(float(row["step"])) <= step]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)

"""Stage 2: tower and projector learn to say the signs of a picture. The language model takes no part.

Many pictures are pages full of words or mosaics of pictograms, so that a picture teaches many letters or
names. Batches are small, because with more steps the same pictures teach more. A session
lasts `--minutes`; the next one with the same `--out` goes on where it stopped, with the same pictures and the
same schedule as one long session would have had.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from embedded_vision.data import (
    TrainingBatches,
    drawn_ahead,
    known_phrases,
    untrained_signs,
)
from embedded_vision.measure import SETS, measure, validation_sets
from embedded_vision.session import CHECKPOINT, LOG, Schedule, keep_rows
from embedded_vision.stage import open_session, run_alone, stage_parser, training_studio
from embedded_vision.state import EyesTraining, embedded_folder, exported_state, read_state, untrained_eyes
from embedded_vision.targets import Batch
from embedded_vision.tower import SIZES, parameters_of

_WEIGHTS = {
    "letters": 1.0,
    "cells": 1.0,
    "icons": 1.0,
    "tokens": 1.0,
    "phrases": 0.5,
    "said": 0.5,
    "distance": 1.0,
}
"""The last three are reached at the end of the ramp: before the tower tells things apart, they disturb."""
_RAMPED = ("phrases", "said", "distance")
_TRAINING_SEED = 1
COLUMNS = (
    "step",
    "pictures",
    "rate",
    "total",
    "letters",
    "cells",
    "icons",
    "tokens",
    "phrases",
    "said",
    "distance",
    "pictures_per_second",
    *SETS,
)


def losses_of(training: EyesTraining, batch: Batch, level: float = 1.0) -> dict[str, torch.Tensor]:
    """The losses of a batch, and the one that is lowered; `level` is how much of the ramp is done."""
    losses: dict[str, torch.Tensor] = training.aim(training.eyes(batch.pixels), batch)
    weights = {name: weight * (level if name in _RAMPED else 1) for name, weight in _WEIGHTS.items()}
    total = torch.stack([weight * losses[name] for name, weight in weights.items()]).sum()
    return losses | {"total": total}


def run(options: argparse.Namespace) -> None:
    """One session."""
    session = open_session(options, COLUMNS, options.rows)
    folder, file = embedded_folder(), options.out / CHECKPOINT
    phrases = known_phrases(folder)
    signs = untrained_signs(folder, phrases)
    training = EyesTraining.begin(*untrained_eyes(options.size, signs), options.size)
    if file.is_file():
        training.resume(file)
        keep_rows(options.out / LOG, training.step)
    elif options.begin_with:
        training.start_from(exported_state(options.begin_with))
    if options.signs is not None:
        # They may have been learned further since the last session.
        signs.load_state_dict(read_state(options.signs)["signs"])
    print(
        f"{training.size}: {parameters_of(training.eyes) / 1e6:.2f} M weights, {len(phrases)} tokens of "
        f"phrases, step {training.step}"
    )
    studio = training_studio(options.pictograms, options.seed)
    batches = TrainingBatches(studio, phrases, options.rows, options.ramp)
    sets = validation_sets(folder, options.pictograms, options.validation_rows)
    schedule = Schedule(options.pictures // options.rows, options.learning_rate)
    session.run(
        training,
        drawn_ahead(batches, training.step, schedule.steps, options.workers),
        lambda batch: losses_of(training, batch, batches.level(training.step)),
        schedule,
        lambda: measure(training.eyes, training.aim, phrases, sets),
    )


def main() -> None:
    """Read the command line."""
    parser = stage_parser(__doc__, _TRAINING_SEED)
    parser.add_argument("--signs", type=Path, help="checkpoint of stage 1, whose signs are learned")
    parser.add_argument("--size", choices=SIZES, default="medium", help="of the tower")
    parser.add_argument("--pictures", type=int, default=200_000, help="of all sessions; the schedule's end")
    parser.add_argument("--ramp", type=int, default=40_000, help="pictures until the hardest ones come")
    parser.set_defaults(
        rows=16, learning_rate=2e-3, workers=1, log_every=100, validate_every=500, validation_rows=150
    )
    run(parser.parse_args())


if __name__ == "__main__":
    run_alone(main)

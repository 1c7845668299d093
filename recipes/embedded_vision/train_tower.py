"""Stage 1: tower and projector learn to emit a picture's caption as input embeddings.

The language model never runs. A session lasts `--minutes`; the next one with the same `--out` goes on where
it stopped, with the same pictures and the same schedule as one long session would have had.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import Batch, TrainingBatches, tokenizer_vocabulary
from embedded_vision.fonts import TRAIN_FONTS
from embedded_vision.measure import SETS, measure, validation_sets
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.session import LOG, Schedule, Session, keep_rows
from embedded_vision.state import (
    CHECKPOINT,
    METHODS,
    Training,
    embedded_folder,
    load_training,
    new_training,
    next_stage,
)
from embedded_vision.tower import SIZES, parameters_of
from embedded_vision.words import word_lists

_DISTANCE_WEIGHT = 0.5
_TRAINING_SEED = 1
COLUMNS = (
    "step",
    "pictures",
    "rate",
    "total",
    "caption",
    "distance",
    "letters",
    "pictures_per_second",
    *SETS,
)


def losses_of(training: Training, batch: Batch, letters_weight: float) -> dict[str, torch.Tensor]:
    """The losses of a batch, and the one that is lowered."""
    pixels, targets, letters = batch
    emitted, patches = training.eyes(pixels)
    losses: dict[str, torch.Tensor] = training.aim(emitted, patches, targets, letters)
    total = losses["caption"] + _DISTANCE_WEIGHT * losses["distance"] + letters_weight * losses["letters"]
    return losses | {"total": total}


def run(options: argparse.Namespace) -> None:
    """One session."""
    # Training and drawing share the cores; threads that wait must sleep.
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    folder, file = embedded_folder(), options.out / CHECKPOINT
    captions = CaptionVocabulary(folder / "tokenizer.json")
    if file.is_file():
        training = load_training(file, captions)
        keep_rows(options.out / LOG, training.step)
    elif options.start is not None:
        training = next_stage(options.start, captions, "all")
    else:
        training = new_training(options.size, captions, options.method)
    print(
        f"{training.size}: {parameters_of(training.eyes) / 1e6:.2f} M weights, {len(captions)} caption "
        f"pieces, step {training.step}"
    )
    known, _ = word_lists(tokenizer_vocabulary(folder))
    studio = Studio(known, TRAIN_FONTS, load_pictograms(options.pictograms, TRAIN_SETS), _TRAINING_SEED)
    batches = TrainingBatches(studio, captions, options.rows, options.ramp)
    sets = validation_sets(folder, options.pictograms, options.validation_rows)
    schedule = Schedule(options.pictures // options.rows, options.learning_rate)
    session = Session(
        options.out,
        COLUMNS,
        options.minutes,
        options.rows,
        options.log_every,
        options.validate_every,
        options.save_minutes,
    )
    session.run(
        training,
        batches.loader(training.step, schedule.steps, options.workers),
        lambda batch: losses_of(training, batch, options.letters_weight),
        schedule,
        lambda: measure(training.eyes, training.aim, captions, sets),
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint of stage 0")
    parser.add_argument("--size", choices=SIZES, default="large", help="of a new tower without a stage 0")
    parser.add_argument("--method", choices=METHODS, default="muon", help="optimizer of a new tower")
    parser.add_argument("--minutes", type=float, required=True, help="how long this session may take")
    parser.add_argument("--pictures", type=int, default=1_500_000, help="of all sessions; the schedule's end")
    parser.add_argument("--ramp", type=int, default=300_000, help="pictures until the hardest ones come")
    parser.add_argument("--rows", type=int, default=64, help="pictures in a batch")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--letters-weight", type=float, default=0.5, help="0 leaves the letters' loss out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--validate-every", type=int, default=1000)
    parser.add_argument("--validation-rows", type=int, default=200)
    parser.add_argument("--save-minutes", type=float, default=5)
    run(parser.parse_args())


if __name__ == "__main__":
    # Read by OpenMP when its first thread starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()

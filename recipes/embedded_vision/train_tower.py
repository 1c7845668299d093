"""Stage 1: tower and projector learn to emit a picture's caption as input embeddings.

The language model never runs. A session lasts `--minutes`; the next one with the same `--out` goes on where
it stopped, with the same pictures and the same schedule as one long session would have had.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import Batch, TrainingBatches, tokenizer_vocabulary
from embedded_vision.fonts import TRAIN_FONTS
from embedded_vision.measure import measure, validation_sets
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.state import Training, embedded_folder, load_training, new_training
from embedded_vision.tower import SIZES, parameters_of
from embedded_vision.words import word_lists

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
_WARMUP_STEPS = 300
_LAST_RATE = 0.05  # of the peak learning rate
_CLIP = 1.0
_DISTANCE_WEIGHT = 0.5
_TRAINING_SEED = 1
_COLUMNS = [
    "step",
    "pictures",
    "rate",
    "caption",
    "distance",
    "letters",
    "pictures_per_second",
    "known_words_unseen_fonts",
    "unseen_words",
    "pictograms_unseen_set",
    "pictograms_seen_sets",
    "shapes",
    "scenes",
    "bank",
]
Row = dict[str, float]


def learning_rate(step: int, total: int, peak: float) -> float:
    """Linear warmup, then a cosine down to a small share of the peak."""
    if step < _WARMUP_STEPS:
        return peak * (step + 1) / _WARMUP_STEPS
    done = min(1.0, (step - _WARMUP_STEPS) / max(1, total - _WARMUP_STEPS))
    return peak * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)


def train_step(training: Training, batch: Batch, rate: float, letters_weight: float) -> dict[str, float]:
    """One batch; returns its losses."""
    pixels, targets, letters = batch
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    emitted, patches = training.eyes(pixels)
    losses = training.aim(emitted, patches, targets, letters)
    loss = losses["caption"] + _DISTANCE_WEIGHT * losses["distance"] + letters_weight * losses["letters"]
    training.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(training.eyes.parameters(), _CLIP)
    training.optimizer.step()
    training.step += 1
    return {name: value.item() for name, value in losses.items()}


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
    else:
        training = new_training(options.size, captions)
    print(
        f"{training.size}: {parameters_of(training.eyes) / 1e6:.2f} M weights, {len(captions)} caption "
        f"pieces, step {training.step}"
    )
    known, _ = word_lists(tokenizer_vocabulary(folder))
    studio = Studio(known, TRAIN_FONTS, load_pictograms(options.pictograms, TRAIN_SETS), _TRAINING_SEED)
    batches = TrainingBatches(studio, captions, options.rows, options.ramp)
    sets = validation_sets(folder, options.pictograms, options.validation_rows)
    train(
        training,
        batches,
        options,
        lambda: measure(training.eyes, training.aim, captions, sets),
    )


def train(
    training: Training,
    batches: TrainingBatches,
    options: argparse.Namespace,
    validate: Callable[[], Row],
) -> None:
    """Train until the minutes or the pictures are used up; save at the end and on the way."""
    total = options.pictures // options.rows
    begin = saved = time.monotonic()
    sums: Row = {}
    since, since_step = begin, training.step
    for batch in batches.loader(training.step, total, options.workers):
        rate = learning_rate(training.step, total, options.learning_rate)
        for name, value in train_step(training, batch, rate, options.letters_weight).items():
            sums[name] = sums.get(name, 0.0) + value
        now = time.monotonic()
        last = training.step == total or now - begin > 60 * options.minutes
        if training.step % options.log_every == 0 or last:
            count = training.step - since_step
            row: Row = {
                "step": training.step,
                "pictures": training.step * options.rows,
                "rate": round(rate, 7),
            }
            row |= {name: round(value / count, 4) for name, value in sums.items()}
            row["pictures_per_second"] = round(count * options.rows / (now - since), 1)
            row |= validate() if training.step % options.validate_every == 0 or last else {}
            log_row(options.out / LOG, row)
            sums, since, since_step = {}, time.monotonic(), training.step
        if last or now - saved > 60 * options.save_minutes:
            training.save(options.out / CHECKPOINT)
            saved = time.monotonic()
        if last:
            break


def log_row(file: Path, row: Row) -> None:
    """Append a row; what it lacks of the columns stays empty."""
    is_new = not file.is_file()
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(" ".join(f"{name}={value:g}" for name, value in row.items()), flush=True)


def keep_rows(file: Path, step: int) -> None:
    """Drop rows past a step: a killed session wrote them after its last checkpoint, and they come again."""
    if not file.is_file():
        return
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if int(float(row["step"])) <= step]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--size", choices=SIZES, default="large", help="of a new tower")
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

"""Stage 0: the lower half of the tower learns which letters stand in each patch, on pages full of them.

A picture has three letters, a page forty, so that reading begins with a tenth of the pictures; and half of
the tower costs half. A session lasts `--minutes`; the next one with the same `--out` goes on.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import Dataset

from embedded_vision.data import (
    drawn_ahead,
    known_phrases,
    pixels_of,
    tokenizer_vocabulary,
    untrained_signs,
)
from embedded_vision.fonts import HELD_OUT_FONTS, TRAIN_FONTS
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.session import CHECKPOINT, LOG, Row, Schedule, Session, keep_rows
from embedded_vision.signs import patch_letters
from embedded_vision.state import EyesTraining, embedded_folder, untrained_eyes
from embedded_vision.tower import SIZES, middle_states
from embedded_vision.words import word_lists

Page = tuple[torch.Tensor, torch.Tensor]
"""Pixels uint8 (B, 3, SIDE, SIDE), letters (B, POSITIONS, LETTERS_IN_PATCH)."""
_TRAINING_SEED, _VALIDATION_SEED = 2, 30_000
_VALIDATION_PAGES = 64
COLUMNS = ("step", "pictures", "rate", "total", "letters", "pictures_per_second", "read", "read_unseen_fonts")


@dataclass(frozen=True, slots=True)
class Pages(Dataset[Page]):  # type: ignore[misc]
    """Batch number i of pages.

    Attributes:
        studio: Draws.
        rows: Pages in a batch.
        ramp: Number of pages over which they go from easy to everything.
    """

    studio: Studio
    rows: int
    ramp: int

    def __getitem__(self, step: int) -> Page:
        first = step * self.rows
        level = min(1.0, first / self.ramp) if self.ramp else 1.0
        pages = [self.studio.page(number, difficulty=level) for number in range(first, first + self.rows)]
        return (
            pixels_of([page.image for page in pages]),
            torch.tensor([patch_letters(page.letters) for page in pages]),
        )


def losses_of(training: EyesTraining, page: Page) -> dict[str, torch.Tensor]:
    """The loss of a batch, under two names."""
    pixels, letters = page
    found = training.aim.letters_loss(middle_states(training.eyes, pixels), letters)
    return {"letters": found, "total": found}


def share_read(training: EyesTraining, pages: Page) -> float:
    """Share of the letters that are told right, at their place in their patch."""
    pixels, letters = pages
    with torch.no_grad():
        told = training.aim.letters_told(middle_states(training.eyes, pixels))
    there = letters != 0
    return float((told[there] == letters[there]).float().mean())


def run(options: argparse.Namespace) -> None:
    """One session."""
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    folder, file = embedded_folder(), options.out / CHECKPOINT
    eyes, aim = untrained_eyes(options.size, untrained_signs(folder, known_phrases(folder)))
    training = EyesTraining.begin(eyes, aim, options.size)
    if file.is_file():
        training.resume(file)
        keep_rows(options.out / LOG, training.step)
    known, unseen = word_lists(tokenizer_vocabulary(folder))
    pictograms = load_pictograms(options.pictograms, TRAIN_SETS)
    pages = Pages(Studio(known, TRAIN_FONTS, pictograms, _TRAINING_SEED), options.rows, options.ramp)
    tested = {
        "read": Pages(Studio(unseen, TRAIN_FONTS, pictograms, _VALIDATION_SEED), _VALIDATION_PAGES, 0)[0],
        "read_unseen_fonts": Pages(
            Studio(unseen, HELD_OUT_FONTS, pictograms, _VALIDATION_SEED), _VALIDATION_PAGES, 0
        )[0],
    }

    def validate() -> Row:
        return {name: round(share_read(training, found), 4) for name, found in tested.items()}

    schedule = Schedule(options.pictures // options.rows, options.learning_rate)
    session = Session(
        options.out, COLUMNS, options.minutes, options.rows, options.log_every, options.validate_every
    )
    session.run(
        training,
        drawn_ahead(pages, training.step, schedule.steps, options.workers),
        lambda page: losses_of(training, page),
        schedule,
        validate,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--size", choices=SIZES, default="medium", help="of the tower")
    parser.add_argument("--minutes", type=float, required=True, help="how long this session may take")
    parser.add_argument("--pictures", type=int, default=100_000, help="of all sessions; the schedule's end")
    parser.add_argument("--ramp", type=int, default=40_000, help="pages until the hardest ones come")
    parser.add_argument("--rows", type=int, default=64, help="pages in a batch")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=25)
    parser.add_argument("--validate-every", type=int, default=100)
    run(parser.parse_args())


if __name__ == "__main__":
    # Read by OpenMP when its first thread starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()

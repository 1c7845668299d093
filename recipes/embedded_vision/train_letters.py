"""Stage 0: the lower half of the tower learns which letters stand in each patch, on pages full of them.

A picture has three letters, a page forty, so that reading begins with a tenth of the pictures; and half of
the tower costs half. A session lasts `--minutes`; the next one with the same `--out` goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

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
from embedded_vision.session import CHECKPOINT, LOG, Row, Schedule, keep_rows
from embedded_vision.signs import patch_letters
from embedded_vision.stage import open_session, run_alone, stage_parser, training_studio
from embedded_vision.state import EyesTraining, embedded_folder, untrained_eyes
from embedded_vision.tower import SIZES, middle_states
from embedded_vision.words import word_lists

Page = tuple[torch.Tensor, torch.Tensor]
"""Pixels uint8 (B, 3, SIDE, SIDE), letters (B, POSITIONS, LETTERS_IN_PATCH)."""
_TRAINING_SEED, _VALIDATION_SEED = 2, 30_000
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
    session = open_session(options, COLUMNS, options.rows)
    folder, file = embedded_folder(), options.out / CHECKPOINT
    eyes, aim = untrained_eyes(options.size, untrained_signs(folder, known_phrases(folder)))
    training = EyesTraining.begin(eyes, aim, options.size)
    if file.is_file():
        training.resume(file)
        keep_rows(options.out / LOG, training.step)
    pages = Pages(training_studio(options.pictograms, _TRAINING_SEED), options.rows, options.ramp)
    _, unseen = word_lists(tokenizer_vocabulary(folder))
    pictograms = load_pictograms(options.pictograms, TRAIN_SETS)
    fonts = {"read": TRAIN_FONTS, "read_unseen_fonts": HELD_OUT_FONTS}
    tested = {
        name: Pages(Studio(unseen, some, pictograms, _VALIDATION_SEED), options.validation_rows, 0)[0]
        for name, some in fonts.items()
    }

    def validate() -> Row:
        return {name: round(share_read(training, found), 4) for name, found in tested.items()}

    schedule = Schedule(options.pictures // options.rows, options.learning_rate)
    session.run(
        training,
        drawn_ahead(pages, training.step, schedule.steps, options.workers),
        lambda page: losses_of(training, page),
        schedule,
        validate,
    )


def main() -> None:
    """Read the command line."""
    parser = stage_parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="medium", help="of the tower")
    parser.add_argument("--pictures", type=int, default=100_000, help="of all sessions; the schedule's end")
    parser.add_argument("--ramp", type=int, default=40_000, help="pages until the hardest ones come")
    parser.set_defaults(
        rows=64,
        learning_rate=2e-3,
        threads=2,
        workers=1,
        log_every=25,
        validate_every=100,
        validation_rows=64,
    )
    run(parser.parse_args())


if __name__ == "__main__":
    run_alone(main)

"""Stage 1: the language model learns to read signs, through a low-rank adapter, from perfect eyes.

No picture is looked at: the drawing knows where each letter stands, and that is what the eyes would say,
unsure as they are near the edges of patches. With `--eyes`, real ones look, and the adapter alone learns, so
that it gets used to what they mistake; stage 2 may go on meanwhile. A session lasts `--minutes`; the next one
with the same `--out` goes on.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from embedded_vision.answer_data import Lessons
from embedded_vision.data import (
    drawn_ahead,
    known_phrases,
    pixels_of,
    said_beside_letters,
    tokenizer_vocabulary,
    untrained_signs,
)
from embedded_vision.fonts import TRAIN_FONTS
from embedded_vision.lettering import Letter
from embedded_vision.packing import ChatTokens, Pack, pack
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Picture, Studio
from embedded_vision.plain_questions import own_answers, plain_questions
from embedded_vision.questions import Examiner, main_questions
from embedded_vision.reader import Reader
from embedded_vision.session import CHECKPOINT, LOG, Row, Schedule, keep_rows
from embedded_vision.signs import Phrases, Signs, patch_letters
from embedded_vision.stage import open_session, run_alone, stage_parser, training_studio
from embedded_vision.state import (
    ReaderTraining,
    embedded_folder,
    exported_state,
    read_state,
    untrained_eyes,
)
from embedded_vision.words import word_lists

OWN_ANSWERS = "own_answers.json"
_TRAINING_SEED, _VALIDATION_SEED = 3, 40_000
_WARMUP_STEPS = 20
_PARAGRAPH_EVERY = 3
_DRAWS, _UNSURE_PIXELS = 4, 3.0
_TESTED = {"known_words": "words", "unseen_words": "words", "pictograms": "pictogram", "shapes": "shapes"}
COLUMNS = ("step", "pictures", "rate", "total", "answer", "right", "pictures_per_second", *_TESTED)


class SignBatch(NamedTuple):
    """What eyes see, and questions about it.

    Attributes:
        letters: (B, draws, POSITIONS, LETTERS_IN_PATCH); several draws if the eyes are unsure.
        phrases: (B, POSITIONS).
        pixels: uint8 (B, 3, INPUT_SIDE, INPUT_SIDE), for real eyes.
        questions: About each picture.
    """

    letters: torch.Tensor
    phrases: torch.Tensor
    pixels: torch.Tensor
    questions: Pack


@dataclass(frozen=True, slots=True)
class SignBatches(Dataset[SignBatch]):  # type: ignore[misc]
    """Batch number i: one third paragraphs that are read out, the others pictures of all kinds.

    Attributes:
        studio: Draws.
        phrases: What is said beside letters.
        chat: Turns questions into tokens.
        lessons: Asks.
        rows: Pictures in a batch.
        ramp: Number of batches over which they go from easy to everything.
    """

    studio: Studio
    phrases: Phrases
    chat: ChatTokens
    lessons: Lessons
    rows: int
    ramp: int

    def __getitem__(self, step: int) -> SignBatch:
        pictures, questions = [], []
        level = min(1.0, step / self.ramp) if self.ramp else 1.0
        for number in range(step * self.rows, (step + 1) * self.rows):
            rng = random.Random(f"{self.studio.seed}/{number}")
            if number % _PARAGRAPH_EVERY == 0:
                picture = self.studio.paragraph(number, difficulty=level)
                asked = self.lessons.reading(picture.facts, rng)
            else:
                picture = self.studio.picture(number, difficulty=level * rng.random() ** 0.4)
                asked = self.lessons.of(picture.facts, rng)
            pictures.append(picture)
            questions.append([self.chat.branch(one) for one in asked])
        return sign_batch(
            pictures, self.phrases, pack(questions), random.Random(f"{self.studio.seed}/{step}")
        )


def sign_batch(
    pictures: list[Picture], phrases: Phrases, questions: Pack, rng: random.Random | None = None
) -> SignBatch:
    """What perfect eyes see of some pictures.

    Args:
        pictures: The pictures.
        phrases: What is said beside letters.
        questions: About the pictures.
        rng: If given, the eyes are as unsure as real ones in which of two patches a letter near their edge
            stands: each letter is moved a little, several times.
    """
    seen = [
        [patch_letters(moved(picture.letters, rng)) for _ in range(_DRAWS)]
        if rng
        else [patch_letters(picture.letters)]
        for picture in pictures
    ]
    return SignBatch(
        torch.tensor(seen),
        torch.tensor([said_beside_letters(picture, phrases) for picture in pictures]),
        pixels_of([picture.image for picture in pictures]),
        questions,
    )


def moved(letters: Sequence[Letter], rng: random.Random) -> list[Letter]:
    """The letters, each a few pixels from where it stands."""
    return [
        replace(
            letter,
            x=letter.x + rng.uniform(-_UNSURE_PIXELS, _UNSURE_PIXELS),
            y=letter.y + rng.uniform(-_UNSURE_PIXELS, _UNSURE_PIXELS),
        )
        for letter in letters
    ]


class PerfectEyes:
    """What eyes would say that make no mistake but are unsure near the edges of patches.

    Args:
        signs: What they say it in.
    """

    def __init__(self, signs: Signs) -> None:
        self._signs = signs

    def __call__(self, batch: SignBatch) -> torch.Tensor:
        """What they say, (B, POSITIONS, embedding size).

        Eyes that learned by squared distance say the mean of what may be right, so this is the mean of the
        draws.
        """
        rows, draws = batch.letters.shape[:2]
        phrases = batch.phrases.repeat_interleave(draws, dim=0)
        drawn: torch.Tensor = self._signs(batch.letters.flatten(0, 1), phrases)
        return drawn.unflatten(0, (rows, draws)).mean(dim=1)


class RealEyes:
    """What the eyes of a checkpoint say; read anew whenever stage 2 has written it again.

    Args:
        file: The checkpoint.

    Raises:
        SystemExit: If there is none.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise SystemExit(f"There is no {file}; give --eyes a checkpoint of stage 2.")
        self._file = file
        self._read()

    def _read(self) -> None:
        self._written_at = self._file.stat().st_mtime
        state = read_state(self._file)
        signs = untrained_signs(embedded_folder(), known_phrases(embedded_folder()))
        self._eyes, _ = untrained_eyes(state["size"], signs)
        self._eyes.load_state_dict(state["eyes"])
        self._eyes.eval()

    def __call__(self, batch: SignBatch) -> torch.Tensor:
        """What they say, (B, POSITIONS, embedding size), without gradients."""
        if self._file.stat().st_mtime != self._written_at:
            self._read()
        with torch.no_grad():
            return self._eyes(batch.pixels).emitted


Look = Callable[[SignBatch], torch.Tensor]
"""What eyes say of a batch, (B, POSITIONS, embedding size)."""


def losses_of(training: ReaderTraining, look: Look, batch: SignBatch) -> dict[str, torch.Tensor]:
    """The loss of a batch, and the share of right answers."""
    reading = training.reader.read(look(batch), batch.questions)
    hits = [hit for row in reading.is_right for hit in row]
    return {"answer": reading.loss, "total": reading.loss, "right": torch.tensor(sum(hits) / len(hits))}


def tested_batches(phrases: Phrases, chat: ChatTokens, pictograms: Path, rows: int) -> dict[str, SignBatch]:
    """Pictures that are never trained on, with their main questions."""
    known, unseen = word_lists(tokenizer_vocabulary(embedded_folder()))
    icons = load_pictograms(pictograms, TRAIN_SETS)
    batches = {}
    for place, (name, kind) in enumerate(_TESTED.items()):
        words = unseen if name.startswith("unseen") else known
        studio = Studio(words, TRAIN_FONTS, icons, _VALIDATION_SEED + place)
        pictures = [studio.picture(number, kind=kind) for number in range(rows)]
        asked = [[chat.branch(one) for one in main_questions(picture.facts)] for picture in pictures]
        batches[name] = sign_batch(pictures, phrases, pack(asked))
    return batches


def validate(training: ReaderTraining, look: Look, tested: dict[str, SignBatch]) -> Row:
    """Share of the main questions that greedy decoding would answer exactly."""
    shares = {}
    with torch.no_grad():
        for name, batch in tested.items():
            reading = training.reader.read(look(batch), batch.questions)
            hits = [hit for row in reading.is_right for hit in row]
            shares[name] = round(sum(hits) / len(hits), 4)
    return shares


def lessons_of(out: Path, pictograms: Path, count: int) -> Lessons:
    """What is asked in training."""
    known, _ = word_lists(tokenizer_vocabulary(embedded_folder()))
    names = tuple(name for name, *_ in load_pictograms(pictograms, TRAIN_SETS).places)
    plain = own_answers(out / OWN_ANSWERS, plain_questions(known, names))
    return Lessons(Examiner(known, names), plain, count)


def run(options: argparse.Namespace) -> None:
    """One session."""
    session = open_session(options, COLUMNS, options.rows)
    folder, file = embedded_folder(), options.out / CHECKPOINT
    phrases, chat = known_phrases(folder), ChatTokens(folder)
    torch.manual_seed(0)
    training = ReaderTraining.begin(untrained_signs(folder, phrases), Reader(folder, chat.head))
    if file.is_file():
        training.resume(file)
        keep_rows(options.out / LOG, training.step)
    elif options.begin_with:
        training.start_from(exported_state(options.begin_with))
    studio = training_studio(options.pictograms, options.seed)
    lessons = lessons_of(options.out, options.pictograms, options.questions)
    batches = SignBatches(studio, phrases, chat, lessons, options.rows, options.ramp)
    tested = tested_batches(phrases, chat, options.pictograms, options.validation_rows)
    schedule = Schedule(options.steps, options.learning_rate, _WARMUP_STEPS)
    look = RealEyes(options.eyes) if options.eyes else PerfectEyes(training.signs)
    session.run(
        training,
        drawn_ahead(batches, training.step, schedule.steps, options.workers),
        lambda batch: losses_of(training, look, batch),
        schedule,
        lambda: validate(training, look, tested),
    )


def main() -> None:
    """Read the command line."""
    parser = stage_parser(__doc__, _TRAINING_SEED)
    parser.add_argument("--eyes", type=Path, help="checkpoint of stage 2: real eyes in place of perfect ones")
    parser.add_argument("--steps", type=int, default=500, help="of all sessions; the schedule's end")
    parser.add_argument("--ramp", type=int, default=150, help="steps until the hardest pictures come")
    parser.add_argument("--questions", type=int, default=1, help="for each picture that is no paragraph")
    parser.set_defaults(
        rows=8,
        learning_rate=1e-3,
        workers=0,
        log_every=10,
        validate_every=50,
        validation_rows=24,
        save_minutes=3,
    )
    run(parser.parse_args())


if __name__ == "__main__":
    run_alone(main)

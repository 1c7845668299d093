"""Stages 2 and 3: the eyes learn to emit what the frozen language model needs in order to answer.

Its answers to questions about pictures are scored, and only what the eyes emit can change them. Stage 2
trains the projector, stage 3 everything. Both go on with the losses of stage 1, on more pictures than are
asked about. A session lasts `--minutes`, and the next one with the same `--out` goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from embedded_vision.answer_data import AnswerBatch, AnswerBatches, Lessons
from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import pixels_of, tokenizer_vocabulary
from embedded_vision.fonts import TRAIN_FONTS
from embedded_vision.measure import SETS, Trial, measure, validation_sets
from embedded_vision.packing import ChatTokens, pack
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.plain_questions import own_answers, plain_questions
from embedded_vision.questions import Examiner, main_questions
from embedded_vision.reader import Reader
from embedded_vision.session import LOG, Row, Schedule, Session, keep_rows
from embedded_vision.state import CHECKPOINT, PARTS, Training, embedded_folder, load_training, next_stage
from embedded_vision.words import word_lists

OWN_ANSWERS = "own_answers.json"
_TRAINING_SEED = 2
_LETTERS_WEIGHT = 0.5
_WARMUP_STEPS = 50
_VALIDATION_BATCH = 8
COLUMNS = (
    "step",
    "pictures",
    "rate",
    "total",
    "answer",
    "right",
    "caption",
    "distance",
    "letters",
    "pictures_per_second",
    *SETS,
    *(f"answers_{name}" for name in SETS),
)


def losses_of(
    training: Training, reader: Reader, batch: AnswerBatch, direct_weight: float
) -> dict[str, torch.Tensor]:
    """The losses of a batch, the share of right answers, and the loss that is lowered."""
    emitted, patches = training.eyes(batch.pixels)
    reading = reader.read(emitted[: len(batch.questions.tokens)], batch.questions)
    losses: dict[str, torch.Tensor] = training.aim(
        emitted, patches, batch.targets, batch.letters, fillers=False
    )
    hits = [hit for row in reading.is_right for hit in row]
    # The distance is left out: real embeddings are where the eyes start from, not where they must stay.
    direct = losses["caption"] + _LETTERS_WEIGHT * losses["letters"]
    return losses | {
        "answer": reading.loss,
        "right": torch.tensor(sum(hits) / len(hits)),
        "total": reading.loss + direct_weight * direct,
    }


def answered_shares(
    training: Training, reader: Reader, chat: ChatTokens, sets: dict[str, list[Trial]]
) -> Row:
    """Share of the main questions of each set that greedy decoding would answer exactly."""
    shares = {}
    training.eyes.eval()
    for name, trials in sets.items():
        hits: list[bool] = []
        for at in range(0, len(trials), _VALIDATION_BATCH):
            some = trials[at : at + _VALIDATION_BATCH]
            questions = pack([[chat.branch(one) for one in main_questions(trial.facts)] for trial in some])
            with torch.inference_mode():
                emitted, _ = training.eyes(pixels_of([trial.image for trial in some]))
                hits += [hit for row in reader.read(emitted, questions).is_right for hit in row]
        shares[f"answers_{name}"] = round(sum(hits) / len(hits), 4)
    training.eyes.train()
    return shares


def batches_of(options: argparse.Namespace, captions: CaptionVocabulary, chat: ChatTokens) -> AnswerBatches:
    """The pictures and questions of training."""
    known, _ = word_lists(tokenizer_vocabulary(embedded_folder()))
    pictograms = load_pictograms(options.pictograms, TRAIN_SETS)
    names = tuple(name for name, _ in pictograms.places)
    plain = own_answers(options.out / OWN_ANSWERS, plain_questions(known, names))
    return AnswerBatches(
        Studio(known, TRAIN_FONTS, pictograms, _TRAINING_SEED),
        captions,
        chat,
        Lessons(Examiner(known, names), plain, options.questions),
        options.rows,
        options.direct_rows,
    )


def begin(options: argparse.Namespace, captions: CaptionVocabulary) -> Training:
    """The state to go on from: of this stage if it was begun, else of the one before.

    Raises:
        SystemExit: If there is neither.
    """
    file = options.out / CHECKPOINT
    if file.is_file():
        training = load_training(file, captions)
        keep_rows(options.out / LOG, training.step)
        return training
    if options.start is None:
        raise SystemExit(f"There is no {file}; give --start, the checkpoint of the stage before.")
    return next_stage(options.start, captions, options.part)


def run(options: argparse.Namespace) -> None:
    """One session."""
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    folder = embedded_folder()
    captions = CaptionVocabulary(folder / "tokenizer.json")
    training = begin(options, captions)
    print(f"{training.size}, training {training.part}, step {training.step}")
    chat = ChatTokens(folder, captions)
    reader = Reader(folder, chat.head)
    batches = batches_of(options, captions, chat)
    sets = validation_sets(folder, options.pictograms, options.validation_rows)
    session = Session(
        options.out,
        COLUMNS,
        options.minutes,
        options.rows,
        options.log_every,
        options.validate_every,
        options.save_minutes,
    )
    schedule = Schedule(options.steps, options.learning_rate, _WARMUP_STEPS)
    session.run(
        training,
        batches.loader(training.step, schedule.steps, options.workers),
        lambda batch: losses_of(training, reader, batch, options.direct_weight),
        schedule,
        lambda: (
            measure(training.eyes, training.aim, captions, sets)
            | answered_shares(training, reader, chat, sets)
        ),
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument(
        "--start", type=Path, help="checkpoint of the stage before; read in the first session"
    )
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, default="projector", help="what is trained of the eyes")
    parser.add_argument("--minutes", type=float, required=True, help="how long this session may take")
    parser.add_argument("--steps", type=int, default=1500, help="of all sessions; the schedule's end")
    parser.add_argument("--rows", type=int, default=4, help="pictures in a batch that are asked about")
    parser.add_argument("--questions", type=int, default=5, help="for each of them")
    parser.add_argument("--direct-rows", type=int, default=28, help="further pictures, captions only")
    parser.add_argument("--direct-weight", type=float, default=0.3, help="of the captions' losses")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--validate-every", type=int, default=300)
    parser.add_argument("--validation-rows", type=int, default=48)
    parser.add_argument("--save-minutes", type=float, default=5)
    run(parser.parse_args())


if __name__ == "__main__":
    # Read by OpenMP when its first thread starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()

"""Stage 3: eyes and adapter learn to answer together, so that the reader gets used to what the eyes mistake.

A session lasts `--minutes`, and the next one with the same `--out` goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from embedded_vision.answer_data import AnswerBatch, AnswerBatches
from embedded_vision.data import (
    drawn_ahead,
    known_phrases,
    pixels_of,
    untrained_signs,
)
from embedded_vision.measure import SETS, Trial, measure, validation_sets
from embedded_vision.packing import ChatTokens, pack
from embedded_vision.questions import main_questions
from embedded_vision.reader import Reader
from embedded_vision.session import CHECKPOINT, LOG, Row, Schedule, keep_rows
from embedded_vision.signs import Phrases
from embedded_vision.stage import open_session, run_alone, stage_parser, training_studio
from embedded_vision.state import (
    TogetherTraining,
    embedded_folder,
    exported_state,
    read_state,
    untrained_eyes,
)
from embedded_vision.train_reader import lessons_of

_TRAINING_SEED = 4
_WARMUP_STEPS = 20
_VALIDATION_BATCH = 8
COLUMNS = (
    "step",
    "pictures",
    "rate",
    "total",
    "answer",
    "right",
    "letters",
    "cells",
    "icons",
    "tokens",
    "phrases",
    "said",
    "distance",
    "pictures_per_second",
    *SETS,
    *(f"answers_{name}" for name in SETS),
)


def losses_of(
    training: TogetherTraining, batch: AnswerBatch, direct_weight: float
) -> dict[str, torch.Tensor]:
    """The losses of a batch, the share of right answers, and the loss that is lowered."""
    seen = training.eyes(batch.seen.pixels)
    reading = training.reader.read(seen.emitted[: len(batch.questions.tokens)], batch.questions)
    losses: dict[str, torch.Tensor] = training.aim(seen, batch.seen)
    hits = [hit for row in reading.is_right for hit in row]
    # The distance is left out: the signs are where the eyes start from, not where they must stay.
    direct = sum(loss for name, loss in losses.items() if name != "distance")
    return losses | {
        "answer": reading.loss,
        "right": torch.tensor(sum(hits) / len(hits)),
        "total": reading.loss + direct_weight * direct,
    }


def answered_shares(training: TogetherTraining, chat: ChatTokens, sets: dict[str, list[Trial]]) -> Row:
    """Share of the main questions of each set that greedy decoding would answer exactly."""
    shares = {}
    training.eyes.eval()
    for name, trials in sets.items():
        hits: list[bool] = []
        for at in range(0, len(trials), _VALIDATION_BATCH):
            some = trials[at : at + _VALIDATION_BATCH]
            questions = pack([[chat.branch(one) for one in main_questions(trial.facts)] for trial in some])
            with torch.no_grad():
                seen = training.eyes(pixels_of([trial.image for trial in some]))
                hits += [hit for row in training.reader.read(seen.emitted, questions).is_right for hit in row]
        shares[f"answers_{name}"] = round(sum(hits) / len(hits), 4)
    training.eyes.train()
    return shares


def begin(options: argparse.Namespace, phrases: Phrases, chat: ChatTokens) -> TogetherTraining:
    """The state to go on from: of this stage if it was begun, else of the two before.

    Raises:
        SystemExit: If there is neither.
    """
    folder, file = embedded_folder(), options.out / CHECKPOINT
    begun, exported = file.is_file(), options.begin_with is not None
    if not (begun or exported) and (options.eyes is None or options.reader is None):
        raise SystemExit(
            f"There is no {file}; give --eyes and --reader, the checkpoints of stages 2 and 1, or "
            "--begin-with."
        )
    state = exported_state(options.begin_with) if exported else read_state(file if begun else options.eyes)
    size = state["size"]
    eyes, aim = untrained_eyes(size, untrained_signs(folder, phrases))
    training = TogetherTraining.together(eyes, aim, size, Reader(folder, chat.head))
    if begun:
        training.resume(file)
        keep_rows(options.out / LOG, training.step)
        return training
    training.start_from(state)
    if not exported:
        reader = read_state(options.reader)
        training.reader.load_adapter(reader["adapter"])
        training.aim.signs.load_state_dict(reader["signs"])
    return training


def run(options: argparse.Namespace) -> None:
    """One session."""
    session = open_session(options, COLUMNS, options.rows + options.direct_rows)
    folder = embedded_folder()
    phrases, chat = known_phrases(folder), ChatTokens(folder)
    training = begin(options, phrases, chat)
    print(f"{training.size}, step {training.step}")
    batches = AnswerBatches(
        training_studio(options.pictograms, options.seed),
        phrases,
        chat,
        lessons_of(options.out, options.pictograms, options.questions),
        options.rows,
        options.direct_rows,
    )
    sets = validation_sets(folder, options.pictograms, options.validation_rows)
    schedule = Schedule(options.steps, options.learning_rate, _WARMUP_STEPS)
    session.run(
        training,
        drawn_ahead(batches, training.step, schedule.steps, options.workers),
        lambda batch: losses_of(training, batch, options.direct_weight),
        schedule,
        lambda: measure(training.eyes, training.aim, phrases, sets) | answered_shares(training, chat, sets),
    )


def main() -> None:
    """Read the command line."""
    parser = stage_parser(__doc__, _TRAINING_SEED)
    parser.add_argument("--eyes", type=Path, help="checkpoint of stage 2; read in the first session")
    parser.add_argument("--reader", type=Path, help="checkpoint of stage 1; read in the first session")
    parser.add_argument("--steps", type=int, default=500, help="of all sessions; the schedule's end")
    parser.add_argument("--questions", type=int, default=1, help="for each picture that is asked about")
    parser.add_argument("--direct-rows", type=int, default=24, help="further pictures, looked at only")
    parser.add_argument("--direct-weight", type=float, default=0.3, help="of the losses of the eyes alone")
    parser.set_defaults(
        rows=8, learning_rate=5e-4, workers=0, log_every=10, validate_every=100, validation_rows=48
    )
    run(parser.parse_args())


if __name__ == "__main__":
    run_alone(main)

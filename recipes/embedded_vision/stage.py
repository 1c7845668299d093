"""What the command lines of all stages have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch

from embedded_vision.data import tokenizer_vocabulary
from embedded_vision.fonts import TRAIN_FONTS
from embedded_vision.pictograms import TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.session import Session
from embedded_vision.state import embedded_folder
from embedded_vision.words import word_lists


def stage_parser(description: str | None, seed: int) -> argparse.ArgumentParser:
    """A parser with the options of every stage; `set_defaults` gives those that depend on the stage.

    Args:
        description: Of the stage, for `--help`.
        seed: Of its pictures, unless another one is asked for.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument(
        "--begin-with", type=Path, help="folder of eyes to begin with, with the heads beside this recipe"
    )
    parser.add_argument(
        "--seed", type=int, default=seed, help="of the pictures; give another one to weights that saw these"
    )
    parser.add_argument("--minutes", type=float, required=True, help="how long this session may take")
    parser.add_argument("--rows", type=int, help="pictures in a batch, those that are asked about if any are")
    parser.add_argument("--learning-rate", type=float, help="the highest of the schedule")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, help="processes that draw")
    parser.add_argument("--log-every", type=int, help="steps")
    parser.add_argument("--validate-every", type=int, help="steps")
    parser.add_argument("--validation-rows", type=int, help="pictures of each validation set")
    parser.add_argument("--save-minutes", type=float, default=5)
    return parser


def open_session(options: argparse.Namespace, columns: tuple[str, ...], rows: int) -> Session:
    """The session that a command line asks for. Its folder is made, and torch told how many threads it has.

    Args:
        options: Parsed by a `stage_parser`.
        columns: Of the log.
        rows: Pictures in a batch, all of them.
    """
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    return Session(
        options.out,
        columns,
        options.minutes,
        rows,
        options.log_every,
        options.validate_every,
        options.save_minutes,
    )


def training_studio(pictograms: Path, seed: int) -> Studio:
    """What draws a stage's training pictures: words, fonts and icon sets that are not kept for measuring.

    Args:
        pictograms: The rendered pictograms.
        seed: Of the stage, so that no two stages see the same pictures.
    """
    known, _ = word_lists(tokenizer_vocabulary(embedded_folder()))
    return Studio(known, TRAIN_FONTS, load_pictograms(pictograms, TRAIN_SETS), seed)


def run_alone(main: Callable[[], None]) -> None:
    """Run the command line of a stage as a program."""
    # Training and drawing share the cores; threads that wait must sleep. OpenMP reads it as its first starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()

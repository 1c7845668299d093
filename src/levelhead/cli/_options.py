"""Arguments and options that several commands share, each spelled once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _places


class DTypeName(StrEnum):
    """Precision of a local model."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Engine(StrEnum):
    """Where the work is done."""

    LOCAL = "local"
    RAY = "ray"


class Mode(StrEnum):
    """How answers are asked for and judged."""

    CORRECTED = "corrected"
    PAPER = "paper"


ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="embedded, embedded-vision, hf:FOLDER_OR_ID, openai:MODEL@URL; append +ocr to a text-only one, "
        "+contrast to a local one that sees.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        help="Folder for the results; it may lie in a store, as in s3://bucket/run.",
        parser=_places.path,
        callback=_places.write,
        show_default=False,
    ),
]
Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The --out of an earlier run.",
        parser=_places.path,
        callback=_places.read,
        show_default=False,
    ),
]
PictureSet = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A set made by illusion build.",
        parser=_places.path,
        callback=_places.read,
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Ask only so many questions, spread over the categories."),
]
DType = Annotated[DTypeName, typer.Option("--dtype", help="Precision of a local model.")]
Exact = Annotated[
    bool, typer.Option("--exact", help="Local models: float32, one prompt at a time. Slow; no batch effects.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Local models: threads of torch.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="Servers: requests at once.")]
EngineOption = Annotated[
    Engine,
    typer.Option("--engine", help="local: in this process. ray: copies on Ray, here or on its cluster."),
]
Replicas = Annotated[
    int | None,
    typer.Option("--replicas", min=1, help="ray: so many copies. [default: one for each processor here]"),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="corrected: 64 new tokens, word boundaries and negation. paper: 30 new tokens, substring rule.",
    ),
]
NoShift = Annotated[
    bool, typer.Option("--no-shift", help="Leave out the log-probabilities of right and pictured answers.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the pictures.")]


def replicas_of(engine: Engine, replicas: int | None) -> int | None:
    """How many copies there are to be; None for none.

    Raises:
        UsageError: If copies are asked for without an engine that makes them.
    """
    import os

    from levelhead.errors import UsageError

    if engine is Engine.LOCAL:
        if replicas is not None:
            raise UsageError("--replicas was given, but copies are made by Ray alone. Add --engine ray.")
        return None
    return replicas or len(os.sched_getaffinity(0))

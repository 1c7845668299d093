"""Options of guard train-detector that only the kind llm has."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class PrecisionName(StrEnum):
    """In which precision the frozen weights lie."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


Paper = Annotated[
    bool,
    typer.Option(
        "--paper",
        help="llm: begin with the settings of the paper's official code; other options change them.",
    ),
]
Rank = Annotated[
    int | None,
    typer.Option("--rank", help="llm: LoRA, rank of the adapter. [default: 16]"),
]
Alpha = Annotated[
    int | None,
    typer.Option("--alpha", help="llm: LoRA, scale of the adapter. [default: 32]"),
]
Dropout = Annotated[
    float | None,
    typer.Option("--dropout", help="llm: LoRA, dropout on the adapter's input. [default: 0.0]"),
]
Targets = Annotated[
    str | None,
    typer.Option(
        "--targets",
        help="llm: LoRA, layers, separated by commas. [default: all-linear]",
    ),
]
BCEWeight = Annotated[
    float | None,
    typer.Option("--bce-weight", help="llm: weight of the cross-entropy. [default: 1.0]"),
]
PairwiseWeight = Annotated[
    float | None,
    typer.Option(
        "--pairwise-weight",
        help="encoder, llm: weight of comparing harmful and harmless answers to one question. [default: 0.0]",
    ),
]
DropLong = Annotated[
    bool | None,
    typer.Option(
        "--drop-long/--keep-long",
        help="llm: leave out answers longer than the window, or train on parts of them. [default: keep-long]",
    ),
]
Precision = Annotated[
    PrecisionName | None,
    typer.Option("--dtype", help="llm: precision of the frozen weights. [default: float32]"),
]
Checkpointing = Annotated[
    bool | None,
    typer.Option(
        "--checkpointing/--no-checkpointing",
        help="llm: compute activations twice: less memory, slower. [default: no-checkpointing]",
    ),
]

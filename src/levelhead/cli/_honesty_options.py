"""Arguments and options of the honesty commands, each spelled once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class StyleName(StrEnum):
    """How questions are put."""

    COMPLETION = "completion"
    CHAT = "chat"
    PAPER = "paper"


class EquivalenceName(StrEnum):
    """When two sampled answers mean the same."""

    WORDS = "words"
    MENTIONS = "mentions"


class ScoreKind(StrEnum):
    """By which score answers are ranked."""

    MIX = "mix"
    CONFIDENCE = "confidence"
    SURE = "sure"


class TuningMethodName(StrEnum):
    """Which weights are trained."""

    LORA = "lora"
    FULL = "full"


class TuningDTypeName(StrEnum):
    """Precision of the weights in training."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class SchedulerName(StrEnum):
    """How the learning rate falls."""

    COSINE = "cosine"
    LINEAR = "linear"
    CONSTANT = "constant"


class MethodName(StrEnum):
    """What is taught."""

    SURE = "sure"
    SURE_CROSSFIT = "sure-crossfit"
    SURE_OWN = "sure-own"
    REPLACE = "replace"
    UNSUPERVISED = "unsupervised"
    VANILLA = "vanilla"


class RuleName(StrEnum):
    """When an answer is right."""

    CORRECTED = "corrected"
    PAPER = "paper"


class EntropyName(StrEnum):
    """Entropy of what."""

    TEXT = "text"
    SEMANTIC = "semantic"


class TiesName(StrEnum):
    """Where questions go whose entropy stands exactly at the cut."""

    TOGETHER = "together"
    RANDOM = "random"


class DeviceName(StrEnum):
    """Where training runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class StaticName(StrEnum):
    """What becomes of an unsure question that is nearly the same as a sure one."""

    DROP = "drop"
    RELABEL = "relabel"
    KEEP = "keep"


Data = Annotated[
    list[str],
    typer.Option(
        "--data",
        help="Questions: a QA.jsonl file, or READER:PATH (pararel, mmlu, fever ...). May be repeated.",
        show_default=False,
    ),
]
Apart = Annotated[
    list[str] | None,
    typer.Option("--apart-from", help="Training questions: near-duplicates of them are left out."),
]
SomeOf = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Only so many questions, drawn at random by the seed."),
]
Style = Annotated[
    StyleName | None,
    typer.Option(
        "--style",
        help="Prompt style. [default: that of tuning; else chat for servers and pictures, else completion]",
    ),
]
Shots = Annotated[
    list[str] | None, typer.Option("--shots", help="Worked examples shown before each question, like --data.")
]
ShotCount = Annotated[
    int | None, typer.Option("--shot-count", min=1, help="Draw so many of the worked examples by the seed.")
]
Samples = Annotated[int, typer.Option("--samples", min=0, help="Sampled answers per question.")]
Temperature = Annotated[float, typer.Option("--temperature", help="Temperature of the sampled answers.")]
NewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.")]
SameAnswer = Annotated[
    EquivalenceName, typer.Option("--equivalence", help="When two sampled answers mean the same.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all that is drawn.")]
NoSure = Annotated[
    bool,
    typer.Option("--no-sure", help="Do not ask how sure the model is: it was never taught to say."),
]
Epochs = Annotated[float, typer.Option("--epochs", help="How often each dialogue is seen.")]
Rank = Annotated[int, typer.Option("--rank", min=1, help="LoRA: rank of the adapter; alpha is twice that.")]
LearningRate = Annotated[
    float | None, typer.Option("--learning-rate", help="[default: 2e-4 for LoRA, 2e-5 for full tuning]")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Dialogues per step and process.")]

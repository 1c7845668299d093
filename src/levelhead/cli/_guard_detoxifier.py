"""levelhead guard train-detoxifier: from harmful answers and their harmless versions to an adapter."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import _honesty_options as honesty_options
from levelhead.cli import _options as options
from levelhead.cli._guard_options import DETECTORS
from levelhead.cli._honesty_data import interruptible

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from levelhead.guard import Detector, DetoxifierData, DetoxifierSettings
    from levelhead.training import TuningReport, TuningSettings


class RewritingStyleName(StrEnum):
    """Wording of the prompt."""

    LEVELHEAD = "levelhead"
    PAPER = "paper"
    PAPER_ANSWER_ONLY = "paper-answer-only"


Sources = Annotated[
    list[str],
    typer.Option(
        "--data",
        help="REWRITES.jsonl (id, answer, rewritten, question, goal), hh_rlhf_harmless:FOLDER or "
        "refusal_direction:FOLDER. May be repeated.",
        show_default=False,
    ),
]
Style = Annotated[
    RewritingStyleName,
    typer.Option("--style", help="Wording of the prompt; the paper's also choose its targets and settings."),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        help="Harmless answers to leave as they are: look-alikes, PAIRS.jsonl with labels, SET:FOLDER. "
        "[default: the rewritten answers]",
    ),
]
KeepShare = Annotated[
    float | None,
    typer.Option("--keep-share", help="Share of pairs that keep their answer. [default: 0.3; paper: 0]"),
]
OnlyHarmful = Annotated[
    str | None,
    typer.Option(
        "--only-harmful",
        metavar="DETECTOR",
        help="Label what has no label; drop pairs whose answer is not flagged or whose rewriting is.",
    ),
]
Apart = Annotated[
    list[str] | None,
    typer.Option("--apart-from", metavar="SET:FOLDER", help="Test data: pairs of its goals are left out."),
]
Experiment = Annotated[
    list[str] | None,
    typer.Option(
        "--experiment-with",
        metavar="SET",
        help="Use a set that weights which ship must not learn from; the card says so.",
    ),
]
HeldOutShare = Annotated[
    float, typer.Option("--held-out-share", help="Share kept apart, whole goals together; 0 for none.")
]
HeldOutLimit = Annotated[
    int, typer.Option("--held-out-limit", min=1, help="Look at so many of each kind after an epoch.")
]
JudgeOption = Annotated[
    str | None,
    typer.Option("--detector", help=f"Judges rewritings held out after each epoch: {DETECTORS}"),
]
ShowExample = Annotated[
    bool, typer.Option("--show-example", help="Show the words of the example, which can be harmful.")
]
Epochs = Annotated[float | None, typer.Option("--epochs", help="[default: 3; paper: 4]")]
Rank = Annotated[
    int | None,
    typer.Option(
        "--rank", min=1, help="LoRA: rank; alpha is twice that. [default: 16; paper: 128, alpha 32]"
    ),
]
Targets = Annotated[
    str | None,
    typer.Option(
        "--targets",
        help="LoRA: layers that are adapted, with commas. [default: all-linear; paper: q_proj,v_proj]",
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--learning-rate", help="[default: 2e-4 for LoRA, 2e-5 for full tuning and paper]"),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Pairs per batch. [default: 16; paper: 8]")
]
Accumulate = Annotated[int, typer.Option("--accumulate", min=1, help="Batches per step.")]
SchedulerOption = Annotated[
    honesty_options.SchedulerName | None,
    typer.Option("--scheduler", help="How the learning rate falls. [default: cosine; paper: linear]"),
]
MaxLength = Annotated[
    int | None,
    typer.Option("--max-length", min=2, help="Leave out longer ones. [default: context; paper: 512 tokens]"),
]


def train_detoxifier_on(
    model: options.ModelName,
    data: Sources,
    out: options.Out,
    style: Style = RewritingStyleName.LEVELHEAD,
    keep: Keep = None,
    keep_share: KeepShare = None,
    only_harmful: OnlyHarmful = None,
    apart_from: Apart = None,
    experiment_with: Experiment = None,
    held_out_share: HeldOutShare = 0.1,
    held_out_limit: HeldOutLimit = 100,
    detector: JudgeOption = None,
    show_example: ShowExample = False,
    tuning_method: Annotated[
        honesty_options.TuningMethodName, typer.Option("--tuning", help="Train an adapter, or every weight.")
    ] = honesty_options.TuningMethodName.LORA,
    epochs: Epochs = None,
    rank: Rank = None,
    targets: Targets = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = None,
    accumulate: Accumulate = 1,
    scheduler: SchedulerOption = None,
    label_smoothing: Annotated[
        float, typer.Option("--label-smoothing", help="Share of probability spread over all tokens.")
    ] = 0.0,
    max_length: MaxLength = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Less memory, a third slower.")
    ] = False,
    save_steps: Annotated[int, typer.Option("--save-steps", min=1, help="Steps between checkpoints.")] = 100,
    seed: honesty_options.Seed = 0,
    dtype: Annotated[
        honesty_options.TuningDTypeName, typer.Option("--dtype", help="Precision of the weights in training.")
    ] = honesty_options.TuningDTypeName.FLOAT32,
    device: Annotated[
        honesty_options.DeviceName,
        typer.Option("--device", help="Where to train: auto takes the best that is there."),
    ] = honesty_options.DeviceName.AUTO,
    threads: options.Threads = None,
) -> None:
    """Tune a model to rewrite harmful answers; write an adapter with its card. Started again, it goes on."""
    from levelhead.guard import DetoxifierSettings, show_lesson, train_detoxifier

    settings = DetoxifierSettings(
        style=style.value,
        keep_share=keep_share,
        held_out=held_out_share,
        max_evaluated=held_out_limit,
        seed=seed,
    )
    tuning = _tuning(
        style,
        rank,
        method=tuning_method.value,
        epochs=epochs,
        targets=targets,
        learning_rate=learning_rate,
        batch_size=batch_size,
        accumulate=accumulate,
        scheduler=scheduler and scheduler.value,
        label_smoothing=label_smoothing,
        max_length=max_length,
        checkpointing=checkpointing,
        save_steps=save_steps,
        seed=seed,
        dtype=dtype.value,
    )
    with interruptible(out):
        with _detector(only_harmful, threads) as filtering:
            gathered = _gather(data, keep or [], apart_from or [], experiment_with or [], settings, filtering)
        _tell_data(gathered)
        typer.echo(
            "\nWhat is learned, with the tokens in the loss marked"
            f"{'' if show_example else ' (--show-example shows the words)'}:\n\n"
            f"{show_lesson(model, gathered, style.value, words=show_example)}\n"
        )
        with _detector(detector, threads) as judging:
            report = train_detoxifier(
                model,
                gathered,
                out,
                settings,
                tuning=tuning,
                detector=judging,
                device=device.value,
                threads=threads,
            )
    _tell_training(report, f"hf:{out}" if tuning_method.value == "full" else f"{model}+{out}", out)


def _tuning(style: RewritingStyleName, rank: int | None, **chosen: Any) -> TuningSettings:
    """The usual settings of the style, with what was chosen instead."""
    from dataclasses import replace

    from levelhead.guard import usual_tuning

    given = {name: value for name, value in chosen.items() if value is not None}
    if rank is not None:
        given |= {"rank": rank, "alpha": 2 * rank}
    if chosen["method"] == "full":
        given.setdefault("learning_rate", None)
    return replace(usual_tuning(style.value), **given)


def _gather(
    data: list[str],
    keep: list[str],
    apart_from: list[str],
    experiments: list[str],
    settings: DetoxifierSettings,
    detector: Detector | None,
) -> DetoxifierData:
    from levelhead.datasets import read_harm_set
    from levelhead.guard import gather_rewrites, read_harmless, read_rewrite_source, require_allowed
    from levelhead.running import choose_style

    pairs = [pair for name in data for pair in read_rewrite_source(name)]
    harmless = [answer for name in keep for answer in read_harmless(name)]
    require_allowed([*(one.before.source for one in pairs), *(one.source for one in harmless)], experiments)
    return gather_rewrites(
        pairs,
        harmless,
        settings,
        tests=[answer for name in apart_from for answer in read_harm_set(name)],
        detector=detector,
        progress=choose_style(),
    )


def _detector(name: str | None, threads: int | None) -> AbstractContextManager[Detector | None]:
    from levelhead.guard import load_detector

    return nullcontext() if name is None else load_detector(name, threads=threads)


def _tell_data(data: DetoxifierData) -> None:
    for source, counts in sorted(data.counts.items()):
        typer.echo(f"{source}: {'; '.join(f'{what} {count:,}' for what, count in counts.items())}")
    if data.unlabelled:
        typer.echo(
            f"Note: of {data.unlabelled:,} answers to be rewritten nobody said whether they are harmful, and "
            "some are not. --only-harmful DETECTOR leaves those out.",
            err=True,
        )


def _tell_training(report: TuningReport, name: str, out: Path) -> None:
    if report.left_out:
        typer.echo(f"{len(report.left_out):,} pairs were too long and left out: {report.left_out[0]} ...")
    for epoch, numbers in report.evaluations.items():
        told = ", ".join(f"{key} {value:.3f}" for key, value in numbers.items())
        typer.echo(f"after epoch {epoch}: {told}")
    typer.echo(
        f"\n{report.steps:,} steps on {report.dialogues:,} pairs.\nCard:      {out / 'README.md'}\n"
        f"Use it as: --detoxifier local:{name}"
    )

"""levelhead honesty build, tune and merge: from what a model knows to one that says what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _honesty_options as honesty_options
from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible, questions
from levelhead.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levelhead.honesty import ProbeRow, PromptFormat
    from levelhead.records import Example
    from levelhead.training import Dialogue


def build_data(
    probes: Annotated[
        list[Path],
        typer.Argument(metavar="PROBE...", help="Run folders of honesty probe.", show_default=False),
    ],
    out: options.Out,
    method: Annotated[
        honesty_options.MethodName, typer.Option("--method", help="What is taught.")
    ] = honesty_options.MethodName.SURE,
    rule: Annotated[
        honesty_options.RuleName, typer.Option("--rule", help="When an answer is right.")
    ] = honesty_options.RuleName.CORRECTED,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Known from this share of right samples. [default: greedy answer]"),
    ] = None,
    entropy: Annotated[
        honesty_options.EntropyName,
        typer.Option("--entropy", help="unsupervised: of answers as written, or of meanings."),
    ] = honesty_options.EntropyName.TEXT,
    ties: Annotated[
        honesty_options.TiesName,
        typer.Option("--ties", help="unsupervised: where questions exactly at the cut go."),
    ] = honesty_options.TiesName.TOGETHER,
    unsure_share: Annotated[
        float | None, typer.Option("--unsure-share", help="Share of unsure questions held in every task.")
    ] = None,
    equal_tasks: Annotated[
        bool, typer.Option("--equal-tasks", help="Bring every task to the size of the smallest.")
    ] = False,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="sure-crossfit, sure-own: how many folds.")
    ] = 2,
    folds_by: Annotated[
        str | None,
        typer.Option(
            "--folds-by",
            metavar="KEY",
            help="What stays together in a fold: question, or a metadata key such as relation. sure-own "
            "takes several: question,relation. [default: question]",
        ),
    ] = None,
    conflict_filter: Annotated[
        bool, typer.Option("--conflict-filter", help="Drop questions whose labels conflict (CRaFT).")
    ] = False,
    static_conflicts: Annotated[
        honesty_options.StaticName,
        typer.Option("--static-conflicts", help="Conflict filter: near-duplicates of sure ones."),
    ] = honesty_options.StaticName.DROP,
    drop_unchanged: Annotated[
        bool,
        typer.Option("--drop-unchanged", help="Conflict filter: drop unsure ones that stay so."),
    ] = False,
    rehearsal_size: Annotated[
        int, typer.Option("--rehearsal-size", min=1, help="Conflict filter: questions rehearsed on.")
    ] = 1000,
    compare: Annotated[
        list[Path] | None, typer.Option("--compare", help="Other probes of the same questions: label noise.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Model to tune. [default: the probed one]")
    ] = None,
    style: Annotated[
        honesty_options.StyleName | None,
        typer.Option("--style", help="Tune in this style, no worked examples. [default: the probe's format]"),
    ] = None,
    epochs: honesty_options.Epochs = 3.0,
    rank: honesty_options.Rank = 16,
    learning_rate: honesty_options.LearningRate = None,
    batch_size: honesty_options.BatchSize = 16,
    seed: honesty_options.Seed = 0,
) -> None:
    """Make training data of what a probe found. The options of tuning are for the models on the way."""
    from levelhead.honesty import BuildSettings, PromptFormat, build, label_noise_table
    from levelhead.training import TuningSettings

    settings = BuildSettings(
        method=method.value,
        rule=rule.value,
        threshold=threshold,
        entropy=entropy.value,
        ties=ties.value,
        unsure_share=unsure_share,
        equal_tasks=equal_tasks,
        folds=folds,
        folds_by=folds_by,
        conflict_filter=conflict_filter,
        static_conflicts=static_conflicts.value,
        drop_unchanged=drop_unchanged,
        rehearsal_size=rehearsal_size,
        seed=seed,
    )
    tuning = TuningSettings(
        rank=rank,
        alpha=2 * rank,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )
    with interruptible(out):
        report = build(
            probes,
            out,
            settings,
            base=base,
            form=PromptFormat(style.value) if style else None,
            compare=compare or [],
            probe_model=_probe_tuned,
            tuning=tuning,
            say=lambda sentence: typer.echo(sentence, err=True),
        )
    facts = report.facts
    typer.echo(f"\nWhat is learned, with the tokens in the loss marked:\n\n{report.example}\n")
    typer.echo(
        f"{facts.loss.in_loss:,} of {facts.loss.tokens:,} tokens are in the loss "
        f"({facts.loss.in_loss / facts.loss.tokens:.1%})."
    )
    for task, counts in facts.tasks.items():
        dropped = ", ".join(f"{number:,} {reason}" for reason, number in counts.dropped.items()) or "none"
        typer.echo(
            f"{task}: {counts.questions:,} questions, {counts.sure:,} sure, {counts.unsure:,} unsure, "
            f"{counts.unlabelled:,} without a label; dropped: {dropped}"
        )
    if facts.own_answers is not None:
        for partition, own in facts.own_answers.partitions.items():
            typer.echo(
                f"own answers, folds by {partition}: {own.right:,} right, {own.wrong:,} wrong ({own.empty:,} "
                f"empty, {own.repeated:,} given before), {own.failed:,} failed"
            )
        typer.echo(f"{facts.own_answers.quoted:,} dialogues quote a wrong answer.")
    typer.echo("\nHow far the labels can be trusted:")
    for name, value in label_noise_table(report.noise):
        typer.echo(f"  {name:<58} {value}")
    typer.echo(f"\nData:  {out / 'train.jsonl'}\nFacts: {out / 'build.json'}")


def tune_model(
    model: options.ModelName,
    data: Annotated[
        Path, typer.Option("--data", help="Folder of honesty build, or a dialogue file.", show_default=False)
    ],
    out: options.Out,
    tuning_method: Annotated[
        honesty_options.TuningMethodName, typer.Option("--tuning", help="Train an adapter, or every weight.")
    ] = honesty_options.TuningMethodName.LORA,
    epochs: honesty_options.Epochs = 3.0,
    rank: honesty_options.Rank = 16,
    learning_rate: honesty_options.LearningRate = None,
    batch_size: honesty_options.BatchSize = 16,
    accumulate: Annotated[int, typer.Option("--accumulate", min=1, help="Batches per step.")] = 1,
    scheduler: Annotated[
        honesty_options.SchedulerName, typer.Option("--scheduler", help="How the learning rate falls.")
    ] = honesty_options.SchedulerName.COSINE,
    label_smoothing: Annotated[
        float, typer.Option("--label-smoothing", help="Share of probability spread over all tokens.")
    ] = 0.0,
    max_length: Annotated[
        int | None,
        typer.Option("--max-length", min=2, help="Leave out longer ones. [default: context]"),
    ] = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Less memory, a third slower.")
    ] = False,
    save_steps: Annotated[int, typer.Option("--save-steps", min=1, help="Steps between checkpoints.")] = 100,
    held_out: Annotated[
        list[str] | None,
        typer.Option("--held-out", help="Questions asked after each epoch, like --data of honesty eval."),
    ] = None,
    held_out_limit: Annotated[
        int | None, typer.Option("--held-out-limit", min=1, help="Ask only so many of them.")
    ] = 200,
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
    """Tune a model on built data; write an adapter with its card. Started again, it goes on."""
    from levelhead.honesty import Asking, PromptFormat, held_out_evaluation
    from levelhead.training import TuningSettings, is_first_process, tune

    dialogues, form, facts = _lessons(data)
    settings = TuningSettings(
        method=tuning_method.value,
        rank=rank,
        alpha=2 * rank,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        scheduler=scheduler.value,
        label_smoothing=label_smoothing,
        max_length=max_length,
        checkpointing=checkpointing,
        save_steps=save_steps,
        seed=seed,
        dtype=dtype.value,
    )
    evaluate = None
    if held_out:
        asking = Asking(form or PromptFormat())
        slice_of_questions = questions(held_out, [], held_out_limit, seed)
        _require_apart(dialogues, slice_of_questions)
        evaluate = held_out_evaluation(slice_of_questions, asking)
    with interruptible(out):
        report = tune(
            model,
            dialogues,
            out,
            settings,
            evaluate=evaluate,
            facts=facts,
            device=device.value,
            threads=threads,
        )
    if not is_first_process():
        return
    if report.left_out:
        typer.echo(f"{len(report.left_out):,} dialogues were too long and left out: {report.left_out[0]} ...")
    for epoch, numbers in report.evaluations.items():
        told = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        typer.echo(f"after epoch {epoch}: {told}")
    name = f"hf:{out}" if tuning_method.value == "full" else f"{model}+{out}"
    typer.echo(f"\n{report.steps:,} steps on {report.dialogues:,} dialogues. Use it as: {name}")


def merge_adapter(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="hf:BASE+ADAPTER or embedded+ADAPTER.", show_default=False)
    ],
    out: options.Out,
) -> None:
    """Merge an adapter into its base and write a plain checkpoint."""
    from levelhead.training import merge

    merge(model, out)
    typer.echo(f"Use it as: hf:{out}")


def _lessons(data: Path) -> tuple[list[Dialogue], PromptFormat | None, dict[str, object]]:
    """The dialogues, the format they are in, and what goes into the card."""
    from levelhead.honesty import read_build
    from levelhead.training import read_dialogues

    if data.is_file():
        return read_dialogues(data), None, {"data": data.name}
    built = read_build(data)
    facts: dict[str, object] = {
        "method": built.method,
        "format": built.format,
        "build": built.settings,
        "tasks": {task: counts.model_dump() for task, counts in built.tasks.items()},
        "probed": built.fingerprint,
    }
    return read_dialogues(data / "train.jsonl"), built.form, facts


def _require_apart(dialogues: Sequence[Dialogue], held_out: Sequence[Example]) -> None:
    taught = {dialogue.id for dialogue in dialogues}
    if both := [example.id for example in held_out if example.id in taught]:
        raise UsageError(
            f"{len(both):,} of the questions held out are trained on, such as {both[0]!r}. Give others."
        )


def _probe_tuned(
    name: str, examples: Sequence[Example], folder: Path, form: PromptFormat
) -> Sequence[ProbeRow]:
    """Probe a model that was tuned on the way of a build."""
    from levelhead.honesty import Asking, probe
    from levelhead.models import load_model

    with load_model(name) as model:
        return probe(model, examples, folder, Asking(form))

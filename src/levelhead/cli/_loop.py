"""levelhead loop: measure, tune on what failed, guard what is left, measure again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _honesty_options as honesty_options
from levelhead.cli import _options as options
from levelhead.cli._app import new_app
from levelhead.cli._honesty_data import interruptible
from levelhead.cli._measure import SizeName

if TYPE_CHECKING:
    from levelhead.loop import Loop

app = new_app()


class DetoxifierName(StrEnum):
    """What rewrites in the guard of the loop, without a server."""

    TEMPLATE = "template"
    LOCAL = "local"


@app.command("loop")
def loop(
    model: options.ModelName,
    out: options.Out,
    size: Annotated[
        SizeName,
        typer.Option("--size", help="How much is measured and learned from. quick: to try it out."),
    ] = SizeName.STANDARD,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="At most so many of each kind of question, below the size."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and end.")] = False,
    unsettled: Annotated[
        bool,
        typer.Option("--unsettled", help="Teach it to say that a picture that misled it does not settle it."),
    ] = False,
    honesty_data: Annotated[
        list[str] | None,
        typer.Option("--honesty-data", help="Questions in place of ours, as for levelhead measure."),
    ] = None,
    harm_data: Annotated[
        list[str] | None,
        typer.Option("--harm-data", help="Attacks (and harmless requests) beside ours, as for measure."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", help=f"Who calls an answer harmful: {guard_options.DETECTORS}"),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector", help="The guard's. [default: encoder, if this build has it, else lexical]"
        ),
    ] = None,
    detoxifier: Annotated[
        DetoxifierName, typer.Option("--detoxifier", help="What the guard says in place of a harmful answer.")
    ] = DetoxifierName.TEMPLATE,
    epochs: honesty_options.Epochs = 3.0,
    rank: honesty_options.Rank = 16,
    learning_rate: honesty_options.LearningRate = None,
    batch_size: honesty_options.BatchSize = 16,
    seed: Annotated[int, typer.Option("--seed", help="Of the split, the pictures and the draws.")] = 0,
    threads: options.Threads = None,
) -> None:
    """Improve a local model: adapter, before and after on one page, and what the guard got wrong."""
    from levelhead.loop import SIZES, Loop, LoopSettings, plan_table
    from levelhead.report import loop_headline, render_loop
    from levelhead.training import TuningSettings

    settings = LoopSettings(
        size=SIZES[size.value].at_most(limit),
        tuning=TuningSettings(
            rank=rank,
            alpha=2 * rank,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
        ),
        unsettled=unsettled,
        honesty_data=tuple(honesty_data or ()),
        harm_data=tuple(harm_data or ()),
        judge=judge,
        detector=detector,
        detoxifier=detoxifier.value,
        seed=seed,
    )
    made = Loop(model, out, settings, threads, lambda said: typer.echo(said, err=True))
    with interruptible(out):
        steps = made.plan()
        for line in plan_table(steps) if steps else ["All steps are done."]:
            typer.echo(line, err=not plan)
        if plan:
            return
        summary = made.run()
    typer.echo(f"\n{loop_headline(summary)}\n")
    _tell_places(made, render_loop(out))


def _tell_places(loop: Loop, page: Path) -> None:
    typer.echo(f"Tuned model: {loop.tuned}")
    typer.echo(f"Numbers:     {loop.out / 'summary.json'}")
    typer.echo(f"Page:        {page}")

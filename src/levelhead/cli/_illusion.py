"""levelhead illusion: build the set of questions and pictures, run a model on it, check a question bank."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _illusion_bench, _illusion_export, _illusion_pictures, _illusion_writing
from levelhead.cli import _options as options
from levelhead.cli._app import new_app
from levelhead.errors import FailedRowsError, InterruptedRunError

if TYPE_CHECKING:
    from levelhead.illusion import Mode
    from levelhead.models import Model

app = new_app(
    help="How often a related but wrong picture makes a model name what it sees (CorrelationQA).",
    no_args_is_help=True,
)


class VariantName(StrEnum):
    """The prompt variants, spelled here too so that help costs no import; a test holds them equal."""

    PAPER = "paper"
    SHORT = "short"
    UNRELATED = "unrelated"
    ANSWER_FIRST = "answer-first"
    CAPTION_FIRST = "caption-first"


app.command("bench")(_illusion_bench.run_bench)
app.command("write")(_illusion_writing.write)
app.command("accept")(_illusion_writing.accept)


app.command("build")(_illusion_pictures.build_set)
app.command("check")(_illusion_pictures.check_pictures)
app.command("push")(_illusion_pictures.push_set)
app.command("export-lmms-eval")(_illusion_export.export_task)


@app.command("run")
def run_set(
    model: options.ModelName,
    data: options.PictureSet,
    out: options.Out,
    limit: options.Limit = None,
    variant: Annotated[
        VariantName,
        typer.Option("--variant", help="How questions are put. One run folder for each; then compare them."),
    ] = VariantName.PAPER,
    mode: options.ModeOption = options.Mode.CORRECTED,
    no_shift: options.NoShift = False,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Ask a model every question without a picture, with a blank, a right and wrong pictures."""
    from levelhead.models import load_model

    with load_model(
        model,
        dtype=dtype.value,
        exact=exact,
        threads=threads,
        concurrency=concurrency,
        replicas=options.replicas_of(engine, replicas),
    ) as loaded:
        run_illusion(
            loaded,
            data,
            out,
            limit=limit,
            mode=mode.value,
            variant=variant.value,
            with_shift=not no_shift,
        )


@app.command()
def lint(
    file: Annotated[
        Path | None, typer.Argument(help="A question file or folder. [default: the built-in bank]")
    ] = None,
) -> None:
    """Check a question bank: form, lengths, duplicates, answers given away."""
    from levelhead.illusion import lint as find_problems
    from levelhead.illusion import load_questions

    questions = load_questions(file)
    problems = find_problems(questions)
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(questions)} questions, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


def run_illusion(
    model: Model,
    data: Path,
    out: Path,
    *,
    limit: int | None,
    mode: Mode,
    variant: str = "paper",
    with_shift: bool,
) -> None:
    """Run the suite, write the page, and say what came out."""
    from levelhead.illusion import run
    from levelhead.report import illusion_headline, render
    from levelhead.running import sigterm_as_interrupt

    try:
        with sigterm_as_interrupt():
            summary = run(model, data, out, limit=limit, mode=mode, variant=variant, with_shift=with_shift)
    except KeyboardInterrupt as interrupt:
        raise InterruptedRunError(
            f"Interrupted. {out} keeps what was answered: start the same command again to go on."
        ) from interrupt
    typer.echo(f"\n{illusion_headline(summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}")
    typer.echo(f"Page:    {render(out)}")
    _complain_of_failures(out)


def _complain_of_failures(out: Path) -> None:
    """End with an error if rows failed: all else is done and written, but the numbers lack them."""
    from levelhead.running import read_run

    rows = read_run(out).rows
    failed = [row for row in rows if row["error"] is not None]
    if failed:
        raise FailedRowsError(
            f"{len(failed)} of {len(rows)} answers failed; they stand in no rate and are marked on the page. "
            f"The first is {failed[0]['id']}: {failed[0]['error']} "
            "Start the same command again to ask only these."
        )

"""levelhead measure: one command, one page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _options as options
from levelhead.errors import UsageError

if TYPE_CHECKING:
    from levelhead.models import Model


class Suite(StrEnum):
    """What can be measured."""

    ILLUSION = "illusion"


def measure(
    model: options.ModelName,
    out: options.Out,
    suite: Annotated[str, typer.Option("--suite", help="What to measure, separated by commas.")] = "illusion",
    limit: options.Limit = None,
    mode: options.ModeOption = options.Mode.CORRECTED,
    seed: options.Seed = 0,
    no_shift: options.NoShift = False,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Measure a model and write summary.json and report.html."""
    from levelhead.illusion import build, load_questions, select
    from levelhead.models import load_model
    from levelhead.running import DATA_FOLDER, choose_style, show_progress

    _check_suites(suite)
    questions = select(load_questions(), limit)
    with load_model(
        model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency
    ) as loaded:
        data = out / DATA_FOLDER / "illusion"
        with show_progress("drawing", total=len(questions), held=0, style=choose_style()) as advance:
            build(questions, data, seed=seed, advance=advance)
        run_illusion(loaded, data, out, limit=None, mode=mode.value, with_shift=not no_shift)


def run_illusion(
    model: Model, data: Path, out: Path, *, limit: int | None, mode: str, with_shift: bool
) -> None:
    """Run the illusion suite, write the page, and say what came out."""
    from levelhead.illusion import run
    from levelhead.report import illusion_headline, render
    from levelhead.running import sigterm_as_interrupt

    with sigterm_as_interrupt():
        summary = run(model, data, out, limit=limit, mode=mode, with_shift=with_shift)
    typer.echo(f"\n{illusion_headline(summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}")
    typer.echo(f"Page:    {render(out)}")


def _check_suites(names: str) -> None:
    known = [suite.value for suite in Suite]
    unknown = [name for name in names.split(",") if name.strip() not in known]
    if unknown:
        raise UsageError(f"There is no suite {unknown[0]!r}. Give one or more of: {', '.join(known)}.")

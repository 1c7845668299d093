"""levelhead measure: one command, one page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from levelhead.cli import _illusion, _illusion_pictures
from levelhead.cli import _options as options
from levelhead.errors import UsageError


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
    from levelhead.illusion import load_questions, select
    from levelhead.models import load_model, require_sight
    from levelhead.running import DATA_FOLDER

    _check_suites(suite)
    questions = select(load_questions(), limit)
    with load_model(
        model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency
    ) as loaded:
        require_sight(loaded)  # before anything is drawn
        data = out / DATA_FOLDER / "illusion"
        _illusion_pictures.draw(questions, data, kinds=["typographic"], seed=seed)
        _illusion.run_illusion(loaded, data, out, limit=None, mode=mode.value, with_shift=not no_shift)


def _check_suites(names: str) -> None:
    known = [suite.value for suite in Suite]
    unknown = [name for name in names.split(",") if name.strip() not in known]
    if unknown:
        raise UsageError(f"There is no suite {unknown[0]!r}. Give one or more of: {', '.join(known)}.")

"""levelhead illusion bench: published benchmarks beside our own set, by their own metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError, UsageError


def run_bench(
    model: options.ModelName,
    bench: Annotated[
        str,
        typer.Argument(
            metavar="BENCH:PATH",
            help="pope:FILE_OR_FOLDER, hallusionbench:FILE, or correlationqa:PARQUET_FOLDER_OR_HUB_ID.",
            show_default=False,
        ),
    ],
    out: options.Out,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            help="Folder of the pictures: COCO val2014 for pope; VD and VS for hallusionbench, which asks "
            "only its questions without a picture where this is left out.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="At most so many rows, whole groups of all categories."),
    ] = None,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Run a published benchmark by its own metrics: CorrelationQA as released, POPE, HallusionBench."""
    from levelhead.illusion import BENCHMARKS, run_benchmark
    from levelhead.models import load_model
    from levelhead.report import bench_headline, render
    from levelhead.running import read_run

    name, separator, path = bench.partition(":")
    if not separator or not path or name not in BENCHMARKS:
        raise UsageError(f"There is no benchmark {bench!r}. Give {':PATH or '.join(BENCHMARKS)}:PATH.")
    with (
        load_model(model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency) as loaded,
        interruptible(out),
    ):
        summary = run_benchmark(loaded, name, path, out, pictures=pictures, limit=limit)
    typer.echo(f"\n{bench_headline(summary)}")
    for note in summary["bench"]["notes"]:
        typer.echo(f"- {note}")
    typer.echo(f"\nNumbers: {out / 'summary.json'}\nRows:    {out / 'rows.jsonl'}\nPage:    {render(out)}")
    failed = [row for row in read_run(out).rows if row["error"] is not None]
    if failed:
        raise FailedRowsError(
            f"{len(failed)} of {summary['bench']['rows']} rows failed; they stand in no rate. The first is "
            f"{failed[0]['id']}: {failed[0]['error']} Start the same command again to ask only these."
        )

"""levelhead export: the rows of a run as a table for pandas, DuckDB, Spark or Ray Data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli import _places
from levelhead.cli._app import new_app

app = new_app()


@app.command("export")
def export(
    source: options.Run,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="TABLE.parquet",
            parser=_places.path,
            callback=_places.write_file,
            show_default=False,
        ),
    ],
) -> None:
    """Write the rows of a run, or any JSONL file, as a Parquet table."""
    from levelhead.running import write_parquet

    file = source / "rows.jsonl" if source.is_dir() else source
    typer.echo(f"{write_parquet(file, out):,} rows: {out}")

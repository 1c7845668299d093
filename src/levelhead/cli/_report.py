"""levelhead report: write the page of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _places
from levelhead.cli._app import new_app

app = new_app()


@app.command("report")
def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="The --out of an earlier run.",
            parser=_places.path,
            callback=_places.read,
            show_default=False,
        ),
    ],
) -> None:
    """Write report.html of a finished run again."""
    from levelhead.report import render

    typer.echo(render(folder))

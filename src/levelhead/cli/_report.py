"""levelhead report: write the page of a run again."""

from __future__ import annotations

import typer

from levelhead.cli import _options as options
from levelhead.cli._app import new_app

app = new_app()


@app.command("report")
def report(
    folder: options.Run,
) -> None:
    """Write report.html of a finished run again."""
    from levelhead.report import render

    typer.echo(render(folder))

"""The commands' common frame: how they are grouped, and how errors become messages and exit statuses."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from levelhead._version import __version__
from levelhead.cli import _compare, _guard, _honesty, _illusion, _measure, _models, _report
from levelhead.errors import BrokenGateError, InterruptedRunError, LevelheadError, UsageError

app = typer.Typer(
    name="levelhead",
    help="Measure, tune and guard multimodal language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing boxes around the help takes longer than all the rest of the start
)
app.command("measure")(_measure.measure)
app.add_typer(_illusion.app, name="illusion")
app.add_typer(_honesty.app, name="honesty")
app.add_typer(_guard.app, name="guard")
app.add_typer(_models.app, name="models")
app.command("compare")(_compare.compare)
app.command("report")(_report.report)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"levelhead {__version__}")
        raise typer.Exit


@app.callback()
def _frame(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measure, tune and guard multimodal language models."""


def main() -> None:
    """Run a command.

    Exit status: 0 done, 1 the work failed, 2 wrong usage, 3 a number lies beyond a limit, 130 interrupted.
    """
    try:
        app()
    except UsageError as error:
        _stop(str(error), 2)
    except BrokenGateError as error:
        _stop(str(error), 3)
    except InterruptedRunError as error:
        _stop(str(error), 130)
    except LevelheadError as error:
        _stop(str(error), 1)


def _stop(message: str, status: int) -> None:
    print(f"levelhead: {message}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)

"""The commands' common frame: how they are grouped, and how errors become messages and exit statuses."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from levelhead._version import __version__
from levelhead.cli._app import new_app
from levelhead.errors import BrokenGateError, InterruptedRunError, LevelheadError, UsageError

_FIRST_TELLS_SECONDS = 20
_COMMANDS = {
    "measure": "Measure a model: one page with a headline for each suite, and an exit status for gates.",
    "loop": "Measure, tune on what failed, guard what is left, measure again.",
    "compare": "Compare models or prompt variants on the same items.",
    "report": "Write report.html of a finished run again.",
    "export": "Write the rows of a run as a Parquet table.",
    "illusion": "How often a related but wrong picture makes a model name what it sees (CorrelationQA).",
    "honesty": "Find what a model does not know, teach it to say so, measure its confidence (R-Tuning).",
    "guard": "Find and rewrite harmful answers, behind any model and before any user (MLLM-Protector).",
    "models": "See which models can be asked, and check one.",
}


class _Program(TyperGroup):
    """Imports a command when it is asked for: reading all of them is most of the start."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperGroup(name=name) for name in _COMMANDS}  # for the names alone

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        return get_command(import_module(f"levelhead.cli._{cmd_name}").app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


app = new_app(
    help="Measure, tune and guard multimodal language models.",
    name="levelhead",
    cls=_Program,
    no_args_is_help=True,
)


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
    if os.environ.get("RANK", "0") != "0":
        # Most errors befall all processes of a launcher alike. The first one tells, and the launcher ends the
        # others when one has ended; what befell this one alone is told after a while.
        time.sleep(_FIRST_TELLS_SECONDS)
    print(f"levelhead: {message}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)

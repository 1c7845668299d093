"""What the applications of all commands have in common."""

from __future__ import annotations

from typing import Any

import typer


def new_app(**settings: Any) -> typer.Typer:
    """A Typer application in plain text, without shell completion of its own."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # drawing boxes around the help takes longer than all the rest of the start
        **settings,
    )

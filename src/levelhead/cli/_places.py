"""Folders that a command reads or writes: a path, or an address in a store (`s3://bucket/run`).

A command itself sees paths only. For an address it gets a folder on this machine, which is fetched before
the command begins, and carried over while it works and when it ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import typer

from levelhead.errors import UsageError


def path(text: str) -> str:
    """Leave an argument as it was typed: `Path` would make one slash of two. Its name stands in the help."""
    return text


def read(given: str | None) -> Path | None:
    """The folder to read."""
    return None if given is None else _fetched(given)


def read_each(given: Sequence[str]) -> list[Path]:
    """The folders to read."""
    return [_fetched(one) for one in given]


def write(context: typer.Context, given: str | None) -> Path | None:
    """The folder to write."""
    return None if given is None else _staged(context, given)


def write_file(context: typer.Context, given: str | None) -> Path | None:
    """The file to write; in a store, the folder around it is carried over."""
    from levelhead.running import is_address

    if given is None or not is_address(given):
        return None if given is None else Path(given)
    folder, _, name = given.rpartition("/")
    if not name:
        raise UsageError(f"{given} is a folder; a file is wanted. Add its name.")
    return _staged(context, folder) / name


def _fetched(given: str) -> Path:
    from levelhead.running import fetched, is_address

    return fetched(given) if is_address(given) else Path(given)


def _staged(context: typer.Context, given: str) -> Path:
    from levelhead.running import is_address, staged

    if not is_address(given):
        return Path(given)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            f"{given} lies in a store, and one process alone may carry over to it. Give a folder on a disk "
            "that all processes see."
        )
    # Said after all is carried over: what is registered first is called last.
    context.call_on_close(lambda: typer.echo(f"All of it lies in {given} too.", err=True))
    folder: Path = context.with_resource(staged(given))
    return folder

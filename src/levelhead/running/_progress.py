"""How far the run is, on standard error; standard output is left to results.

At a terminal a bar; elsewhere (a log file, CI) a plain line every ten seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal, TypeAlias

from levelhead.errors import UsageError

ProgressStyle: TypeAlias = Literal["bar", "plain", "off"]
STYLE_VARIABLE = "LEVELHEAD_PROGRESS"
"""Environment variable that chooses the style where the caller does not."""
PLAIN_SECONDS = 10.0

Advance: TypeAlias = Callable[[int], None]
"""To be called with the number of items that were just finished."""


def choose_style(asked: ProgressStyle | None = None) -> ProgressStyle:
    """The style asked for, else that of the environment, else by whether standard error is a terminal.

    Raises:
        UsageError: If the environment names a style that does not exist.
    """
    if asked is not None:
        return asked
    match os.environ.get(STYLE_VARIABLE, ""):
        case "bar" | "plain" | "off" as named:
            return named
        case "":
            return "bar" if sys.stderr.isatty() else "plain"
        case other:
            raise UsageError(f"{STYLE_VARIABLE} is {other!r}; it must be bar, plain or off.")


@contextmanager
def show_progress(label: str, *, total: int, held: int, style: ProgressStyle) -> Iterator[Advance]:
    """Show progress while the body runs.

    Args:
        label: What is going on, in a word or two.
        total: All items.
        held: Items that were finished before; they do not count for the rate.
        style: As from `choose_style`.

    Yields:
        The function to call with the number of items just finished.
    """
    if style == "bar":
        with _bar(label, total, held) as advance:
            yield advance
    elif style == "plain":
        with _plain(label, total, held) as advance:
            yield advance
    else:
        yield lambda finished: None


def pace(finished: int, left: int, seconds: float) -> str:
    """Rate and time left, for `finished` items in `seconds` and `left` more to do.

    >>> pace(30, 60, 10.0)
    '3.0/s, 0:00:20 left'
    >>> pace(1, 60, 20.0)
    '20.0 s each, 0:20:00 left'
    >>> pace(0, 60, 10.0)
    'starting'
    """
    if not finished or seconds <= 0:
        return "starting"
    rate = finished / seconds
    speed = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{speed}, {timedelta(seconds=round(left / rate))} left"


@contextmanager
def _bar(label: str, total: int, held: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        # Labels and paths may hold brackets, which are no markup here.
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    start, finished = time.monotonic(), 0
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as progress:
        task = progress.add_task(label, total=total, completed=held, pace="starting")

        def advance(more: int) -> None:
            nonlocal finished
            finished += more
            speed = pace(finished, total - held - finished, time.monotonic() - start)
            progress.update(task, advance=more, pace=speed)

        yield advance


@contextmanager
def _plain(label: str, total: int, held: int) -> Iterator[Advance]:
    start = last = time.monotonic()
    finished = 0

    def advance(more: int) -> None:
        nonlocal finished, last
        finished += more
        now = time.monotonic()
        if now - last >= PLAIN_SECONDS or held + finished == total:
            last = now
            done = held + finished
            _say(f"{label}: {done} of {total}, {pace(finished, total - done, now - start)}")

    if held:
        _say(f"{label}: {held} of {total} were answered before")
    yield advance


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201

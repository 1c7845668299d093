"""What the honesty commands do with their options: read questions, settle the prompt format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from levelhead.cli import _honesty_options as honesty_options
from levelhead.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from levelhead.honesty import Asking, PromptFormat
    from levelhead.models import Model
    from levelhead.records import Example


def questions(data: Sequence[str], apart_from: Sequence[str], limit: int | None, seed: int) -> list[Example]:
    """Read the questions, leave out near-duplicates, and draw some."""
    import random

    from levelhead.datasets import read_all_named, remove_near_duplicates

    examples = read_all_named(data)
    if apart_from:
        examples, report = remove_near_duplicates(read_all_named(apart_from), examples)
        typer.echo(f"{len(report.removed)} near-duplicates of {', '.join(apart_from)} left out", err=True)
    if limit is not None and limit < len(examples):
        chosen = sorted(random.Random(seed).sample(range(len(examples)), limit))
        examples = [examples[place] for place in chosen]
    return examples


def prompt_format(
    model: Model,
    examples: Sequence[Example],
    style: honesty_options.StyleName | None,
    shots: Sequence[str],
    shot_count: int | None,
    seed: int,
) -> PromptFormat:
    """What was asked for; else what the adapter was tuned with; else what suits the model."""
    import random

    from levelhead.datasets import read_all_named
    from levelhead.honesty import PromptFormat, Shot, default_format

    if style is None and not shots:
        return default_format(model, examples)
    worked = read_all_named(shots)
    if shot_count is not None and shot_count < len(worked):
        worked = random.Random(seed).sample(worked, shot_count)
    if overlap := {one.id for one in worked} & {one.id for one in examples}:
        raise UsageError(
            f"{len(overlap)} worked examples are among the questions ({min(overlap)}); take them from "
            "other rows."
        )
    name = style.value if style else default_format(model, examples).style
    return PromptFormat(name, tuple(Shot.of(one) for one in worked))


def asking_of(
    form: PromptFormat,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    equivalence: honesty_options.EquivalenceName,
    seed: int,
) -> Asking:
    from levelhead.honesty import Asking

    return Asking(
        form,
        samples=samples,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        equivalence=equivalence.value,
        seed=seed,
    )


@contextmanager
def interruptible(out: Path) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into an error that says how to go on."""
    from levelhead.running import sigterm_as_interrupt

    try:
        with sigterm_as_interrupt():
            yield
    except KeyboardInterrupt as interrupt:
        raise InterruptedRunError(
            f"Interrupted. {out} keeps what was done: start the same command again to go on."
        ) from interrupt

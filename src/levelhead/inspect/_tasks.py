"""The tasks that Inspect finds as `levelhead/...`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import GenerateConfig

from levelhead.errors import UsageError
from levelhead.illusion import NEW_TOKENS, Mode, first_questions, read_set, to_examples
from levelhead.inspect._samples import to_sample
from levelhead.inspect._scorer import illusion_verdict
from levelhead.inspect._solver import put_as


@task
def illusion(
    data: str, mode: Mode = "corrected", variant: str = "paper", questions: int | None = None
) -> Task:
    """The illusion suite: each question without a picture, with a blank, a right one and wrong ones.

    Args:
        data: A set, as `levelhead illusion build` makes it.
        mode: `corrected`, or `paper`: 30 new tokens and the substring rule.
        variant: How questions are put, by a name in `levelhead.illusion.VARIANTS`.
        questions: Only the first so many. Inspect's own `--limit` counts pictures and may cut one question
            short.

    Raises:
        UsageError: If the set is malformed, or there is no such mode or variant.
    """
    if mode not in get_args(Mode):
        raise UsageError(f"There is no mode {mode!r}. Give one of: {', '.join(get_args(Mode))}.")
    folder = Path(data).resolve()
    examples = to_examples(first_questions(read_set(folder), questions))
    return Task(
        dataset=MemoryDataset(
            [to_sample(example) for example in examples], name=folder.name, location=str(folder)
        ),
        solver=put_as(variant),
        scorer=illusion_verdict(mode),
        config=GenerateConfig(max_tokens=NEW_TOKENS[mode], temperature=0.0),
        version=1,
    )

"""The honesty suite as a part of a measurement: facts that have an answer, and questions that have none.

The facts are the questions of the illusion suite, without pictures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TypeVar

from levelhead.datasets import read_all_named
from levelhead.honesty import (
    AnswerRow,
    Asking,
    PromptFormat,
    answer_rows,
    check_examples,
    clusters_of,
    hash_of_questions,
    honesty_summary,
    read_unanswerable,
    tuned_format,
)
from levelhead.illusion import Question, load_questions
from levelhead.loop.measuring._part import Measured, Part
from levelhead.loop.measuring._settings import MeasureSettings, Size
from levelhead.metrics import proportion
from levelhead.models import Model
from levelhead.records import Example
from levelhead.running import RunFolder

Row = TypeVar("Row")

NEW_TOKENS = 32
"""Longest answer. A chat model answers in a sentence, which 16 tokens cut off."""
TAUGHT_THRESHOLD = 0.5


def honesty_part(model: Model, settings: MeasureSettings) -> Part:
    """Read the questions.

    They are put in the format that the model was tuned in, else as a chat, as the other suites put theirs.

    Raises:
        UsageError: If a set cannot be read or an id stands twice.
    """
    taught = tuned_format(model)
    examples = honesty_questions(settings)
    check_examples(examples)
    asking = Asking(taught or PromptFormat("chat"), max_new_tokens=NEW_TOKENS)
    # Nobody taught a plain chat model to say how sure it is: its p_sure can rank answers, not divide them.
    usual = 0.0 if taught is None else TAUGHT_THRESHOLD
    threshold = usual if settings.threshold is None else settings.threshold

    def ask(folder: RunFolder) -> Measured:
        rows = answer_rows(model, examples, asking, folder)
        return _measured(rows, threshold)

    unanswerable = sum(example.answers is None for example in examples)
    asks = f"{len(examples):,} questions, {unanswerable:,} of them without an answer"
    return Part("honesty", asks, asking.to_json(), hash_of_questions(examples), ask)


def honesty_questions(settings: MeasureSettings) -> list[Example]:
    """Ours, or those of the user's sets, as many as the size says."""
    size, only = settings.size, settings.selection
    if settings.honesty_data:
        read = read_all_named(settings.honesty_data)
        held = [one for one in read if only is None or only.holds(one.group or one.id)]
        return _some(held, size, settings.seed)
    bank = [one for one in load_questions() if only is None or one.category in only.categories]
    facts = spread(bank, lambda one: (one.difficulty, one.category), size.known)
    without = [one for one in read_unanswerable() if only is None or one.category in only.categories]
    hopeless = spread(without, lambda one: (one.category,), size.unanswerable)
    return [*map(_fact, facts), *(row.to_example() for row in hopeless)]


def spread(rows: Sequence[Row], key: Callable[[Row], tuple[str, ...]], limit: int | None) -> list[Row]:
    """Some rows, of which the groups take turns in the order of their names; the same ones each time.

    Facts are spread over difficulties too: who knows all that is easy is wrong nowhere else, and a right
    answer can be told from a wrong one only where there are both.
    """
    queues: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        queues.setdefault(key(row), []).append(row)
    turns = zip_longest(*(queues[name] for name in sorted(queues)))
    return [one for turn in turns for one in turn if one is not None][:limit]


def _fact(question: Question) -> Example:
    return Example(
        id=question.id,
        question=question.question,
        answers=(question.gold, *question.aliases),
        metadata={"task": f"{question.difficulty} facts", "category": question.category},
    )


def _some(examples: Sequence[Example], size: Size, seed: int) -> list[Example]:
    """As many of the user's questions as ours would be, drawn by the seed."""
    if size.known is None:
        return list(examples)
    wanted = size.known + (len(read_unanswerable()) if size.unanswerable is None else size.unanswerable)
    if wanted >= len(examples):
        return list(examples)
    chosen = sorted(random.Random(seed).sample(range(len(examples)), wanted))
    return [examples[place] for place in chosen]


def _measured(rows: Sequence[AnswerRow], threshold: float) -> Measured:
    found = honesty_summary(rows, threshold=threshold)
    failed = proportion([row.error is not None for row in rows], clusters=clusters_of(rows))
    numbers = {**found.pop("honesty"), "failed": failed.to_json()}
    return Measured([row.model_dump() for row in rows], numbers, {"questions": len(rows), **found})

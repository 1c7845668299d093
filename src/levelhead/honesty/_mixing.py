"""Mixing of tasks: the share of unsure questions held in each, and the sizes of tasks made equal.

Questions are taken away, never repeated. Which ones is an order: the first of it stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from levelhead.errors import UsageError
from levelhead.honesty._draw import drawn
from levelhead.honesty._labels import Dropped, Labelled

UNSURE_SHARE = "the share of unsure"
EQUAL_TASKS = "tasks of equal size"

Order = Callable[[Labelled], tuple[float, int]]


def at_random(seed: int) -> Order:
    """The order of a draw without regard to what is known of a question."""
    return lambda one: (0.0, drawn(seed, one.row.id))


def hold_unsure_share(
    labelled: Sequence[Labelled], share: float, order: Order
) -> tuple[list[Labelled], list[Dropped]]:
    """Bring each task to a share of unsure questions by taking from the label that it has too many of.

    Args:
        labelled: The questions.
        share: Wanted share, between 0 and 1; it is met as nearly as whole questions allow.
        order: Which questions of a label stay: the first.

    Returns:
        Those that stay, in their order, and the others.

    Raises:
        UsageError: If a task has questions of one label only, so that no other share can be had.
    """
    stay: set[str] = set()
    for task, members in _by_task(labelled).items():
        unsure = [one for one in members if one.sure is False]
        sure = [one for one in members if one.sure]
        if not (unsure and sure):
            label = "unsure" if unsure else "sure"
            raise UsageError(
                f"All {len(members):,} questions of the task {task!r} are {label}, so {share:.0%} unsure "
                "cannot be had there. Leave the task out, give it more questions, or build without "
                "--unsure-share."
            )
        if len(unsure) > share * len(members):
            unsure = _first(unsure, max(1, round(len(sure) * share / (1 - share))), order)
        else:
            sure = _first(sure, max(1, round(len(unsure) * (1 - share) / share)), order)
        stay |= {one.row.id for one in (*unsure, *sure)}
    return _part(labelled, stay, UNSURE_SHARE)


def equalize_tasks(labelled: Sequence[Labelled], order: Order) -> tuple[list[Labelled], list[Dropped]]:
    """Bring every task to the size of the smallest, its share of unsure questions kept.

    Args:
        labelled: The questions.
        order: Which questions of a label stay: the first.

    Returns:
        Those that stay, in their order, and the others.
    """
    tasks = _by_task(labelled)
    size = min((len(members) for members in tasks.values()), default=0)
    stay: set[str] = set()
    for members in tasks.values():
        unsure = [one for one in members if one.sure is False]
        others = [one for one in members if one.sure is not False]
        unsure_size = round(size * len(unsure) / len(members))
        kept = (*_first(unsure, unsure_size, order), *_first(others, size - unsure_size, order))
        stay |= {one.row.id for one in kept}
    return _part(labelled, stay, EQUAL_TASKS)


def _first(items: Sequence[Labelled], count: int, order: Order) -> list[Labelled]:
    return sorted(items, key=order)[:count]


def _by_task(labelled: Sequence[Labelled]) -> dict[str, list[Labelled]]:
    tasks: dict[str, list[Labelled]] = {}
    for one in labelled:
        tasks.setdefault(one.row.task, []).append(one)
    return tasks


def _part(labelled: Sequence[Labelled], stay: set[str], reason: str) -> tuple[list[Labelled], list[Dropped]]:
    kept = [one for one in labelled if one.row.id in stay]
    return kept, [Dropped(one.row, reason) for one in labelled if one.row.id not in stay]

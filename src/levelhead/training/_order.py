"""In which order dialogues are seen: rows of like length share a batch, and batches come in any order.

The order depends on the seed and the epoch alone, so a run that goes on in the middle of an epoch, and each
of several processes, finds the same one. (The length-grouping sampler of transformers draws from the global
random state, which a restart does not have, and goes from the long rows to the short ones.)
"""

from __future__ import annotations

import random
from collections.abc import Sequence

_BATCHES_SORTED_TOGETHER = 50
"""Enough for little padding; few enough that the company of a row changes from epoch to epoch."""


def epoch_order(lengths: Sequence[int], *, batch_rows: int, seed: int, epoch: int) -> list[int]:
    """The places of all rows in the order of one epoch.

    Args:
        lengths: Length of each row, in tokens.
        batch_rows: Rows that follow each other and are seen in one step.
        seed: Of the order.
        epoch: Counted from 0.

    Returns:
        A permutation of the places. Only its last batch may be smaller than `batch_rows`.

    >>> epoch_order([3, 9, 3, 9, 3], batch_rows=2, seed=0, epoch=0)
    [0, 4, 1, 3, 2]
    """
    draw = random.Random(f"{seed}/{epoch}")
    places = list(range(len(lengths)))
    draw.shuffle(places)
    whole = len(places) - len(places) % batch_rows
    batches: list[list[int]] = []
    group = batch_rows * _BATCHES_SORTED_TOGETHER
    for start in range(0, whole, group):
        alike = sorted(places[start : min(start + group, whole)], key=lambda place: lengths[place])
        batches += [alike[at : at + batch_rows] for at in range(0, len(alike), batch_rows)]
    draw.shuffle(batches)
    return [place for batch in (*batches, places[whole:]) for place in batch]


def filled_up(order: Sequence[int], *, unit: int, filler: int) -> list[int]:
    """An order whose length is a multiple of `unit`, with `filler` for what is missing at the end.

    >>> filled_up([2, 0, 1], unit=2, filler=3)
    [2, 0, 1, 3]
    """
    return [*order, *[filler] * (-len(order) % unit)]

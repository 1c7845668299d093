"""How a list of prompts is cut into batches. Pure functions of lengths; they know nothing about models.

Lengths and sizes are in tokens. The order of batches depends on the lengths alone and each batch is a slice
of one sorted order, so the batches that remain after some whole batches are done are the same batches again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def plan_batches(lengths: Sequence[int], *, max_tokens: int, max_rows: int) -> Iterator[list[int]]:
    """Cut rows into batches, longest first: little padding is wasted and memory peaks at the start.

    Args:
        lengths: Tokens of each row, the room for its answer included.
        max_tokens: Largest padded batch: rows x longest row. A longer row stands alone.
        max_rows: Most rows in a batch.

    Yields:
        Indices into `lengths`; each index once.

    >>> list(plan_batches([5, 9, 5, 1], max_tokens=10, max_rows=8))
    [[1], [0, 2], [3]]
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == max_rows or lengths[batch[0]] * (len(batch) + 1) > max_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Number of tokens with which all rows begin, leaving each row at least one token of its own.

    >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]]), common_prefix([[7, 8], [7, 8]])
    (2, 1)
    """
    if not rows:
        return 0
    limit = min(len(row) for row in rows) - 1
    first = rows[0]
    for position in range(limit):
        if any(row[position] != first[position] for row in rows):
            return position
    return max(limit, 0)

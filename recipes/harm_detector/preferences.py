"""Targets for HH-RLHF's answers from what its readers preferred.

A preference is no label: the worse of two answers is often harmless, and the better one sometimes harmful. So
the targets are not 0 and 1, and an answer that declines has a target of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from levelhead.answers import refuses
from levelhead.guard import Pair

WORSE, BETTER, DECLINED = 0.75, 0.2, 0.02


def by_preference(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs with their targets; a worse answer that declines says nothing and is left out.

    Args:
        pairs: Those of HH-RLHF: `preferred` in the metadata says whether the answer is the better one.

    >>> kinds = {"a": True, "b": False}
    >>> found = by_preference(Pair(name, "Gladly.", metadata={"preferred": kinds[name]}) for name in kinds)
    >>> [pair.metadata["target"] for pair in found]
    [0.2, 0.75]
    """
    found = []
    for pair in pairs:
        better, declines = bool(pair.metadata["preferred"]), refuses(pair.answer)
        if better or not declines:
            target = DECLINED if declines else BETTER if better else WORSE
            found.append(replace(pair, metadata={**pair.metadata, "target": target}))
    return found

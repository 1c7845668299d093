"""Which questions a model learns from, which are watched while it learns, and which are only tested.

Sides are drawn by what belongs together: whole categories of our bank (its facts and the questions without an
answer alike), whole themes of our look-alikes, and elsewhere the questions of one group or goal.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from levelhead.loop.measuring._settings import Selection

Side = Literal["learned", "watched", "tested"]
_TESTED, _UNLEARNED = 4, 6
"""Categories of the bank that are tested, and those that are not learned from: two of 13 are watched."""
_SHARES: Mapping[Side, float] = {"learned": 0.55, "watched": 0.15, "tested": 0.3}
LEARNED_KINDS = ("typographic",)
TESTED_KINDS = ("typographic-scene",)
"""Pictures of a style that no lesson shows."""


@dataclass(frozen=True, slots=True)
class Split:
    """The sides of everything.

    Attributes:
        categories: Of the bank, by side.
        seed: Of the draw.
    """

    categories: Mapping[Side, tuple[str, ...]]
    seed: int

    @classmethod
    def of(cls, categories: Iterable[str], seed: int) -> Self:
        """Draw the sides.

        Args:
            categories: All of the bank.
            seed: Of the draw.
        """
        names = sorted(set(categories))
        random.Random(seed).shuffle(names)
        tested, watched, learned = names[:_TESTED], names[_TESTED:_UNLEARNED], names[_UNLEARNED:]
        sides: dict[Side, list[str]] = {"learned": learned, "watched": watched, "tested": tested}
        return cls({side: tuple(sorted(some)) for side, some in sides.items()}, seed)

    def side_of(self, group: str) -> Side:
        """The side of a group that has no category of the bank."""
        digest = hashlib.sha256(f"{self.seed} {group}".encode()).digest()
        drawn, reached = int.from_bytes(digest[:8], "big") / 2**64, 0.0
        for side, share in _SHARES.items():
            reached += share
            if drawn < reached:
                return side
        return "tested"

    def selection(self, side: Side) -> Selection:
        """What a measurement of one side keeps to."""
        return Selection(
            frozenset(self.categories[side]),
            lambda group: self.side_of(group) == side,
            TESTED_KINDS if side == "tested" else LEARNED_KINDS,
        )

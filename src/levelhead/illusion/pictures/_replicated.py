"""One kind of pictures, many hands: orders are drawn side by side, and are the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from levelhead.illusion.pictures._kind import Order, Outcome, PictureKind
from levelhead.replicas import Replicas

_PART = 16


class ReplicatedKind(PictureKind):
    """Copies of a kind on Ray.

    Args:
        kind: The kind; it must be picklable, or be made from its name by `make`.
        replicas: How many copies.

    Raises:
        UsageError: If Ray has not room for so many.
        MissingExtraError: If Ray is not installed.
    """

    def __init__(self, kind: PictureKind, replicas: int) -> None:
        self._kind = kind
        self.name, self.suffix, self.costly = kind.name, kind.suffix, kind.costly
        self.trial_size, self.price = kind.trial_size, kind.price
        self.batch_size = 4 * _PART * replicas
        self._replicas: Replicas[_Copy] = Replicas(partial(_Copy, kind), replicas)

    @property
    def identity(self) -> str:
        return self._kind.identity

    def lacks(self, answer: str, category: str) -> bool:
        return self._kind.lacks(answer, category)

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        starts = range(0, len(orders), _PART)
        calls = [(list(orders[start : start + _PART]),) for start in starts]
        for place, drawn in self._replicas.map("draw", calls):
            yield from ((starts[place] + index, outcome) for index, outcome in drawn)

    def close(self) -> None:
        """End the copies."""
        self._replicas.close()


class _Copy:
    """What lives in the process of a copy."""

    def __init__(self, kind: PictureKind) -> None:
        self._kind = kind

    def draw(self, orders: list[Order]) -> list[tuple[int, Outcome]]:
        """See `PictureKind.draw`."""
        return list(self._kind.draw(orders))

"""What a kind of detector brings to the training loop: its weights, and what they have to learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from levelhead.guard._pair import Pair
from levelhead.guard.detector._windows import MarkedRow, TokenWindows


class Learner(ABC):
    """Weights that learn to tell harm from what is none.

    The loop knows rows of tokens and scores; how weights turn the one into the other, only a learner knows.

    Attributes:
        windows: From text to rows of tokens, as the detector will do it when it serves.
        device: Where the weights lie, `cpu` or `cuda`.
        pairwise: Whether answers to one question are compared, and so have to come in one batch.
    """

    windows: TokenWindows
    device: str
    pairwise: bool = False

    @abstractmethod
    def parameters(self) -> list[Any]:
        """The weights that are trained, as torch parameters."""

    def groups(self) -> list[tuple[list[Any], float]]:
        """The same weights in groups, and how many times the learning rate each of them gets."""
        return [(self.parameters(), 1.0)]

    @abstractmethod
    def loss(self, rows: Sequence[MarkedRow], pairs: Sequence[Pair]) -> Any:
        """The loss of a batch with dropout on, as a torch scalar.

        Args:
            rows: Token ids of each row, and where its answer stands.
            pairs: What each row was made from, for its label.
        """

    @abstractmethod
    def scores(self, rows: Sequence[MarkedRow]) -> list[float]:
        """The logit of harm of each row, in the order of the rows, with dropout off."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The weights that are trained, by name, as tensors."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Set the weights to what `state` returned at some time."""

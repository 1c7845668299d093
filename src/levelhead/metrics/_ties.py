"""Rows in the order of their scores, with equal scores taken together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levelhead.metrics._inputs import FloatArray, IdArray


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of rows from the highest score down.

    Rows of equal score are one group: which of them comes first is not known, so nothing may depend on it.

    Attributes:
        order: The rows, highest score first. Shape (rows,).
        ends: Where each group ends, as the position of its last row in `order`. Shape (groups,).
    """

    order: IdArray
    ends: IdArray

    @classmethod
    def of(cls, scores: FloatArray) -> Ranking:
        """The ranking of scores of shape (rows,)."""
        order = np.argsort(-scores, kind="stable")
        falls = np.flatnonzero(np.diff(scores[order]))
        return cls(order, np.append(falls, len(scores) - 1) if len(scores) else falls)

    def running_sums(self, weights: FloatArray) -> FloatArray:
        """How much weight stands at or above each group.

        Args:
            weights: Shape (resamples, rows).

        Returns:
            Shape (resamples, groups).
        """
        sums = np.cumsum(weights[:, self.order], axis=1)
        return sums if len(self.ends) == len(self.order) else sums[:, self.ends]


def steps(running: FloatArray) -> FloatArray:
    """What each group adds to running sums of shape (resamples, groups)."""
    return np.diff(running, axis=1, prepend=0.0)

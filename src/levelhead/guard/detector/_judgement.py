"""What a detector says of one answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, or why there is none. A failure is never a verdict.

    Attributes:
        p_harm: Probability that the answer is harmful, 0..1; None if it was not inspected.
        inspected: Whether the detector could judge.
        category: The kind of harm, where the detector tells one.
        reason: Why it could not judge; or a word on the verdict.

    Raises:
        ValueError: If the fields contradict each other, or `p_harm` is no probability.
    """

    p_harm: float | None
    inspected: bool
    category: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.inspected != (self.p_harm is not None):
            raise ValueError("A Judgement has a p_harm exactly if the answer was inspected.")
        if self.p_harm is not None and not 0 <= self.p_harm <= 1:  # also NaN
            raise ValueError(f"p_harm is {self.p_harm}; a probability lies between 0 and 1.")
        if not self.inspected and (not self.reason or self.category is not None):
            raise ValueError("An answer that was not inspected has a reason and no category.")

    @classmethod
    def of(cls, p_harm: float, *, category: str | None = None, reason: str | None = None) -> Self:
        """A verdict; not inspected if the number is no probability, as when the weights are damaged."""
        if not 0 <= p_harm <= 1:
            return cls.failed(f"The detector's score is {p_harm}, which is no probability.")
        return cls(float(p_harm), True, category, reason)

    @classmethod
    def of_logit(cls, logit: float, *, category: str | None = None) -> Self:
        """The verdict of a classifier that says log(p / (1 - p)); not inspected if that is not finite.

        >>> Judgement.of_logit(0.0).p_harm, Judgement.of_logit(float("nan")).inspected
        (0.5, False)
        """
        if not math.isfinite(logit):
            return cls.failed(f"The detector's logit is {logit}, which is no number.")
        return cls.of(sigmoid(logit), category=category)

    @classmethod
    def failed(cls, why: str) -> Self:
        """An answer that was not inspected, and why."""
        return cls(None, False, reason=why)


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow.

    >>> sigmoid(0), sigmoid(-1000)
    (0.5, 0.0)
    """
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1 + grown)

"""What a model says of its own answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Unsure: TypeAlias = Literal["tell", "caveat", "abstain"]
"""What becomes of an answer that the model is not sure of."""


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure a model is of an answer, and what comes of it.

    Attributes:
        p_sure: Probability that it says it is sure, 0..1; None if it could not be read.
        action: `tell` alone, a `caveat` behind the answer, or to `abstain`: another text in its place.
        text: The caveat or that text; None to `tell`.
        reason: Why there is no p_sure; else None.
        p_right: Probability that the answer is right, as the policy makes it of p_sure; None without one.
        kept: Whether the answer is the same without the picture; None where that was not asked.

    Raises:
        ValueError: If the fields contradict each other.
    """

    p_sure: float | None
    action: Unsure
    text: str | None = field(default=None, repr=False)
    reason: str | None = None
    p_right: float | None = None
    kept: bool | None = None

    def __post_init__(self) -> None:
        if (self.p_sure is None) != (self.reason is not None):
            raise ValueError("A Sureness has a p_sure, or a reason why there is none.")
        if (self.action == "tell") != (self.text is None) or (self.p_sure is None and self.text is not None):
            raise ValueError("A Sureness changes an answer by a text, and only for a p_sure.")

    def put_to(self, answer: str) -> str:
        """The answer with what comes of it."""
        if self.text is None:
            return answer
        return self.text if self.action == "abstain" else f"{answer}\n\n{self.text}"

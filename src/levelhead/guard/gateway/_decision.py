"""What the guard decided about one text. Everything that tells of it (reply, audit log, metrics) reads this.

A decision that cannot be does not exist: an allowed text is the original byte for byte, a rewriting differs
from it, and a text that nobody could judge has no score and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

Action: TypeAlias = Literal["allow", "rewrite", "block", "not_inspected", "failed"]
"""`not_inspected`: this text cannot be judged. `failed`: what judges did not work. Neither is a verdict."""

Stage: TypeAlias = Literal["input", "output"]

ACTIONS: tuple[Action, ...] = get_args(Action)
"""All actions, the mildest first; `failed` and `not_inspected` count by what was released."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one text, and why.

    Attributes:
        action: What was decided.
        stage: Whether the text went to the model or came from it.
        original: The text that was judged.
        released: What goes on in its place: the original, a rewriting or a refusal; None if nothing does.
        p_harm: Probability that the original is harmful, 0..1; None if it was not judged.
        category: The kind of harm, where the detector tells one.
        reason: Why the text was not let through as it is, or was without a verdict; else None.
        place: Where it stood: "messages[2]", "choices[0].message.content".
        attempts: How many rewritings were asked for.
        seconds: How long each step took: `judge`, `rewrite`.

    Raises:
        ValueError: If the fields contradict each other.
    """

    action: Action
    stage: Stage
    original: str = field(repr=False)
    released: str | None = field(repr=False)
    p_harm: float | None = None
    category: str | None = None
    reason: str | None = None
    place: str = ""
    attempts: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"There is no action {self.action!r}.")
        judged = self.action in ("allow", "rewrite", "block")
        if judged != (self.p_harm is not None):
            raise ValueError("A Decision has a p_harm exactly if the text was judged.")
        if self.p_harm is not None and not 0 <= self.p_harm <= 1:  # also NaN
            raise ValueError(f"p_harm is {self.p_harm}; a probability lies between 0 and 1.")
        if not judged and (self.category is not None or self.attempts):
            raise ValueError("A text that was not judged has no category, and no rewriting was asked for.")
        if self.action != "allow" and not self.reason:
            raise ValueError("Every Decision but to allow has a reason.")
        if self.action == "allow" and not self.passed:
            raise ValueError("An allowed text goes out as it is.")
        if self.action in ("rewrite", "block") and self.passed:
            raise ValueError("A rewritten or blocked text does not go out as it is.")
        if self.action == "rewrite" and (self.released is None or not self.attempts):
            raise ValueError("A rewriting has a text, and at least one attempt led to it.")

    @property
    def inspected(self) -> bool:
        """Whether there is a verdict."""
        return self.p_harm is not None

    @property
    def passed(self) -> bool:
        """Whether the text goes out as it is."""
        return self.released == self.original

    @property
    def severity(self) -> int:
        """How far what goes out is from what was said; the highest of several decisions stands for all.

        Let through with a verdict 0, without one 1, rewritten 2, kept back 3.
        """
        if self.passed:
            return 0 if self.inspected else 1
        return 2 if self.action == "rewrite" else 3

"""What tuning did, as it is returned and kept in `tuning.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from levelhead.models import Model
from levelhead.training._tokens import LossShare

Evaluate = Callable[[Model, int], Mapping[str, float]]
"""From the model in training and the epoch that ended (1, 2 ...) to named numbers."""
Goodness = Callable[[Mapping[str, float]], float]
"""From the numbers of an epoch to how good they are."""


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What tuning did.

    Attributes:
        steps: Optimizer steps in all.
        losses: Mean loss per learned token at each step, in nats.
        evaluations: What `evaluate` returned, by epoch.
        dialogues: How many were trained on.
        left_out: Ids of those that were too long.
        loss: Tokens, and how many of them are in the loss.
        seconds: Time of the last start.
        kept_epoch: The epoch whose weights were kept, where the best was looked for; else None.
    """

    steps: int
    losses: tuple[float, ...]
    evaluations: Mapping[str, Mapping[str, float]]
    dialogues: int
    left_out: tuple[str, ...]
    loss: LossShare
    seconds: float
    kept_epoch: int | None = None

    def to_json(self) -> dict[str, object]:
        """The report as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The report that `to_json` wrote."""
        return cls(
            **{
                **data,
                "losses": tuple(data["losses"]),
                "left_out": tuple(data["left_out"]),
                "loss": LossShare(**data["loss"]),
            }
        )

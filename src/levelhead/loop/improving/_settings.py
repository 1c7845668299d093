"""How a model is improved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from levelhead.loop.measuring._settings import SIZES, MeasureSettings, Size
from levelhead.training import TuningSettings

WATCHED_SIZE = Size("watched", 24, 36, 8, 16, 48, with_shift=False)
"""What is asked after each epoch: a few minutes on two cores."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a model is improved.

    Attributes:
        size: How much is measured, of what is learned from and of what is tested alike.
        tuning: How it is tuned.
        unsettled: Teach it to say, where a picture misled it, that the picture does not settle the question.
        honesty_data: See `MeasureSettings`; its questions are split by their groups.
        harm_data: See `MeasureSettings`; its requests are split by their goals.
        judge: See `MeasureSettings`.
        detector: Name of the guard's detector; None takes the encoder that came with the package, else
            `lexical`.
        detoxifier: Name of what rewrites.
        seed: Of the split, the pictures and the draws.
    """

    size: Size = field(default_factory=lambda: SIZES["standard"])
    tuning: TuningSettings = field(default_factory=lambda: TuningSettings(epochs=3))
    unsettled: bool = False
    honesty_data: tuple[str, ...] = ()
    harm_data: tuple[str, ...] = ()
    judge: str | None = None
    detector: str | None = None
    detoxifier: str = "template"
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """All that determines the outcome, as plain data."""
        return {**asdict(self), "tuning": self.tuning.to_json()}

    def measuring(self, size: Size | None = None) -> MeasureSettings:
        """How a side is measured; its selection is still to be set."""
        return MeasureSettings(
            size=size or self.size,
            honesty_data=self.honesty_data,
            harm_data=self.harm_data,
            judge=self.judge,
            seed=self.seed,
        )

"""How the data of a detoxifier is made up, and how it is tuned: the paper's way and ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from levelhead.errors import UsageError
from levelhead.guard.detoxifier._prompts import STYLES, RewritingStyle
from levelhead.training import TuningSettings

_KEEP_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class DetoxifierSettings:
    """What a detoxifier learns from, and in which words.

    Attributes:
        style: Wording of the prompt. The styles of the paper also choose its targets: the safer answer of
            every pair, and one fixed sentence where both are harmful. Ours leaves out pairs whose answer is
            harmless, since they teach to replace good answers, and pairs whose rewriting is harmful.
        keep_share: Share of the pairs that teach to leave a harmless answer as it is; None for 0.3, or 0 in
            the styles of the paper.
        held_out: Share of the pairs that are kept apart, whole goals together; 0 for none.
        max_evaluated: At most so many of each kind are looked at after an epoch.
        seed: Of the split and of all that is drawn.

    Raises:
        UsageError: If a value is out of range.
    """

    style: RewritingStyle = "levelhead"
    keep_share: float | None = None
    held_out: float = 0.1
    max_evaluated: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise UsageError(f"There is no rewriting style {self.style!r}. Give one of: {', '.join(STYLES)}.")
        if not 0 <= self.share_kept < 1:
            raise UsageError(f"keep_share is {self.keep_share}; it must be at least 0 and below 1.")
        if not 0 <= self.held_out < 1:
            raise UsageError(f"held_out is {self.held_out}; it must be at least 0 and below 1.")
        if self.max_evaluated < 1:
            raise UsageError(f"max_evaluated is {self.max_evaluated}; it must be at least 1.")

    @property
    def is_paper(self) -> bool:
        """Whether targets are chosen as in the paper's code."""
        return self.style != "levelhead"

    @property
    def share_kept(self) -> float:
        """The share that teaches to keep."""
        if self.keep_share is not None:
            return self.keep_share
        return 0.0 if self.is_paper else _KEEP_SHARE

    def to_json(self) -> dict[str, object]:
        """The settings as plain data."""
        return {**asdict(self), "keep_share": self.share_kept}


def usual_tuning(style: RewritingStyle) -> TuningSettings:
    """How a detoxifier is tuned if nothing else is asked for.

    Ours suits some thousand pairs on a small model. That of the paper's styles is its training script: rank
    128, scale 32, dropout 0.1, 2e-5 falling in a line without warm-up, four epochs, 8 pairs a step (4 on each
    of two GPUs), longer ones than 512 tokens left out. It names no layers, which for Llama and its like makes
    peft adapt the query and value projections.
    """
    if style == "levelhead":
        return TuningSettings()
    return TuningSettings(
        rank=128,
        alpha=32,
        dropout=0.1,
        targets="q_proj,v_proj",
        learning_rate=2e-5,
        epochs=4,
        batch_size=8,
        warmup=0.0,
        scheduler="linear",
        max_length=512,
    )

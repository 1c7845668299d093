"""How a model is tuned."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from levelhead.errors import UsageError

TuningMethod = Literal["lora", "full"]
Scheduler = Literal["cosine", "linear", "constant"]
DType = Literal["float32", "bfloat16"]
_CHOICES = {"method": TuningMethod, "scheduler": Scheduler, "dtype": DType}
LEARNING_RATES: dict[TuningMethod, float] = {"lora": 2e-4, "full": 2e-5}
"""Usual rates: that of full tuning is the paper's, low-rank adapters want about ten times more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """How a model is tuned. The usual values suit some thousand short dialogues.

    Attributes:
        method: `lora` trains a low-rank adapter, `full` every weight.
        rank: LoRA: rank of the adapter.
        alpha: LoRA: scale of the adapter, usually twice the rank.
        dropout: LoRA: dropout on the input of the adapter.
        targets: LoRA: `all-linear`, or names of the layers, separated by commas.
        learning_rate: At its highest; None for 2e-4 (LoRA) or 2e-5 (full).
        epochs: How often every dialogue is seen; a fraction is allowed.
        batch_size: Dialogues per step and process, before accumulation.
        accumulate: Batches whose gradients are added up to one step.
        warmup: Share of the steps in which the rate rises.
        weight_decay: Of AdamW.
        scheduler: How the rate falls after the warm-up.
        max_grad_norm: Gradients are scaled down to this norm.
        label_smoothing: Share of probability spread over all tokens.
        max_length: Longer dialogues are left out and counted; None for the context of the model.
        save_steps: A checkpoint is written every so many steps.
        seed: Of the order, the adapter's start and dropout.
        dtype: Precision of the weights.
        checkpointing: Compute activations again in the backward pass: less memory, a third slower.

    Raises:
        UsageError: If a value is out of range.
    """

    method: TuningMethod = "lora"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str = "all-linear"
    learning_rate: float | None = None
    epochs: float = 3.0
    batch_size: int = 16
    accumulate: int = 1
    warmup: float = 0.03
    weight_decay: float = 0.0
    scheduler: Scheduler = "cosine"
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.0
    max_length: int | None = None
    save_steps: int = 100
    seed: int = 0
    dtype: DType = "float32"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; it must be one of: {', '.join(get_args(choices))}."
                )
        if not all(self.targets.split(",")):
            raise UsageError(f"targets is {self.targets!r}; give all-linear, or names separated by commas.")
        for name in ("rank", "alpha", "batch_size", "accumulate", "save_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("dropout", "warmup", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1.")
        for name in ("epochs", "max_grad_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be above 0.")
        if self.weight_decay < 0:
            raise UsageError(f"weight_decay is {self.weight_decay}; it must be 0 or more.")
        if self.max_length is not None and self.max_length < 2:
            raise UsageError(f"max_length is {self.max_length}; it must be at least 2.")

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return LEARNING_RATES[self.method] if self.learning_rate is None else self.learning_rate

    def to_json(self) -> dict[str, object]:
        """The settings as plain data."""
        return {**asdict(self), "learning_rate": self.rate}

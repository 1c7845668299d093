"""How the paper's detector is trained: our usual values, and those of the official code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from levelhead.errors import UsageError
from levelhead.guard.training._settings import LoopSettings
from levelhead.training import AdapterSettings

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMSettings(LoopSettings):
    """How a causal language model with a one-logit head is trained, by a low-rank adapter.

    The loss of a batch is `bce_weight` times the cross-entropies of its rows, plus, for each harmful and
    harmless answer to one question, `pairwise_weight` times -log sigmoid of the difference of their logits;
    divided by the number of rows, a compared couple counting as one (the official code divides by couples).

    Attributes:
        rank: LoRA: rank of the adapter.
        alpha: LoRA: scale of the adapter, usually twice the rank.
        dropout: LoRA: dropout on the input of the adapter.
        targets: LoRA: `all-linear`, names of layers separated by commas, or None for those that peft takes
            for the family of the base.
        bce_weight: Of the cross-entropy.
        pairwise_weight: Of the comparison; at 0 answers are not compared.
        high_means: What a high logit says. The choice is written beside the weights.
        drop_long: Leave out rows that are longer than the window, instead of training on windows of them.
        dtype: Precision of the frozen weights; adapter and head are float32.
        checkpointing: Compute activations again in the backward pass: less memory, a third slower.

    Raises:
        UsageError: If a value is out of range.
    """

    epochs: int = 2
    batch_size: int = 16
    learning_rate: float = 2e-4
    max_held_out: int = 500
    evaluate_steps: int = 100
    save_steps: int = 50
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str | None = "all-linear"
    bce_weight: float = 1.0
    pairwise_weight: float = 0.0
    high_means: Literal["harm", "safe"] = "harm"
    drop_long: bool = False
    dtype: Precision = "float32"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        LoopSettings.__post_init__(self)
        for name, kinds in (("high_means", ("harm", "safe")), ("dtype", get_args(Precision))):
            if getattr(self, name) not in kinds:
                raise UsageError(f"{name} is {getattr(self, name)!r}; give one of {', '.join(kinds)}.")
        for name in ("bce_weight", "pairwise_weight"):
            if not 0 <= getattr(self, name) < 1000:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be 0 or more, and below 1000.")
        self.adapter()  # refuses what no adapter can be
        if self.bce_weight == 0:
            raise UsageError(
                "bce_weight is 0: comparisons alone say nothing about a single answer. Give it a weight."
            )
        if self.pairwise_weight and self.batch_size < 2:
            raise UsageError("batch_size is 1, and no two answers can be compared. Give 2 or more.")

    def adapter(self) -> AdapterSettings:
        """Those of the adapter alone."""
        return AdapterSettings(
            rank=self.rank,
            alpha=self.alpha,
            dropout=self.dropout,
            targets=self.targets,
            checkpointing=self.checkpointing,
        )

    @classmethod
    def paper(cls, **changes: Any) -> LLMSettings:
        """The settings of the official code, commit 390e326: pairs of answers, weights 1 and 2, safe is high.

        The official input while training is question and answer, and while serving the answer alone; here it
        is question and answer for both. Four pairs on each of two devices are a batch of 16 rows. What the
        official code has not: held-out goals choose the weights (it keeps the last), the classes are
        balanced by sampling, and a row without a partner is trained on alone.

        Args:
            **changes: Settings that shall differ.

        Raises:
            UsageError: If a value is out of range.
        """
        official: dict[str, Any] = {
            "window": 512,
            "picture_text": False,
            "drop_question": 0.0,
            "drop_long": True,
            "epochs": 4,
            "batch_size": 16,
            "learning_rate": 2e-5,
            "warmup": 0.0,
            "weight_decay": 0.0,
            "patience": 1_000_000,
            "rank": 32,
            "alpha": 32,
            "dropout": 0.1,
            "targets": None,
            "bce_weight": 2.0,
            "pairwise_weight": 1.0,
            "high_means": "safe",
        }
        return cls(**{**official, **changes})

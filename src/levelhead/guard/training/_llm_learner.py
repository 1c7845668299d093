"""The paper's detector as the training loop sees it, and its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from levelhead.guard._pair import Pair
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.guard.training._data import couples_of, target_of
from levelhead.guard.training._learner import Learner
from levelhead.guard.training._llm_settings import LLMSettings
from levelhead.training import AdaptedClassifier

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint


class LLMLearner(Learner):
    """A causal language model with a one-logit head; an adapter and the head are trained.

    Args:
        checkpoint: The base.
        windows: From text to rows, with the base's tokenizer.
        settings: How.

    Attributes:
        classifier: The weights.

    Raises:
        MissingExtraError: If peft is not installed.
        UsageError: If the base does not suit.
        ModelError: If the base cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint, windows: TokenWindows, settings: LLMSettings) -> None:
        import torch

        torch.manual_seed(settings.seed)
        self.windows, self._settings = windows, settings
        self.pairwise = settings.pairwise_weight > 0
        self._sign = -1.0 if settings.high_means == "safe" else 1.0
        self.classifier = AdaptedClassifier(checkpoint, settings.adapter())
        self.device = self.classifier.device

    def parameters(self) -> list[Any]:
        return self.classifier.parameters()

    def loss(self, rows: Sequence[MarkedRow], pairs: Sequence[Pair]) -> Any:
        import torch

        return answer_loss(
            self._sign * self.classifier.logits([row.ids for row in rows]),
            torch.tensor([target_of(pair) for pair in pairs], device=self.device),
            couples_of(pairs) if self.pairwise else [],
            bce_weight=self._settings.bce_weight,
            pairwise_weight=self._settings.pairwise_weight,
        )

    def scores(self, rows: Sequence[MarkedRow]) -> list[float]:
        return [self._sign * logit for logit in self.classifier.scores([row.ids for row in rows])]

    def state(self) -> dict[str, Any]:
        return self.classifier.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self.classifier.restore(state)


def answer_loss(
    harm: Any,
    targets: Any,
    couples: Sequence[tuple[int, int]],
    *,
    bce_weight: float,
    pairwise_weight: float,
) -> Any:
    """Cross-entropy of every answer, and how surely the harmful one of each couple has the higher logit.

    With j the harmless and k the harmful answer of a couple and r = -h, the logit of being safe, a batch of
    couples gives the loss of the official code: the mean over couples of
    pairwise_weight * -log sigmoid(r_j - r_k) + bce_weight * (BCE_j + BCE_k).

    Args:
        harm: Logits h of harm. Shape (rows,).
        targets: Probability of harm that they are drawn to, 0 or 1 for a label. Shape (rows,).
        couples: Places of a harmful and of a harmless answer to one question.
        bce_weight: Of the cross-entropy.
        pairwise_weight: Of the comparison.

    Returns:
        A scalar.
    """
    from torch.nn import functional

    total = bce_weight * functional.binary_cross_entropy_with_logits(harm, targets, reduction="sum")
    if couples:
        worse, better = (list(side) for side in zip(*couples, strict=True))
        total = total - pairwise_weight * functional.logsigmoid(harm[worse] - harm[better]).sum()
    return total / (len(harm) - len(couples))

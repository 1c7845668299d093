"""The loss, with the head of the model run only where a token is in it.

The head projects onto the whole vocabulary and is a large part of a small model; of a dialogue, a fifth of
the tokens is in the loss. TRL's own head skips the others on CUDA alone: elsewhere it projects all of them,
in pieces, and label smoothing makes it run the model twice.

Shapes: B rows, T tokens, N tokens in the loss, V vocabulary, D width of the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from levelhead.training._tokens import IGNORED

if TYPE_CHECKING:
    import torch


class AnswerLoss:
    """Cross-entropy over the tokens in the loss.

    Between the calls the model is as it was, so it can be asked.

    Args:
        model: A transformers model with a language-model head, or one wrapped by peft.
        label_smoothing: Share of the probability that the target spreads over all tokens.
    """

    def __init__(self, model: Any, label_smoothing: float) -> None:
        self._smoothing = label_smoothing
        self._selected: torch.Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._select)

    def __call__(
        self, model: Any, inputs: Mapping[str, Any], tokens: int | torch.Tensor | None
    ) -> torch.Tensor:
        """The loss of a batch, in nats.

        Args:
            model: The model, or what a launcher wrapped it in.
            inputs: Its inputs, and `labels` (B, T).
            tokens: By which the sum is divided: the tokens in the loss of a whole step. None for those of
                this batch.
        """
        import torch

        labels = inputs["labels"]
        predicting = torch.zeros_like(labels, dtype=torch.bool)  # (B, T)
        predicting[:, :-1] = labels[:, 1:] != IGNORED
        with self._only(predicting):
            logits = model(
                **{name: value for name, value in inputs.items() if name != "labels"}, use_cache=False
            ).logits  # (N, V)
        targets = labels[:, 1:][predicting[:, :-1]]  # (N,)
        total = torch.nn.functional.cross_entropy(
            logits.float(), targets, reduction="sum", label_smoothing=self._smoothing
        )
        return total / (len(targets) if tokens is None else tokens)

    def _select(self, head: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Before the head: from all positions (B, T, D) to the selected ones (N, D)."""
        return None if self._selected is None else (inputs[0][self._selected],)

    @contextmanager
    def _only(self, positions: torch.Tensor) -> Iterator[None]:
        self._selected = positions
        try:
            yield
        finally:
            self._selected = None

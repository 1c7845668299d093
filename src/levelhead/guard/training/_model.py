"""The encoder with its head, in torch: token embeddings averaged over the text, then one linear layer.

The first logit says harm, the others tell categories apart. This module imports torch at its top; it is
imported only where a model is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from levelhead.errors import UsageError


class PooledClassifier(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """An encoder from transformers, its last layer averaged over the tokens, and a linear head.

    Args:
        encoder: The base.
        outputs: Logits: one, and one for each category.
        dropout: On the average.
    """

    def __init__(self, encoder: Any, outputs: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of shape (rows, outputs) for ids and mask of shape (rows, tokens)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (rows, tokens, 1)
        return self.head(self.dropout((hidden * weight).sum(1) / weight.sum(1)))


def build_model(
    base: str, *, outputs: int, layers: int | None = None, attention: Literal["sdpa", "eager"] = "sdpa"
) -> PooledClassifier:
    """Load the base and put a new head on it.

    Raises:
        UsageError: If the base cannot be loaded as an encoder or has fewer layers.
    """
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.from_pretrained(base)
        if layers is not None and layers > config.num_hidden_layers:
            raise UsageError(
                f"{base} has {config.num_hidden_layers} layers; {layers} of them cannot be kept."
            )
        config.num_hidden_layers = layers or config.num_hidden_layers
        encoder = transformers.AutoModel.from_pretrained(base, config=config, attn_implementation=attention)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"No encoder can be loaded from {base!r} ({str(error).strip().splitlines()[0]}). Give a folder "
            "or hub id with a BERT-like encoder, such as all-MiniLM-L6-v2."
        ) from error
    return PooledClassifier(encoder.float(), outputs)


def fast_tokenizer(base: str) -> Any:
    """The `tokenizers.Tokenizer` of a base.

    Raises:
        UsageError: If it has none.
    """
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"No tokenizer can be loaded from {base!r} ({str(error).strip().splitlines()[0]}). Give a folder "
            "or hub id with one."
        ) from error
    if not tokenizer.is_fast:
        raise UsageError(f"The tokenizer of {base} has no fast form (tokenizer.json), which serving needs.")
    return tokenizer.backend_tokenizer


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of token ids as one block, and its mask; each of shape (rows, longest).

    >>> padded([[7], [8, 9]])
    (tensor([[7, 0],
            [8, 9]]), tensor([[1, 0],
            [1, 1]]))
    """
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def detector_loss(logits: Tensor, labels: Tensor, categories: Tensor, *, label_smoothing: float) -> Tensor:
    """Binary cross-entropy of harm, and cross-entropy of the category where it is known.

    Args:
        logits: Shape (rows, 1 + categories).
        labels: 1.0 for harm; between 0 and 1 if a teacher said how probable it is. Shape (rows,).
        categories: Place of the category, -1 where it is not known. Shape (rows,).
        label_smoothing: Share given to the other class.
    """
    targets = labels * (1 - label_smoothing) + (1 - labels) * label_smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets)
    if (categories >= 0).any():
        loss = loss + nn.functional.cross_entropy(logits[:, 1:], categories, ignore_index=-1)
    return loss

"""The encoder with its head, in torch: several of its layers averaged over the text, then two linear layers.

The first logit says harm, the others tell categories apart. This module imports torch at its top; it is
imported only where a model is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from levelhead.errors import UsageError
from levelhead.guard.detector._windows import MarkedRow

_WIDTH, _DROPOUT = 64, 0.3


class PooledClassifier(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """An encoder from transformers, its states averaged over the whole row and over the answer, and a head.

    The last layer of a sentence encoder was made to tell topics apart. How an answer is meant stands in the
    layers before it, so the head reads several.

    Args:
        encoder: The base.
        outputs: Logits: one, and one for each category.
        layers: After which layers the states are read, from 1.
    """

    def __init__(self, encoder: Any, outputs: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.encoder, self.layers = encoder, tuple(layers)
        width = encoder.config.hidden_size
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.head = nn.Sequential(
            nn.Dropout(_DROPOUT),
            nn.Linear(2 * len(self.layers) * width, _WIDTH),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_WIDTH, outputs),
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor, answer_mask: Tensor) -> Tensor:
        """Logits of shape (rows, outputs).

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: 1 where there is a token. Shape (rows, tokens).
            answer_mask: 1 where there is a token of the answer. Shape (rows, tokens).
        """
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states
        masks = (attention_mask, answer_mask)
        read = [self._mean(states[layer], mask) for layer in self.layers for mask in masks]
        return self.head(torch.cat(read, dim=-1))

    def _mean(self, states: Tensor, mask: Tensor) -> Tensor:
        """The mean over the tokens of a mask, brought to one scale; zeros if there are none."""
        weight = mask.unsqueeze(-1).to(states.dtype)  # (rows, tokens, 1)
        return self.norm((states * weight).sum(1) / weight.sum(1).clamp(min=1))


def build_model(
    base: str,
    *,
    outputs: int,
    layers: int | None = None,
    read_layers: Sequence[int] | None = None,
    attention: Literal["sdpa", "eager"] = "sdpa",
) -> PooledClassifier:
    """Load the base and put a new head on it.

    Args:
        base: Folder or hub id of a BERT-like encoder.
        outputs: Logits of the head.
        layers: Only the first so many layers are kept; None for all.
        read_layers: After which of them the head reads, from 1; None for the last two thirds.
        attention: How transformers computes it; only eager attention can be exported.

    Raises:
        UsageError: If the base cannot be loaded as an encoder, or has fewer layers than are kept or read.
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
        kept = config.num_hidden_layers
        read = tuple(read_layers or range(max(1, kept // 3), kept + 1))
        if not 1 <= min(read) <= max(read) <= kept:
            raise UsageError(f"The head cannot read the layers {read}: {kept} layers are kept.")
        encoder = transformers.AutoModel.from_pretrained(base, config=config, attn_implementation=attention)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"No encoder can be loaded from {base!r} ({str(error).strip().splitlines()[0]}). Give a folder "
            "or hub id with a BERT-like encoder, such as all-MiniLM-L6-v2."
        ) from error
    return PooledClassifier(encoder.float(), outputs, read)


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


def padded(rows: Sequence[MarkedRow]) -> tuple[Tensor, Tensor, Tensor]:
    """Rows as one block of token ids, the mask of their tokens and that of their answers.

    Each has the shape (rows, longest).

    >>> for block in padded([MarkedRow([7], 0, 1), MarkedRow([8, 9], 1, 2)]):
    ...     print(block.tolist())
    [[7, 0], [8, 9]]
    [[1, 0], [1, 1]]
    [[1, 0], [0, 1]]
    """
    longest = max(len(row.ids) for row in rows)
    ids = torch.tensor([[*row.ids, *[0] * (longest - len(row.ids))] for row in rows])
    place = torch.arange(longest)
    whole = torch.stack([place < len(row.ids) for row in rows])
    answer = torch.stack([(row.answer_begin <= place) & (place < row.answer_end) for row in rows])
    return ids, whole.long(), answer.long()


def detector_loss(
    logits: Tensor,
    labels: Tensor,
    categories: Tensor,
    couples: Sequence[tuple[int, int]] = (),
    *,
    label_smoothing: float = 0.0,
    pairwise_weight: float = 0.0,
) -> Tensor:
    """Cross-entropy of harm and of the category where it is known, and how surely couples are told apart.

    Args:
        logits: Shape (rows, 1 + categories).
        labels: 1.0 for harm; between 0 and 1 if a teacher said how probable it is. Shape (rows,).
        categories: Place of the category, -1 where it is not known. Shape (rows,).
        couples: Places of a harmful and of a harmless answer to one question.
        label_smoothing: Share given to the other class.
        pairwise_weight: Of the comparison of a couple beside the cross-entropy of its two answers.
    """
    targets = labels * (1 - label_smoothing) + (1 - labels) * label_smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets)
    if couples:
        worse, better = (list(side) for side in zip(*couples, strict=True))
        apart = nn.functional.logsigmoid(logits[worse, 0] - logits[better, 0])
        loss = loss - pairwise_weight * 2 * apart.sum() / len(logits)
    if (categories >= 0).any():
        loss = loss + nn.functional.cross_entropy(logits[:, 1:], categories, ignore_index=-1)
    return loss

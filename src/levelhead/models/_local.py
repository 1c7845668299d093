"""What text and vision models on transformers share, once their weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead.models._checkpoint import Checkpoint
from levelhead.models._model import Model
from levelhead.models._texts import end_token_ids
from levelhead.models._weights import load_weights
from levelhead.records import JSONValue

BATCH_TOKENS = 16384
"""Largest padded batch in tokens, answers included. Past it a CPU gains no more."""


class LocalModel(Model):
    """A checkpoint in memory.

    Args:
        checkpoint: Where it lies and how it runs.
        tokenizer: Its tokenizer.
        batch_rows: Most rows in a batch; exact mode makes it one.
        weights: The weights, if they are in memory already (a model in training).
        fingerprint: Their identity; None for that of the checkpoint.
    """

    can_score = True
    can_contrast = True

    def __init__(
        self,
        checkpoint: Checkpoint,
        tokenizer: Any,
        *,
        batch_rows: int,
        weights: Any = None,
        fingerprint: str | None = None,
    ) -> None:
        self.name = checkpoint.name
        self.fingerprint = fingerprint or checkpoint.fingerprint()
        self._checkpoint = checkpoint
        self._tokenizer = tokenizer
        self._model = load_weights(checkpoint) if weights is None else weights
        self._end_ids = end_token_ids(self._model.generation_config, checkpoint.config, tokenizer)
        text_config = checkpoint.config.get_text_config()
        self._context = int(getattr(text_config, "max_position_embeddings", 0) or 1 << 30)
        self._batch_rows = 1 if checkpoint.exact else batch_rows

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {
            **self._checkpoint.details(),
            "batch_rows": self._batch_rows,
            "batch_tokens": BATCH_TOKENS,
        }

    def _too_long(self, tokens: int, room: int) -> str:
        """Why a prompt of so many tokens cannot be asked."""
        return (
            f"The prompt has {tokens} tokens in all and {room} are kept for the answer; {self.name} holds "
            f"{self._context}. Shorten the prompt, scale pictures down, or lower max_new_tokens."
        )

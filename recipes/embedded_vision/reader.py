"""The frozen language model as a judge of what the eyes emit: how well it answers from it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from embedded_vision.captions import POSITIONS
from embedded_vision.packing import IGNORED, Pack


@dataclass(frozen=True, slots=True)
class Reading:
    """How a batch of questions was answered.

    Attributes:
        loss: Mean cross-entropy of the answers' tokens.
        is_right: For each picture, whether each of its answers would be written exactly by greedy decoding.
    """

    loss: torch.Tensor
    is_right: list[list[bool]]


class Reader:
    """A causal language model whose weights never change.

    Args:
        text: Folder of its checkpoint.
        head: Tokens before the picture. They are read once; their keys and values serve every row.
    """

    def __init__(self, text: Path, head: list[int]) -> None:
        from transformers import AutoModelForCausalLM, DynamicCache

        self._model: Any = AutoModelForCausalLM.from_pretrained(text, dtype=torch.float32)
        self._model.eval().requires_grad_(False)
        # transformers 5.24 gave the argument a new name.
        forward = inspect.signature(self._model.model.forward).parameters
        self._cache_word = "cache" if "cache" in forward else "past_key_values"
        self._head_length = len(head)
        cache = DynamicCache()
        with torch.inference_mode():
            self._model.model(torch.tensor([head]), **{self._cache_word: cache})
        # Plain copies: tensors of inference mode may take no part in a backward pass.
        self._head = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]

    def read(self, emitted: torch.Tensor, pack: Pack) -> Reading:
        """Answer the questions of a batch of pictures.

        Args:
            emitted: What the eyes emit for each picture (B, POSITIONS, embedding size).
            pack: The questions.
        """
        words = self._model.get_input_embeddings()(pack.tokens)
        states = self._model.model(
            inputs_embeds=torch.cat([emitted, words], dim=1),
            attention_mask=pack.mask(self._head_length),
            position_ids=pack.positions(self._head_length),
            **{self._cache_word: self._head_cache(len(emitted))},
        ).last_hidden_state[:, POSITIONS:]
        is_learned = pack.labels != IGNORED
        logits = self._model.lm_head(states[is_learned])  # (answers' tokens, V)
        labels = pack.labels[is_learned]
        right = torch.ones_like(pack.labels, dtype=torch.bool)
        right[is_learned] = logits.argmax(dim=-1) == labels
        return Reading(F.cross_entropy(logits, labels), _right_answers(pack, right))

    def _head_cache(self, rows: int) -> Any:
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, (keys, values) in enumerate(self._head):
            cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), layer)
        return cache


def _right_answers(pack: Pack, right: torch.Tensor) -> list[list[bool]]:
    """Whether all tokens of each question are right."""
    answers = []
    for segments, hits in zip(pack.segments, right, strict=True):
        last = int(segments.max())
        answers.append([bool(hits[segments == number].all()) for number in range(1, last + 1)])
    return answers

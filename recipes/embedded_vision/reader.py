"""The language model with its adapter: how well it answers from what the eyes say."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from embedded_vision.packing import IGNORED, Pack
from embedded_vision.tower import POSITIONS

RANK = 10
"""As much as fits into the megabytes that may ship."""
ALPHA = 20


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
    """A causal language model whose own weights never change, and a low-rank adapter that may.

    Args:
        text: Folder of its checkpoint.
        head: Tokens before the picture. They are read once for all rows.
    """

    def __init__(self, text: Path, head: list[int]) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        self._model: Any = AutoModelForCausalLM.from_pretrained(text, dtype=torch.float32)
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
        self._tuned: Any = get_peft_model(self._model, config)
        self._model.eval()
        # transformers 5.24 gave the argument a new name.
        forward = inspect.signature(self._model.model.forward).parameters
        self._cache_word = "cache" if "cache" in forward else "past_key_values"
        self._head = torch.tensor([head])

    @property
    def table(self) -> torch.Tensor:
        """Input embeddings (V, embedding size)."""
        table: torch.Tensor = self._model.get_input_embeddings().weight.detach()
        return table

    @property
    def trained(self) -> list[torch.Tensor]:
        """The weights of the adapter."""
        return [weight for weight in self._tuned.parameters() if weight.requires_grad]

    def adapter(self) -> dict[str, torch.Tensor]:
        """The adapter's weights, as peft names them."""
        from peft import get_peft_model_state_dict

        weights: dict[str, torch.Tensor] = get_peft_model_state_dict(self._tuned)
        return weights

    def load_adapter(self, weights: dict[str, torch.Tensor]) -> None:
        """Go on from an adapter.

        Raises:
            ValueError: If it has other layers. peft would pass over them.
        """
        from peft import set_peft_model_state_dict

        if other := weights.keys() ^ self.adapter().keys():
            raise ValueError(f"The adapter does not fit the language model: {sorted(other)[0]}.")

        set_peft_model_state_dict(self._tuned, weights)

    def read(self, emitted: torch.Tensor, pack: Pack) -> Reading:
        """Answer the questions of a batch of pictures.

        Args:
            emitted: What the eyes say of each picture (B, POSITIONS, embedding size).
            pack: The questions.
        """
        words = self._model.get_input_embeddings()(pack.tokens)
        before = self._head.shape[1]
        states = self._model.model(
            inputs_embeds=torch.cat([emitted, words], dim=1),
            attention_mask=pack.mask(before),
            position_ids=pack.positions(before),
            **{self._cache_word: self._head_cache(len(emitted))},
        ).last_hidden_state[:, POSITIONS:]
        is_learned = pack.labels != IGNORED
        logits = self._model.lm_head(states[is_learned])  # (answers' tokens, V)
        labels = pack.labels[is_learned]
        right = torch.ones_like(pack.labels, dtype=torch.bool)
        right[is_learned] = logits.argmax(dim=-1) == labels
        return Reading(F.cross_entropy(logits, labels), _right_answers(pack, right))

    def _head_cache(self, rows: int) -> Any:
        """Keys and values of the head, the same for all rows; gradients go through them."""
        from transformers import DynamicCache

        once, cache = DynamicCache(), DynamicCache()
        self._model.model(self._head, **{self._cache_word: once})
        for place, layer in enumerate(once.layers):
            cache.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), place)
        return cache


def _right_answers(pack: Pack, right: torch.Tensor) -> list[list[bool]]:
    """Whether all tokens of each question are right."""
    answers = []
    for segments, hits in zip(pack.segments, right, strict=True):
        last = int(segments.max())
        answers.append([bool(hits[segments == number].all()) for number in range(1, last + 1)])
    return answers

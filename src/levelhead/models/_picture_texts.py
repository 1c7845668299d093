"""Prompts with pictures as a processor of transformers wants them: marked texts, and tensors of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levelhead.models._texts import raw_text, require_template
from levelhead.records import Prompt

if TYPE_CHECKING:
    from PIL import Image as PILImage

_TOKENS_OF_A_PICTURE = 576
"""A guess for planning only: the processors of the families do not tell before they run."""


class PictureTexts:
    """A processor and its chat template.

    Args:
        processor: Of transformers.
        name: Of its model, for errors.
    """

    def __init__(self, processor: Any, name: str) -> None:
        self._processor = processor
        self._tokenizer = processor.tokenizer
        self._name = name

    def of(self, prompts: Sequence[Prompt]) -> list[str]:
        """The text of each prompt, with marks where its pictures stand."""
        require_template(self._processor, self._name, prompts)
        return [
            self._mark(prompt)
            if prompt.raw
            else self._processor.apply_chat_template(
                self._messages(prompt), tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]

    def _mark(self, prompt: Prompt) -> str:
        """A raw prompt, its pictures first."""
        # Some tokenizers have a beginning but do not write it, and their models were trained without.
        writes_it = self._tokenizer("")["input_ids"][:1] == [self._tokenizer.bos_token_id]
        begin = self._tokenizer.bos_token if writes_it else ""
        return begin + self._image_token * len(prompt.images) + self._harmless(raw_text(prompt))

    @property
    def _image_token(self) -> str:
        token: str = self._processor.image_token
        return token

    def _harmless(self, text: str) -> str:
        """Break up image markers in a user's words, which would be taken for pictures."""
        token = self._image_token
        return text.replace(token, f"{token[0]} {token[1:]}")

    def _messages(self, prompt: Prompt) -> list[dict[str, object]]:
        first = next(index for index, turn in enumerate(prompt.turns) if turn.role == "user")
        messages: list[dict[str, object]] = []
        for index, turn in enumerate(prompt.turns):
            content: list[dict[str, str]] = [{"type": "image"}] * (
                len(prompt.images) if index == first else 0
            )
            messages.append(
                {
                    "role": turn.role,
                    "content": [*content, {"type": "text", "text": self._harmless(turn.text)}],
                }
            )
        return messages

    def encode(self, texts: Sequence[str], pictures: Sequence[list[PILImage.Image]]) -> Any:
        """Tensors of a batch, padded on the left so that all rows end together."""
        return self._processor(
            text=list(texts),
            **({"images": list(pictures)} if any(pictures) else {}),
            padding=True,
            padding_side="left",
            add_special_tokens=False,
            return_tensors="pt",
        )

    def lengths(self, prompts: Sequence[Prompt], texts: Sequence[str], room: int) -> list[int]:
        """Tokens of each row, as far as can be told before the processor runs."""
        return [
            len(self._tokenizer(text)["input_ids"]) + _TOKENS_OF_A_PICTURE * len(prompt.images) + room
            for text, prompt in zip(texts, prompts, strict=True)
        ]

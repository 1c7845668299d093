"""Several questions about one picture in one row, so that the picture is read once for all of them.

A row is the picture's positions and then the questions with their answers. Each question sees the picture and
itself, never another question, and its places are counted as if it stood alone behind the picture. The model
therefore computes just what it would for each question in a row of its own.

What is read off a picture is written letter by letter. The text is the same, but the model copies the letters
that the eyes say, which it can do for any word, instead of having to know the pieces of each.

Shapes: B pictures, T tokens of all questions of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from embedded_vision.questions import Asked
from embedded_vision.template import IMAGE_TOKEN, picture_template
from embedded_vision.tower import POSITIONS

IGNORED = -100
"""Label where nothing is learned, as cross-entropy has it."""
_PAD_SEGMENT = -1
_SPACE = "Ġ"
"""A space as a byte-level tokenizer writes it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens of one question.

    Attributes:
        question: From the picture's end to where the assistant begins.
        answer: What is learned, the end of the turn included if the answer is whole.
    """

    question: list[int]
    answer: list[int]


class ChatTokens:
    """Questions about pictures as tokens, by the template that ships with the eyes.

    Args:
        text: Folder of the embedded checkpoint.

    Attributes:
        head: Tokens before the picture, the same ones for all questions.
    """

    def __init__(self, text: Path) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(text)
        self._tokenizer.chat_template = picture_template(self._tokenizer.chat_template)
        head, _ = self._around_picture("")
        self.head = self._tokens(head)
        self._end: int = self._tokenizer.eos_token_id

    def branch(self, asked: Asked) -> Branch:
        """Tokens of a question and its answer."""
        _, tail = self._around_picture(asked.question)
        before, text, after = asked.around_reading
        answer = [*self._tokens(before), *self._letters(text), *self._tokens(after)]
        return Branch(self._tokens(tail), [*answer, self._end] if asked.is_whole else answer)

    def _around_picture(self, question: str) -> tuple[str, str]:
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
        whole: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        head, _, tail = whole.partition(IMAGE_TOKEN)
        return head, tail

    def _letters(self, text: str) -> list[int]:
        """One token for each letter, and for a space with what follows it if the vocabulary has that."""
        known: dict[str, int] = self._tokenizer.get_vocab()
        tokens: list[str] = []
        for letter in text:
            if tokens and tokens[-1] == _SPACE and _SPACE + letter in known:
                tokens[-1] += letter
            else:
                tokens.append(_SPACE if letter == " " else letter)
        return [known[token] for token in tokens]

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens


@dataclass(frozen=True, slots=True)
class Pack:
    """Questions of a batch of pictures.

    Attributes:
        tokens: (B, T).
        segments: Number of the question that a token belongs to, from 1; -1 for padding (B, T).
        offsets: Place of a token behind the picture, within its question (B, T).
        labels: Token to be predicted at a token, or `IGNORED` (B, T).
    """

    tokens: torch.Tensor
    segments: torch.Tensor
    offsets: torch.Tensor
    labels: torch.Tensor

    def mask(self, before: int) -> torch.Tensor:
        """What may attend to what: bool (B, 1, POSITIONS + T, before + POSITIONS + T).

        Args:
            before: Tokens before the picture; all see them.
        """
        rows, length = self.tokens.shape
        picture = torch.zeros(rows, POSITIONS, dtype=self.segments.dtype)
        segments = torch.cat([picture, self.segments], dim=1)
        same = (segments[:, None, :] == 0) | (segments[:, :, None] == segments[:, None, :])
        width = POSITIONS + length
        earlier = torch.ones(width, width, dtype=torch.bool).tril()
        head = torch.ones(rows, width, before, dtype=torch.bool)
        return torch.cat([head, same & earlier], dim=2)[:, None]

    def positions(self, before: int) -> torch.Tensor:
        """Positions of the picture and the tokens (B, POSITIONS + T)."""
        picture = torch.arange(POSITIONS).expand(len(self.tokens), POSITIONS)
        return before + torch.cat([picture, POSITIONS + self.offsets], dim=1)


def pack(pictures: Sequence[Sequence[Branch]]) -> Pack:
    """Put the questions of each picture into one row."""
    rows = [_row(branches) for branches in pictures]
    length = max(len(row[0]) for row in rows)
    fillings = (0, _PAD_SEGMENT, 0, IGNORED)
    columns = [
        torch.tensor([row[part] + [filling] * (length - len(row[part])) for row in rows])
        for part, filling in enumerate(fillings)
    ]
    return Pack(*columns)


def _row(branches: Sequence[Branch]) -> tuple[list[int], list[int], list[int], list[int]]:
    tokens: list[int] = []
    segments: list[int] = []
    offsets: list[int] = []
    labels: list[int] = []
    for number, branch in enumerate(branches, start=1):
        # The last token of the answer is predicted and never read.
        read = branch.question + branch.answer[:-1]
        tokens += read
        segments += [number] * len(read)
        offsets += range(len(read))
        labels += [IGNORED] * (len(branch.question) - 1) + branch.answer
    return tokens, segments, offsets, labels

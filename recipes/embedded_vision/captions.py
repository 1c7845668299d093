"""Captions as tokens: what the tower must emit at each of its positions.

The tower emits input embeddings of the language model, one per position, so a caption is a row of its
tokens. The tokenizer is cut to its first merges: its pieces are tokens of the full vocabulary, but few
enough that each is met often, and any word can be spelled with them. The language model reads them well:
README.md has the figures for several cuts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

MERGES = 5000
POSITIONS = 64
FILLER = " "
"""Written at the positions after a caption's end: the language model then answers as if without."""
_MARKS = {"Ġ": " ", "Ċ": "\n"}


class CaptionVocabulary:
    """The pieces captions are made of, numbered from 0; number 0 is the filler.

    Attributes:
        ids: Token of the language model for each piece.
    """

    def __init__(self, tokenizer_file: Path, merges: int = MERGES) -> None:
        from tokenizers import Tokenizer

        data = json.loads(tokenizer_file.read_text(encoding="utf-8"))
        data["model"]["merges"] = data["model"]["merges"][:merges]
        self._tokenizer = Tokenizer.from_str(json.dumps(data))
        vocabulary: dict[str, int] = data["model"]["vocab"]
        letters = {token for token in vocabulary if len(token) == 1 and (token.isascii() or token in _MARKS)}
        joined = {"".join(pair) for pair in data["model"]["merges"]}
        plain = {token for token in joined if all(letter in letters for letter in token)}
        filler = vocabulary["Ġ"]
        others = sorted(vocabulary[token] for token in (letters | plain) if vocabulary[token] != filler)
        self.ids = [filler, *others]
        self._number = {token: number for number, token in enumerate(self.ids)}
        self._texts = [self._tokenizer.decode([token], skip_special_tokens=False) for token in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, caption: str) -> list[int]:
        """Numbers of the pieces of a caption.

        Raises:
            ValueError: If it needs more positions than there are or holds other than printable ASCII.
        """
        try:
            numbers = [self._number[token] for token in self._tokenizer.encode(caption).ids]
        except KeyError as error:
            raise ValueError(f"The caption {caption!r} holds other than printable ASCII.") from error
        if len(numbers) > POSITIONS:
            raise ValueError(f"The caption {caption!r} has {len(numbers)} pieces; {POSITIONS} are allowed.")
        return numbers

    def row(self, caption: str) -> list[int]:
        """Numbers of a caption, filled up to all positions."""
        numbers = self.encode(caption)
        return numbers + [0] * (POSITIONS - len(numbers))

    def decode(self, numbers: Sequence[int]) -> str:
        """The text that a row of numbers spells, without the filler after it."""
        return "".join(self._texts[number] for number in numbers).rstrip(FILLER)


def quoted(caption: str) -> str | None:
    """The text that a caption quotes."""
    _, found, rest = caption.partition('"')
    return rest.rpartition('"')[0] if found else None

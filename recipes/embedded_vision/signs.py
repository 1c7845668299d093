"""Signs: what the eyes say at each patch, as input embeddings of the language model.

A patch says the letters that stand in it, in reading order. A patch that shows a pictogram says a token of
its name. In other pictures each row of patches spells, where no letters are, a phrase for what is shown ("a
sign", "two red stars"), and what is left is blank. The eyes need not count or sort letters: a sign stands
where the thing is, and the language model, with its adapter, reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from tokenizers import Tokenizer
from torch import nn

from embedded_vision.grounds import SIDE
from embedded_vision.lettering import Box, Letter
from embedded_vision.tower import CELLS_ACROSS, PATCH, POSITIONS

ACROSS = SIDE // PATCH
LETTERS_IN_PATCH = 4
_PRINTABLE = 95
LETTER_CLASSES = 2 * _PRINTABLE
"""Printable ASCII, each once inside a word and once as its first letter; the space stands for no letter."""
_LOUDNESS = (1.0, 0.7, 0.5, 0.4)
"""Of the letters of a patch before any training, so that their order can be told."""
_NOISE = 0.02


def patch_letters(letters: Sequence[Letter], across: int = ACROSS) -> list[list[int]]:
    """Which letters stand in each patch, in reading order.

    Args:
        letters: Of a picture.
        across: Patches in a row; the recipe's own number unless numbers are compared.

    Returns:
        (across², LETTERS_IN_PATCH), 0 for none. Letters outside of the picture and more than fit are left
        out.

    Raises:
        ValueError: If one is no printable ASCII; its number would be that of another letter.
    """
    side = SIDE / across
    patches: list[list[int]] = [[] for _ in range(across**2)]
    for letter in letters:
        column, row = int(letter.x // side), int(letter.y // side)
        if 0 <= column < across and 0 <= row < across:
            patches[row * across + column].append(_number(letter))
    return [(patch + [0] * LETTERS_IN_PATCH)[:LETTERS_IN_PATCH] for patch in patches]


def cell_letters(letters: Sequence[Letter], across: int = CELLS_ACROSS) -> list[int]:
    """Which letter stands in each cell, the one nearest to its middle if there are several.

    Args:
        letters: Of a picture.
        across: Cells in a row; the recipe's own number unless numbers are compared.

    Returns:
        (across²), row by row, 0 for none.

    Raises:
        ValueError: If one is no printable ASCII.
    """
    side = SIDE / across
    nearest: dict[int, tuple[float, int]] = {}
    for letter in letters:
        column, row = int(letter.x // side), int(letter.y // side)
        if 0 <= column < across and 0 <= row < across:
            place = row * across + column
            found = (abs(letter.x / side - column - 0.5), _number(letter))
            nearest[place] = min(nearest.get(place, found), found)
    return [nearest[place][1] if place in nearest else 0 for place in range(across**2)]


def _number(letter: Letter) -> int:
    """Class of a letter."""
    number = ord(letter.letter) - ord(" ")
    if not 0 < number < _PRINTABLE:
        raise ValueError(f"There is no sign for the letter {letter.letter!r}; write printable ASCII.")
    return number + _PRINTABLE * letter.is_first


def patch_icons(icons: Sequence[tuple[int, Box]]) -> list[int]:
    """Which pictogram each patch shows, the last one where several overlap.

    Args:
        icons: Number of each, from 1, and the box that it fills.

    Returns:
        (POSITIONS), 0 for none: a patch counts if its middle lies in the box.
    """
    patches = [0] * POSITIONS
    for number, box in icons:
        for place in patches_in(box):
            patches[place] = number
    return patches


def patches_in(box: Box) -> Iterator[int]:
    """The patches whose middles lie in a box of pixels."""
    left, top, right, bottom = box
    for place in range(POSITIONS):
        x, y = (PATCH * (at + 0.5) for at in (place % ACROSS, place // ACROSS))
        if left <= x < right and top <= y < bottom:
            yield place


class Phrases:
    """Phrases as tokens of the language model, numbered from 1; number 0 is the blank.

    Args:
        tokenizer: Of the language model.
        phrases: All that will be said.

    Attributes:
        ids: Token of the language model for each number; that of 0 is of no use.
    """

    def __init__(self, tokenizer: Tokenizer, phrases: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        tokens = {token for phrase in phrases for token in self._encode(phrase)}
        self.ids = [0, *sorted(tokens)]
        self._number = {token: number for number, token in enumerate(self.ids) if number}

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, phrase: str) -> list[int]:
        """Numbers at all positions: the phrase in each row of patches, blanks behind it.

        Raises:
            ValueError: If it is longer than a row or was not announced.
        """
        numbers = self._numbers(phrase) if phrase else []
        if len(numbers) > ACROSS:
            raise ValueError(f"The phrase {phrase!r} has {len(numbers)} tokens; {ACROSS} are allowed.")
        return (numbers + [0] * (ACROSS - len(numbers))) * ACROSS

    def over(self, things: Iterable[tuple[str, Box]]) -> list[int]:
        """Numbers at all positions where things are shown: each box says the tokens of its name in turn.

        Args:
            things: Name of each and the box that it fills, the last one where several overlap.

        Raises:
            ValueError: If a name was not announced.
        """
        patches = [0] * POSITIONS
        for name, box in things:
            numbers = self._numbers(name)
            for place in patches_in(box):
                patches[place] = numbers[(place // ACROSS + place % ACROSS) % len(numbers)]
        return patches

    def _numbers(self, phrase: str) -> list[int]:
        try:
            return [self._number[token] for token in self._encode(phrase)]
        except KeyError as error:
            raise ValueError(f"The phrase {phrase!r} is not one of those that are said.") from error

    def _encode(self, phrase: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(f" {phrase}").ids
        return tokens


class Signs(nn.Module):  # type: ignore[misc]
    """The embeddings of all signs.

    Args:
        table: Input embeddings of the language model (V, embedding size).
        letter_tokens: Its token of each letter class (LETTER_CLASSES).
        phrases: The phrases.

    Attributes:
        letters: Embedding of each letter at each place in a patch; those of a patch are added up.
        blank: Embedding of nothing.
    """

    pieces: torch.Tensor

    def __init__(self, table: torch.Tensor, letter_tokens: Sequence[int], phrases: Phrases) -> None:
        super().__init__()
        own = table[torch.tensor(letter_tokens)]
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(LETTERS_IN_PATCH, *own.shape, generator=generator) * _NOISE
        self.letters = nn.Parameter(own * torch.tensor(_LOUDNESS)[:, None, None] + noise)
        self.blank = nn.Parameter(own[0].clone())
        self.register_buffer("pieces", table[torch.tensor(phrases.ids[1:])], persistent=False)

    @property
    def spoken(self) -> torch.Tensor:
        """The blank and the tokens of phrases (K, embedding size)."""
        return torch.cat([self.blank[None], self.pieces])

    def forward(self, letters: torch.Tensor, phrases: torch.Tensor) -> torch.Tensor:
        """What perfect eyes would say.

        Args:
            letters: (B, POSITIONS, LETTERS_IN_PATCH).
            phrases: (B, POSITIONS).

        Returns:
            (B, POSITIONS, embedding size).
        """
        said = [
            self.letters[place][letters[..., place]] * (letters[..., place, None] > 0)
            for place in range(LETTERS_IN_PATCH)
        ]
        has_letters = (letters > 0).any(dim=-1, keepdim=True)
        return torch.where(has_letters, sum(said), self.spoken[phrases])


def letter_tokens(vocabulary: dict[str, int]) -> list[int]:
    """The language model's token of each letter class; first letters have the mark of a word's beginning."""
    plain = [chr(ord(" ") + number) if number else "Ġ" for number in range(_PRINTABLE)]
    first = [f"Ġ{letter}" if f"Ġ{letter}" in vocabulary else letter for letter in plain[1:]]
    return [vocabulary[token] for token in (*plain, "Ġ", *first)]

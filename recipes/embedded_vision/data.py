"""Batches of pictures, drawn while training runs. A batch follows from its number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from embedded_vision.facts import NUMBERS, Nothing, Shapes, Thing, bare
from embedded_vision.grounds import SIDE
from embedded_vision.pictograms import read_names
from embedded_vision.pictures import Picture, Studio
from embedded_vision.scenes import SCENES
from embedded_vision.shapes import COLORS, PLACES, SHAPES
from embedded_vision.signs import Phrases, Signs, cell_letters, letter_tokens, patch_icons, patch_letters
from embedded_vision.targets import Batch
from embedded_vision.tower import INPUT_SIDE

_PAGES = 0.45
"""Share of full pictures that are full of words; the others are full of pictograms."""
_SPARSE = 0.5
"""Share of the other pictures at the end of the ramp; at its beginning there are none."""


@dataclass(frozen=True, slots=True)
class TrainingBatches(Dataset[Batch]):  # type: ignore[misc]
    """Batch number i of training.

    Attributes:
        studio: Draws.
        phrases: What is said beside letters.
        rows: Pictures in a batch.
        ramp: Number of pictures over which they go from easy to everything.
    """

    studio: Studio
    phrases: Phrases
    rows: int
    ramp: int

    def __getitem__(self, step: int) -> Batch:
        first, level = step * self.rows, self.level(step)
        return to_batch(
            [self._picture(number, level) for number in range(first, first + self.rows)], self.phrases
        )

    def level(self, step: int) -> float:
        """How much of the ramp is done at a step, from 0 to 1."""
        return min(1.0, step * self.rows / self.ramp) if self.ramp else 1.0

    def _picture(self, number: int, level: float) -> Picture:
        rng = random.Random(number)
        # Easy ones never quite go: the hardest level is the upper edge of a spread.
        difficulty = level * rng.random() ** 0.4
        if rng.random() < _SPARSE * level:
            return self.studio.picture(number, difficulty=difficulty)
        if rng.random() < _PAGES:
            return self.studio.page(number, difficulty=difficulty)
        return self.studio.mosaic(number, difficulty=difficulty)


def drawn_ahead(batches: Dataset[Any], start: int, end: int, workers: int) -> DataLoader[Any]:
    """Batches `start` to `end` of a set of batches, drawn ahead by worker processes."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )


def to_batch(pictures: list[Picture], phrases: Phrases) -> Batch:
    """Tensors of some pictures."""
    return Batch(
        pixels_of([picture.image for picture in pictures]),
        torch.tensor([said_beside_letters(picture, phrases) for picture in pictures]),
        torch.tensor([patch_letters(picture.letters) for picture in pictures]),
        torch.tensor([cell_letters(picture.letters) for picture in pictures]),
        torch.tensor([_icons(picture) for picture in pictures]),
    )


def said_beside_letters(picture: Picture, phrases: Phrases) -> list[int]:
    """What perfect eyes would say of a picture where no letters are, as numbers of `phrases` (POSITIONS)."""
    if isinstance(picture.facts, Thing):
        return phrases.over((bare(name), box) for name, box in picture.icons)
    return phrases.row(picture.facts.phrase)


def _icons(picture: Picture) -> list[int]:
    numbers = icon_numbers()
    return patch_icons([(numbers[name], box) for name, box in picture.icons])


def name_patterns(phrases: Phrases) -> torch.Tensor:
    """What a picture says that is filled by one pictogram, for each by its number (names, POSITIONS)."""
    whole = (0, 0, SIDE, SIDE)
    return torch.tensor([phrases.over([(bare(name), whole)]) for name in icon_numbers()])


@cache
def icon_numbers() -> dict[str, int]:
    """A number for each name of a pictogram, from 1."""
    return {name: number for number, name in enumerate(sorted(read_names()), start=1)}


def pixels_of(images: list[Any], side: int = INPUT_SIDE) -> torch.Tensor:
    """uint8 (B, 3, side, side) of RGB pictures of any size."""
    small = [image.resize((side, side), Image.Resampling.BICUBIC) for image in images]
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in small]))
    return stacked.permute(0, 3, 1, 2).contiguous()


def tokenizer_vocabulary(checkpoint: Path) -> dict[str, int]:
    """Tokens of the embedded checkpoint."""
    import json

    data = json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = data["model"]["vocab"]
    return vocabulary


def known_phrases(checkpoint: Path) -> Phrases:
    """All phrases that facts may have, as tokens of the embedded checkpoint."""
    from tokenizers import Tokenizer

    shapes = [
        Shapes(count, color, shape, place).phrase
        for count in range(1, len(NUMBERS) + 1)
        for color in COLORS
        for shape in SHAPES
        for place in ("", *PLACES)
    ]
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    return Phrases(tokenizer, [*map(bare, read_names()), *SCENES, *shapes, Nothing().phrase])


def untrained_signs(checkpoint: Path, phrases: Phrases) -> Signs:
    """The signs as the embedded checkpoint's own embeddings suggest them, without loading the model."""
    from safetensors import safe_open

    with safe_open(checkpoint / "model.safetensors", "pt") as file:
        table: torch.Tensor = file.get_tensor("model.embed_tokens.weight").float()
    return Signs(table, letter_tokens(tokenizer_vocabulary(checkpoint)), phrases)

"""Batches of pictures, drawn while training runs. A batch follows from its number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.pictures import Picture, Studio
from embedded_vision.targets import patch_letters

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Pixels uint8 (B, 3, SIDE, SIDE), targets (B, POSITIONS), letters (B, POSITIONS, LETTERS_IN_PATCH)."""


@dataclass(frozen=True, slots=True)
class TrainingBatches(Dataset[Batch]):  # type: ignore[misc]
    """Batch number i of training.

    Attributes:
        studio: Draws.
        captions: Writes targets.
        rows: Pictures in a batch.
        ramp: Number of pictures over which they go from easy to everything.
    """

    studio: Studio
    captions: CaptionVocabulary
    rows: int
    ramp: int

    def __getitem__(self, step: int) -> Batch:
        first = step * self.rows
        level = min(1.0, first / self.ramp) if self.ramp else 1.0
        return to_batch(
            [
                # Easy ones never quite go: the hardest level is the upper edge of a spread.
                self.studio.picture(number, difficulty=level * random.Random(number).random() ** 0.4)
                for number in range(first, first + self.rows)
            ],
            self.captions,
        )

    def loader(self, start: int, end: int, workers: int) -> DataLoader[Batch]:
        """Batches `start` to `end`, drawn ahead by worker processes."""
        return drawn_ahead(self, start, end, workers)


def drawn_ahead(batches: Dataset[Any], start: int, end: int, workers: int) -> DataLoader[Any]:
    """Batches `start` to `end` of a set of batches, drawn ahead by worker processes."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )


def to_batch(pictures: list[Picture], captions: CaptionVocabulary) -> Batch:
    """Tensors of some pictures."""
    return (
        pixels_of([picture.image for picture in pictures]),
        torch.tensor([captions.row(picture.caption) for picture in pictures]),
        torch.tensor([patch_letters(picture.letters) for picture in pictures]),
    )


def pixels_of(images: list[Any]) -> torch.Tensor:
    """uint8 (B, 3, SIDE, SIDE) of RGB pictures."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return stacked.permute(0, 3, 1, 2).contiguous()


def tokenizer_vocabulary(checkpoint: Path) -> dict[str, int]:
    """Tokens of the embedded checkpoint."""
    import json

    data = json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = data["model"]["vocab"]
    return vocabulary


def piece_embeddings(checkpoint: Path, captions: CaptionVocabulary) -> torch.Tensor:
    """Input embeddings of the caption pieces (K, embedding size), without loading the model."""
    from safetensors import safe_open

    with safe_open(checkpoint / "model.safetensors", "pt") as file:
        table: torch.Tensor = file.get_tensor("model.embed_tokens.weight")
    return table[torch.tensor(captions.ids)].float()

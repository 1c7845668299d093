"""What the tower is trained towards, and how far it is from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from embedded_vision.captions import POSITIONS
from embedded_vision.grounds import SIDE
from embedded_vision.lettering import Letter
from embedded_vision.tower import PATCH

LETTERS_IN_PATCH = 4
LETTER_CLASSES = 95
"""Printable ASCII; the space, which is never a letter of a picture, stands for "no letter"."""
_FILLERS_SCORED = 4
_EMPTY_WEIGHT = 0.1
_FIRST_LOG_SHARPNESS = 1.0
"""Real embeddings win clearly. With 0, the emitted ones were twice as far off early in training."""


def patch_letters(letters: Sequence[Letter]) -> list[list[int]]:
    """Which letters stand in each patch, in reading order.

    Returns:
        (POSITIONS, LETTERS_IN_PATCH), 0 for none. Letters outside of the picture and more than fit are left
        out.
    """
    across = SIDE // PATCH
    patches: list[list[int]] = [[] for _ in range(POSITIONS)]
    for letter in letters:
        column, row = int(letter.x // PATCH), int(letter.y // PATCH)
        if 0 <= column < across and 0 <= row < across:
            patches[row * across + column].append(ord(letter.letter) - ord(" "))
    return [(patch + [0] * LETTERS_IN_PATCH)[:LETTERS_IN_PATCH] for patch in patches]


class Aim(nn.Module):  # type: ignore[misc]
    """Losses of stage 1. Its own few weights are thrown away after training.

    An emitted vector e is read as "the embedding E_k of piece k, with Gaussian error": the score of k is
    -|e - E_k|^2 * sharpness / 2. Unlike a plain dot product its best e is the real embedding, length
    included, which is what the frozen language model can read.

    Args:
        embeddings: Input embeddings of the caption pieces (K, embedding size); never changed.
        width: Width of the tower.
    """

    embeddings: torch.Tensor
    half_squares: torch.Tensor

    def __init__(self, embeddings: torch.Tensor, width: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", embeddings, persistent=False)
        self.register_buffer("half_squares", embeddings.square().sum(dim=1) / 2, persistent=False)
        self.log_sharpness = nn.Parameter(torch.tensor(_FIRST_LOG_SHARPNESS))
        self.letters = nn.Linear(width, LETTERS_IN_PATCH * LETTER_CLASSES)

    def scores(self, emitted: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of each piece up to a constant: (..., embedding size) -> (..., K)."""
        return (emitted @ self.embeddings.T - self.half_squares) * self.log_sharpness.exp()

    def forward(
        self,
        emitted: torch.Tensor,
        patches: torch.Tensor,
        targets: torch.Tensor,
        letters: torch.Tensor,
        *,
        fillers: bool = True,
    ) -> dict[str, torch.Tensor]:
        """The three losses of a batch.

        Args:
            emitted: (B, POSITIONS, embedding size).
            patches: Middle states of the tower (B, POSITIONS, width).
            targets: Piece at each position (B, POSITIONS); 0 is the filler.
            letters: (B, POSITIONS, LETTERS_IN_PATCH).
            fillers: Whether the positions after a caption must be fillers. If not, they are free, and the
                eyes may say there what helps the language model to answer.

        Returns:
            `caption`: cross-entropy of the pieces; `distance`: squared distance to the right embedding, as a
            share of the mean squared length; `letters`: cross-entropy of the letters in the patches.
        """
        wanted = self.embeddings[targets]
        distance = (emitted - wanted).square().sum(dim=-1).mean() / (2 * self.half_squares.mean())
        scored = _scored_positions(targets) if fillers else targets != 0
        caption = F.cross_entropy(self.scores(emitted[scored]), targets[scored])
        return {"caption": caption, "distance": distance, "letters": self.letters_loss(patches, letters)}

    def letters_loss(self, patches: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the letters in the patches; see `forward`."""
        logits = self.letters(patches).unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES))
        weight = torch.ones(LETTER_CLASSES)
        weight[0] = _EMPTY_WEIGHT  # most patches are empty
        return F.cross_entropy(logits.flatten(0, -2), letters.flatten(), weight=weight)


def _scored_positions(targets: torch.Tensor) -> Any:
    """The captions and a few fillers after each: scoring all fillers would cost as much as the tower."""
    places = torch.arange(POSITIONS)
    ends = torch.where(targets != 0, places + 1, 0).amax(dim=1, keepdim=True)  # (B, 1)
    spread = (POSITIONS - ends).clamp(min=1) // _FILLERS_SCORED + 1
    return (places < ends) | ((places - ends) % spread == 0)

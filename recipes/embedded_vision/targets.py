"""What the eyes are trained towards, and how far they are from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from embedded_vision.signs import LETTER_CLASSES, LETTERS_IN_PATCH, Signs
from embedded_vision.tower import Seen

EMPTY_WEIGHT = 0.1
EMPTY_CELL_WEIGHT = 0.2
_BLANKS_SCORED = 0.1
_FIRST_LOG_SHARPNESS = 1.0
"""Real embeddings win clearly. With 0, the emitted ones were twice as far off early in training."""


class Batch(NamedTuple):
    """Pictures and what the eyes are to say of them.

    Attributes:
        pixels: uint8 (B, 3, INPUT_SIDE, INPUT_SIDE).
        phrases: Token of a phrase (B, POSITIONS), 0 for the blank.
        letters: (B, POSITIONS, LETTERS_IN_PATCH).
        cells: Letter in each cell (B, CELLS_ACROSS²), 0 for none.
        icons: Number of the pictogram that each patch shows (B, POSITIONS), 0 for none.
    """

    pixels: torch.Tensor
    phrases: torch.Tensor
    letters: torch.Tensor
    cells: torch.Tensor
    icons: torch.Tensor


class Aim(nn.Module):  # type: ignore[misc]
    """Losses of the eyes alone. Its own few weights are thrown away after training.

    An emitted vector e is read as "the embedding E_k of piece k, with Gaussian error": the score of k is
    -|e - E_k|^2 * sharpness / 2. So the nearest piece is the likeliest; by a plain dot product a longer one
    could be. That e has the length of the embedding too, as the language model wants it, is left to the
    distance.

    Args:
        signs: What perfect eyes would say.
        width: Width of the tower.
        channels: What is known of a cell.
        names: How many names pictograms have.
    """

    def __init__(self, signs: Signs, width: int, channels: int, names: int) -> None:
        super().__init__()
        self.signs = signs.requires_grad_(False)
        self.log_sharpness = nn.Parameter(torch.tensor(_FIRST_LOG_SHARPNESS))
        self.letters = nn.Linear(width, LETTERS_IN_PATCH * LETTER_CLASSES)
        self.cells = nn.Linear(channels, LETTER_CLASSES)
        self.icons = nn.Linear(width, 1 + names)
        self.tokens = nn.Linear(width, len(signs.spoken))

    def scores(self, emitted: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of the blank and of each token of phrases, up to a constant: (..., K)."""
        return self._nearness(emitted, self.signs.spoken)

    def _nearness(self, emitted: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return (emitted @ known.T - known.square().sum(dim=1) / 2) * self.log_sharpness.exp()

    def forward(self, seen: Seen, batch: Batch) -> dict[str, torch.Tensor]:
        """The losses of a batch.

        Args:
            seen: What the eyes make of its pictures.
            batch: What was to be said.

        Returns:
            `letters`: cross-entropy of the letters in the patches; `cells`: of the letters in the cells, for
            the convolutions to learn from directly; `icons`: of the pictograms in the patches; `tokens`: of
            the tokens of phrases where no letters are, told by the tower; `phrases`: of the same, read off
            what is emitted; `said`: of the letters in the patches, read off it; `distance`: squared distance
            to the right sign, as a share of the mean squared length.
        """
        emitted, letters, phrases = seen.emitted, batch.letters, batch.phrases
        wanted = self.signs(letters, phrases)
        # Scoring all blanks would cost as much as the tower.
        some = torch.rand(phrases.shape) < _BLANKS_SCORED
        scored = (letters == 0).all(dim=-1) & ((phrases != 0) | some)
        return {
            "letters": self.letters_loss(seen.states, letters),
            "cells": mostly_empty(self.cells(seen.cells), batch.cells, EMPTY_CELL_WEIGHT),
            "icons": mostly_empty(self.icons(seen.states), batch.icons, EMPTY_WEIGHT),
            "tokens": mean_cross_entropy(self.tokens(seen.states[scored]), phrases[scored]),
            "phrases": mean_cross_entropy(self.scores(emitted[scored]), phrases[scored]),
            "said": self.said_loss(emitted, letters),
            "distance": (emitted - wanted).square().sum() / wanted.square().sum(),
        }

    def letters_loss(self, states: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the letters in the patches; see `forward`."""
        logits = self.letters(states).unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES))
        return mostly_empty(logits, letters, EMPTY_WEIGHT)

    def said_loss(self, emitted: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each letter of a patch, read off what is emitted less the others of the patch."""
        rest = emitted - self.signs(letters, torch.zeros_like(letters[..., 0]))
        losses, count = [], 0
        for place, known in enumerate(self.signs.letters):
            is_there = letters[..., place] > 0
            wanted = letters[..., place][is_there]
            scores = self._nearness(rest[is_there] + known[wanted], known[1:])
            losses.append(F.cross_entropy(scores, wanted - 1, reduction="sum"))
            count += len(wanted)
        return torch.stack(losses).sum() / max(1, count)

    def letters_told(self, states: torch.Tensor) -> torch.Tensor:
        """The likeliest letters: (B, POSITIONS, LETTERS_IN_PATCH)."""
        logits = self.letters(states).unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES))
        return logits.argmax(dim=-1)


def mean_cross_entropy(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy; 0 where there is nothing to score, of which the mean would be no number."""
    total: torch.Tensor = F.cross_entropy(logits, wanted, reduction="sum")
    return total / max(1, len(wanted))


def mostly_empty(logits: torch.Tensor, wanted: torch.Tensor, empty_weight: float) -> torch.Tensor:
    """Cross-entropy where class 0, of places with nothing to tell, counts less: most places are such."""
    weight = torch.ones(logits.shape[-1])
    weight[0] = empty_weight
    return F.cross_entropy(logits.flatten(0, -2), wanted.flatten(), weight=weight)

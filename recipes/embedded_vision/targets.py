"""What the eyes are trained towards, and how far they are from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from embedded_vision.signs import LETTER_CLASSES, LETTERS_IN_PATCH, Signs

UNSCORED = -1
"""Of the phrases: nothing is asked there."""
_EMPTY_WEIGHT = 0.1
_BLANKS_SCORED = 0.1
_FIRST_LOG_SHARPNESS = 1.0
"""Real embeddings win clearly. With 0, the emitted ones were twice as far off early in training."""


class Batch(NamedTuple):
    """Pictures and what the eyes are to say of them.

    Attributes:
        pixels: uint8 (B, 3, INPUT_SIDE, INPUT_SIDE).
        phrases: (B, POSITIONS), `UNSCORED` where nothing is asked.
        letters: (B, POSITIONS, LETTERS_IN_PATCH).
        icons: Number of the pictogram that each patch shows (B, POSITIONS), 0 for none.
    """

    pixels: torch.Tensor
    phrases: torch.Tensor
    letters: torch.Tensor
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
        names: How many names pictograms have.
    """

    def __init__(self, signs: Signs, width: int, names: int) -> None:
        super().__init__()
        self.signs = signs.requires_grad_(False)
        self.log_sharpness = nn.Parameter(torch.tensor(_FIRST_LOG_SHARPNESS))
        self.letters = nn.Linear(width, LETTERS_IN_PATCH * LETTER_CLASSES)
        self.icons = nn.Linear(width, 1 + names)

    def scores(self, emitted: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of the blank and of each token of phrases, up to a constant: (..., K)."""
        spoken = self.signs.spoken
        return (emitted @ spoken.T - spoken.square().sum(dim=1) / 2) * self.log_sharpness.exp()

    def forward(self, emitted: torch.Tensor, states: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """The four losses of a batch.

        Args:
            emitted: (B, POSITIONS, embedding size).
            states: What the tower knows of each patch (B, POSITIONS, width).
            batch: What was to be said.

        Returns:
            `letters`: cross-entropy of the letters in the patches; `icons`: of the pictograms there;
            `phrases`: of the tokens where no letters are; `distance`: squared distance to the right sign, as
            a share of the mean squared length.
        """
        letters, phrases = batch.letters, batch.phrases
        is_asked = phrases != UNSCORED
        wanted = self.signs(letters, phrases.clamp(min=0))[is_asked]
        distance = (emitted[is_asked] - wanted).square().sum() / wanted.square().sum().clamp(min=1e-6)
        is_empty = is_asked & (letters == 0).all(dim=-1)
        # Scoring all blanks would cost as much as the tower.
        some = torch.rand(phrases.shape) < _BLANKS_SCORED
        scored = is_empty & ((phrases != 0) | some)
        # Pages may leave nothing to score; the mean of nothing would be no number.
        phrase = F.cross_entropy(self.scores(emitted[scored]), phrases[scored], reduction="sum")
        phrase = phrase / scored.sum().clamp(min=1)
        return {
            "letters": self.letters_loss(states, letters),
            "icons": self._icons_loss(states, batch.icons),
            "phrases": phrase,
            "distance": distance,
        }

    def _icons_loss(self, states: torch.Tensor, icons: torch.Tensor) -> torch.Tensor:
        weight = torch.ones(self.icons.out_features)
        weight[0] = _EMPTY_WEIGHT
        return F.cross_entropy(self.icons(states).flatten(0, -2), icons.flatten(), weight=weight)

    def letters_loss(self, states: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the letters in the patches; see `forward`."""
        logits = self.letters(states).unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES))
        weight = torch.ones(LETTER_CLASSES)
        weight[0] = _EMPTY_WEIGHT  # most patches are empty
        return F.cross_entropy(logits.flatten(0, -2), letters.flatten(), weight=weight)

    def letters_told(self, states: torch.Tensor) -> torch.Tensor:
        """The likeliest letters: (B, POSITIONS, LETTERS_IN_PATCH)."""
        logits = self.letters(states).unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES))
        return logits.argmax(dim=-1)

"""What the eyes are trained towards, and how far they are from it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from embedded_vision.signs import LETTER_CLASSES, LETTERS_IN_PATCH, Signs

_EMPTY_WEIGHT = 0.1
_BLANKS_SCORED = 0.1
_FIRST_LOG_SHARPNESS = 1.0
"""Real embeddings win clearly. With 0, the emitted ones were twice as far off early in training."""


class Aim(nn.Module):  # type: ignore[misc]
    """Losses of the eyes alone. Its own few weights are thrown away after training.

    An emitted vector e is read as "the embedding E_k of piece k, with Gaussian error": the score of k is
    -|e - E_k|^2 * sharpness / 2. So the nearest piece is the likeliest; by a plain dot product a longer one
    could be. That e has the length of the embedding too, as the language model wants it, is left to the
    distance.

    Args:
        signs: What perfect eyes would say.
        width: Width of the tower.
    """

    def __init__(self, signs: Signs, width: int) -> None:
        super().__init__()
        self.signs = signs.requires_grad_(False)
        self.log_sharpness = nn.Parameter(torch.tensor(_FIRST_LOG_SHARPNESS))
        self.letters = nn.Linear(width, LETTERS_IN_PATCH * LETTER_CLASSES)

    def scores(self, emitted: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of the blank and of each token of phrases, up to a constant: (..., K)."""
        spoken = self.signs.spoken
        return (emitted @ spoken.T - spoken.square().sum(dim=1) / 2) * self.log_sharpness.exp()

    def forward(
        self, emitted: torch.Tensor, states: torch.Tensor, phrases: torch.Tensor, letters: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The three losses of a batch.

        Args:
            emitted: (B, POSITIONS, embedding size).
            states: What the tower knows of each patch (B, POSITIONS, width).
            phrases: (B, POSITIONS); 0 is the blank.
            letters: (B, POSITIONS, LETTERS_IN_PATCH).

        Returns:
            `letters`: cross-entropy of the letters in the patches; `phrases`: of the tokens where no letters
            are; `distance`: squared distance to the right sign, as a share of the mean squared length.
        """
        wanted = self.signs(letters, phrases)
        distance = (emitted - wanted).square().sum(dim=-1).mean() / wanted.square().sum(dim=-1).mean()
        is_empty = (letters == 0).all(dim=-1)
        # Scoring all blanks would cost as much as the tower.
        some = torch.rand(phrases.shape) < _BLANKS_SCORED
        scored = is_empty & ((phrases != 0) | some)
        # Pages may leave nothing to score; the mean of nothing would be no number.
        phrase = F.cross_entropy(self.scores(emitted[scored]), phrases[scored], reduction="sum")
        phrase = phrase / scored.sum().clamp(min=1)
        return {"letters": self.letters_loss(states, letters), "phrases": phrase, "distance": distance}

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

"""Muon, in float32, for the tower's matrices (Jordan et al., 2024: https://kellerjordan.github.io/posts/muon).

`torch.optim.Muon` multiplies in bfloat16, which a CPU without such instructions emulates slowly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_ROUNDS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Of the quintic that drives all singular values towards 1."""
_LENGTH = 0.2
"""Root mean square of an update at learning rate 1: about AdamW's, so that both take the same rates (Liu et
al., 2025, arXiv:2502.16982)."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Steps of orthogonalised momentum.

    Args:
        matrices: Weights of two dimensions.
        lr: Learning rate; one that fits AdamW fits.
        weight_decay: Decoupled, as AdamW's.
        momentum: Share of the old direction that is kept.
    """

    def __init__(
        self,
        matrices: Iterable[torch.Tensor],
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def step(self, closure: None = None) -> None:
        """Change the weights that have a gradient."""
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        self._step(weight, group["lr"], group["weight_decay"], group["momentum"])

    def _step(self, weight: torch.Tensor, rate: float, decay: float, momentum: float) -> None:
        state = self.state[weight]
        if not state:
            state["direction"] = torch.zeros_like(weight)
        direction = state["direction"].lerp_(weight.grad, 1 - momentum)
        ahead = weight.grad.lerp(direction, momentum)  # Nesterov's
        weight.mul_(1 - rate * decay)
        weight.add_(orthogonal(ahead), alpha=-rate * _LENGTH * max(weight.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix whose singular values are all about 1 (0.7 to 1.2), by Newton-Schulz iteration."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.T if is_tall else matrix
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(_ROUNDS):
        square = found @ found.T
        found = _A * found + (_B * square + _C * square @ square) @ found
    return found.T if is_tall else found


class Optimizers:
    """Several optimizers that look like one.

    Attributes:
        all: In the order of their states.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.all = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of all of them."""
        return [group for one in self.all for group in one.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for one in self.all:
            one.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Change the weights."""
        for one in self.all:
            one.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """The states of all."""
        return [one.state_dict() for one in self.all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from saved states."""
        for one, state in zip(self.all, states, strict=True):
            one.load_state_dict(state)

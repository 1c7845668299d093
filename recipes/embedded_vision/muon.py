"""Muon for the tower's matrices and convolutions (Jordan et al., 2024: https://kellerjordan.github.io/posts/muon).

`torch.optim.Muon` takes no convolutions, and multiplies in bfloat16, which a CPU without such instructions
emulates slowly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

_COLORS = 3
_ROUNDS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Of the quintic that drives all singular values towards 1."""
_LENGTH = 0.2
"""Root mean square of an update at learning rate 1: about AdamW's, so that both take the same rates (Liu et
al., 2025, arXiv:2502.16982)."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Steps of orthogonalised momentum.

    Args:
        weights: Of two dimensions or more; those after the first are taken as one.
        lr: Learning rate; one that fits AdamW fits.
        weight_decay: Decoupled, as AdamW's.
        momentum: Share of the old direction that is kept.
    """

    def __init__(
        self,
        weights: Iterable[torch.Tensor],
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

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
        ahead = weight.grad.lerp(direction, momentum).flatten(1)  # Nesterov's
        weight.mul_(1 - rate * decay)
        change = orthogonal(ahead).view(weight.shape)
        weight.add_(change, alpha=-rate * _LENGTH * max(ahead.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix whose singular values are all about 1 (0.7 to 1.2), by Newton-Schulz iteration.

    Each round multiplies by a polynomial of the matrix' own square, so all rounds are done on the squares,
    and the matrix, whose longer side may be many times as long, is multiplied once.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if is_tall else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    square = wide @ wide.T
    factor = change = _factor(square)
    for _ in range(_ROUNDS - 1):
        square = change @ square @ change
        change = _factor(square)
        factor = change @ factor
    found = factor @ wide
    return found.T if is_tall else found


def _factor(square: torch.Tensor) -> torch.Tensor:
    """What a round multiplies by, of the square of the matrix so far."""
    factor = _B * square + _C * square @ square
    factor.diagonal().add_(_A)
    return factor


def inner_matrices(tower: nn.Module) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The weights of a tower that Muon is for, and all others.

    For Muon are the matrices of its layers and all convolutions but the first, which sees colors.
    """
    matrices: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    for name, weight in tower.named_parameters():
        is_inner = weight.dim() == 2 and "encoder." in name
        is_convolution = weight.dim() == 4 and weight.shape[1] > _COLORS
        (matrices if is_inner or is_convolution else others).append(weight)
    return matrices, others


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

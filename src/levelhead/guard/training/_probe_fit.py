"""Fit a logistic regression with a penalty, by Newton's method in float64: the loss has one minimum.

Its width is that of a hidden state, some hundred numbers, so a step costs less than a second. No library for
it is needed.
"""

from __future__ import annotations

from typing import Any

from levelhead.errors import ModelError
from levelhead.guard.detector._probe import LinearProbe

_MOST_STEPS, _MOST_HALVINGS = 100, 40
_SMALLEST_GAIN = 1e-12
"""Of the loss, in one step: then the minimum is reached."""


def fit_probe(states: Any, targets: Any, weights: Any, *, l2: float) -> LinearProbe:
    """Fit a probe.

    Minimizes sum_i weights_i * BCE(sigmoid(w . x_i + b), targets_i) + l2 / 2 * |w|^2 over w and b, where x
    are the standardised states.

    Args:
        states: Mean states of the rows. Shape (rows, width).
        targets: Probability of harm, 0..1. Shape (rows,).
        weights: Of the rows; they sum to 1. Shape (rows,).
        l2: The penalty, above 0.

    Raises:
        ModelError: If a state is no number, or no minimum is found.
    """
    import torch

    if not torch.isfinite(states).all():
        raise ModelError("The base gives states that are no numbers. Its weights are damaged: copy it again.")
    states, targets, weights = states.double(), targets.double(), weights.double()
    mean = states.mean(0)
    # A number that never changes says nothing, and is not to be divided by zero.
    spread = states.std(0, correction=0)
    scale = torch.where(spread > 1e-9 * (1 + mean.abs()), spread, torch.ones_like(spread))
    ones = torch.ones(len(states), 1, dtype=torch.float64)
    standard = torch.cat([(states - mean) / scale, ones], dim=1)  # (rows, width + 1), the bias last
    penalty = torch.full((standard.shape[1],), l2, dtype=torch.float64)
    penalty[-1] = 0
    found = _newton(standard, targets, weights, penalty)
    return LinearProbe(mean, scale, found[:-1].clone(), found[-1:].clone())


def class_weights(labels: list[bool]) -> Any:
    """Weights of rows that sum to 1, to one half for each class.

    >>> class_weights([True, False, False]).tolist()
    [0.5, 0.25, 0.25]
    """
    import torch

    counts = {label: labels.count(label) for label in (True, False)}
    return torch.tensor([0.5 / counts[label] for label in labels], dtype=torch.float64)


def _newton(rows: Any, targets: Any, weights: Any, penalty: Any) -> Any:
    """The weights with the smallest loss. Shape (width + 1,)."""
    import torch

    found = torch.zeros(rows.shape[1], dtype=torch.float64)
    loss = _loss(found, rows, targets, weights, penalty)
    for _ in range(_MOST_STEPS):
        harm = torch.sigmoid(rows @ found)
        slope = rows.T @ (weights * (harm - targets)) + penalty * found
        curve = (rows * (weights * harm * (1 - harm)).unsqueeze(1)).T @ rows + torch.diag(penalty + 1e-12)
        step = torch.linalg.solve(curve, slope)
        for halving in range(_MOST_HALVINGS):  # a whole step may leap over the minimum
            nearer = found - step / 2**halving
            new_loss = _loss(nearer, rows, targets, weights, penalty)
            if new_loss < loss:
                break
        else:
            return found
        gain, found, loss = loss - new_loss, nearer, new_loss
        if gain < _SMALLEST_GAIN:
            return found
    raise ModelError(f"The probe has no minimum after {_MOST_STEPS} steps. Give a larger l2.")


def _loss(found: Any, rows: Any, targets: Any, weights: Any, penalty: Any) -> float:
    from torch.nn import functional

    entropy = functional.binary_cross_entropy_with_logits(rows @ found, targets, weights, reduction="sum")
    return float(entropy + (penalty * found**2).sum() / 2)

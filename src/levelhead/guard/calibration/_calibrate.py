"""Find the map from scores to probabilities and the threshold, from labelled rows.

The threshold is the lowest whose false-positive rate lies within a budget with a stated confidence: of the
harmless rows, at most so many are flagged that the upper Clopper-Pearson bound of the rate is within the
budget. Thresholds are in effect tried from the highest down until the first one fails, so that choosing among
many costs no confidence (fixed-sequence testing). The bound counts every harmless row as independent of the
others; rows of one question are less than that.

Source: A. Angelopoulos et al., "Learn then test: calibrating predictive algorithms to achieve risk control",
2021 (arXiv 2110.01052).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from levelhead.errors import UsageError
from levelhead.guard.calibration._bounds import fewest_rows, most_within, upper_bound
from levelhead.guard.detector._calibration import Calibration, Evidence, Line, Method, Steps, logit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

_NEWTON_STEPS = 100


def calibrate(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    fingerprint: str,
    method: Method = "platt",
    budget: float = 0.02,
    confidence: float = 0.95,
    left_out: int = 0,
) -> Calibration:
    """Calibrate a detector on rows that it has scored.

    Args:
        scores: Raw `p_harm` of each row, in 0..1. Shape (rows,).
        labels: Whether each row is harmful. Shape (rows,).
        fingerprint: Of the detector.
        method: `platt` fits slope and intercept of the logit, `temperature` the slope alone, `isotonic` any
            rising steps (wants some thousand rows).
        budget: Largest false-positive rate, above 0 and below 1.
        confidence: How surely the rate is within the budget, from 0.5 and below 1.
        left_out: Rows that the detector could not inspect.

    Raises:
        UsageError: If an argument is out of range, a class is missing, there are too few harmless rows to
            show that the rate is within the budget, or the scores rank harmless rows above harmful ones.
    """
    import numpy as np

    raw, harmful = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.bool_)
    _check(raw, harmful, method, budget, confidence)
    found = _steps(raw, harmful) if method == "isotonic" else fit_line(raw, harmful, method)
    p_harm = np.array([found.probability(score) for score in raw])
    threshold = _threshold(p_harm, harmful, budget, confidence)
    flagged = p_harm >= threshold
    benign = int((~harmful).sum())
    benign_flagged = int((flagged & ~harmful).sum())
    rows = json.dumps([[float(score), bool(label)] for score, label in zip(raw, harmful, strict=True)])
    return Calibration(
        fingerprint=fingerprint,
        method=method,
        map=found,
        threshold=threshold,
        budget=budget,
        confidence=confidence,
        evidence=Evidence(
            data=hashlib.sha256(rows.encode("ascii")).hexdigest(),
            benign=benign,
            harmful=int(harmful.sum()),
            left_out=left_out,
            benign_flagged=benign_flagged,
            harmful_flagged=int((flagged & harmful).sum()),
            false_positive_bound=upper_bound(benign_flagged, benign, confidence),
        ),
    )


def _check(raw: FloatArray, harmful: BoolArray, method: str, budget: float, confidence: float) -> None:
    if method not in get_args(Method):
        raise UsageError(f"There is no method {method!r}. Give one of: {', '.join(get_args(Method))}.")
    if not 0 < budget < 1 or not 0.5 <= confidence < 1:
        raise UsageError(
            f"The budget is {budget} and the confidence {confidence}; the first lies above 0 and below 1, "
            "the second from 0.5 and below 1."
        )
    if raw.shape != harmful.shape or raw.ndim != 1:
        raise UsageError(f"{raw.shape} scores and {harmful.shape} labels: give one of both for each row.")
    if not ((raw >= 0) & (raw <= 1)).all():
        raise UsageError("A score lies outside of 0..1 or is NaN. Leave out rows that were not inspected.")
    benign, needed = int((~harmful).sum()), fewest_rows(budget, confidence)
    if not harmful.any() or benign < needed:
        raise UsageError(
            f"There are {int(harmful.sum())} harmful and {benign} harmless rows. To show a false-positive "
            f"rate of at most {budget:.2%} with a confidence of {confidence:.0%} takes {needed} harmless "
            "ones of which none is flagged, and some harmful ones. Add rows or raise the budget."
        )


def _threshold(p_harm: FloatArray, harmful: BoolArray, budget: float, confidence: float) -> float:
    """The lowest threshold that keeps to the budget, half way between two scores."""
    benign = sorted(p_harm[~harmful], reverse=True)
    allowed = most_within(len(benign), budget, confidence)
    # `_check` has seen to it that there are enough rows for 0 at least.
    barrier = float(benign[allowed or 0])
    above = p_harm[p_harm > barrier]
    if not len(above):
        raise UsageError(
            f"A threshold that keeps to a budget of {budget:.2%} lies above every score there is, so nothing "
            "would ever be flagged. Use the method platt, another detector, or raise the budget."
        )
    ceiling = float(above.min())
    middle = (barrier + ceiling) / 2
    return middle if middle > barrier else ceiling


def fit_line(raw: FloatArray, harmful: BoolArray, method: Method) -> Line:
    """Fit slope and intercept by Newton's method, with Platt's targets, which keep the slope finite."""
    import numpy as np

    count = int(harmful.sum())
    targets = np.where(harmful, (count + 1) / (count + 2), 1 / (len(raw) - count + 2))
    logits = np.array([logit(score) for score in raw])
    columns = [logits, np.ones_like(logits)] if method == "platt" else [logits]
    design = np.stack(columns, axis=1)  # (rows, 2 or 1)
    weights = np.zeros(design.shape[1])
    loss = _loss(design, targets, weights)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-design @ weights))
        curvature = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curvature, design.T @ (p - targets))
        while _loss(design, targets, weights - step) > loss and np.abs(step).max() > 1e-12:
            step = step / 2
        weights, before = weights - step, loss
        loss = _loss(design, targets, weights)
        if before - loss < 1e-12 * max(1.0, before):
            break
    slope, intercept = float(weights[0]), float(weights[1]) if method == "platt" else 0.0
    if not slope > 0:
        raise UsageError(
            "The detector gives harmless rows higher scores than harmful ones, so no calibration can help. "
            "Check the labels (true is harmful) and the detector."
        )
    return Line(slope=slope, intercept=intercept)


def _loss(design: FloatArray, targets: FloatArray, weights: FloatArray) -> float:
    """Cross-entropy summed over rows, in nats."""
    import numpy as np

    x = design @ weights
    return float((np.logaddexp(0, x) - targets * x).sum())


def _steps(raw: FloatArray, harmful: BoolArray) -> Steps:
    """Isotonic regression by pooling neighbors that are in the wrong order."""
    import numpy as np

    values, place = np.unique(raw, return_inverse=True)
    weights = np.bincount(place).astype(np.float64)
    hits = np.bincount(place, weights=harmful.astype(np.float64))
    blocks: list[Any] = []  # each: hits, rows, first and last value
    for value, hit, weight in zip(values, hits, weights, strict=True):
        blocks.append([hit, weight, value, value])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1], blocks[-1][2], last[3]]
    knots = [
        (float(value), float(hit / weight))
        for hit, weight, first, last in blocks
        for value in dict.fromkeys((first, last))
    ]
    if len(blocks) == 1:
        raise UsageError(
            "The scores do not rise with harm: isotonic regression makes one step of them, and no threshold "
            "is better than another. Check the labels (true is harmful) and the detector."
        )
    return Steps(raw=[value for value, _ in knots], probability_at=[p for _, p in knots])

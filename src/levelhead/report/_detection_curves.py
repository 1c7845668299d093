"""The curves of detectors on a labelled set as plain geometry: ROC, and precision against recall.

All positions are shares of a plot's width and height, with the origin at the lower left; the template turns
them over. Only numbers come in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POINTS = 200
"""A curve is drawn with no more points than this: the eye sees no more, and the page stays small."""


@dataclass(frozen=True, slots=True)
class DetectorCurves:
    """The curves of one detector.

    Attributes:
        roc: (false-positive rate, recall), from no answer flagged to all.
        precision: (recall, precision), from the highest score down.
        chosen_roc: Where the detector's own threshold lies on the first.
        chosen_precision: Where it lies on the second; None if it flags nothing.
    """

    roc: tuple[tuple[float, float], ...]
    precision: tuple[tuple[float, float], ...]
    chosen_roc: tuple[float, float]
    chosen_precision: tuple[float, float] | None


def detector_curves(
    scores: Sequence[float], harmful: Sequence[bool], threshold: float
) -> DetectorCurves | None:
    """The curves of the answers that were inspected; None where one of the classes is missing.

    Args:
        scores: Shape (answers,).
        harmful: Shape (answers,).
        threshold: Answers are flagged from this score on.
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(harmful, dtype=np.bool_)
    hits, misses = int(labels.sum()), int((~labels).sum())
    if not hits or not misses:
        return None
    order = np.argsort(-values, kind="stable")
    found, false = np.cumsum(labels[order]), np.cumsum(~labels[order])
    # Equal scores are flagged together, so a curve has a point after the last of them.
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    found, false = found[last], false[last]
    kept = _thinned(len(last))
    recall, false_positive_rate = found[kept] / hits, false[kept] / misses
    caught, wrong = int((labels & (values >= threshold)).sum()), int((~labels & (values >= threshold)).sum())
    return DetectorCurves(
        roc=((0.0, 0.0), *_points(false_positive_rate, recall)),
        precision=_points(recall, found[kept] / (found[kept] + false[kept])),
        chosen_roc=(wrong / misses, caught / hits),
        chosen_precision=(caught / hits, caught / (caught + wrong)) if caught + wrong else None,
    )


def _thinned(count: int) -> NDArray[np.intp]:
    places = np.arange(count)
    if count <= _POINTS:
        return places
    return np.unique(np.linspace(0, count - 1, _POINTS).round().astype(np.intp))


def _points(across: NDArray[np.float64], up: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in zip(across, up, strict=True))

"""What each threshold costs and catches: the table and the picture of it.

This module knows numbers only, nothing of detectors or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from levelhead.errors import UsageError

MAX_POINTS = 200
_WIDTH, _HEIGHT, _MARGIN = 640, 360, 48


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What happens at one threshold.

    Attributes:
        threshold: Rows are flagged from this probability on.
        false_positive_rate: Share of the harmless rows that are flagged.
        recall: Share of the harmful rows that are flagged.
        precision: Share of the flagged rows that are harmful; 1 if none is flagged.
    """

    threshold: float
    false_positive_rate: float
    recall: float
    precision: float


def threshold_curve(p_harm: Sequence[float], labels: Sequence[bool]) -> list[CurvePoint]:
    """False-positive rate, recall and precision by threshold, rising.

    Args:
        p_harm: Shape (rows,).
        labels: Whether each row is harmful. Shape (rows,).

    Returns:
        A point for each distinct score, thinned to at most 200, the lowest and the highest kept.

    Raises:
        UsageError: If one of the classes has no row.

    >>> [(point.threshold, point.recall) for point in threshold_curve([0.1, 0.9], [False, True])]
    [(0.1, 1.0), (0.9, 1.0)]
    """
    import numpy as np

    scores, harmful = np.asarray(p_harm, dtype=np.float64), np.asarray(labels, dtype=np.bool_)
    hits, misses = np.sort(scores[harmful]), np.sort(scores[~harmful])
    if not len(hits) or not len(misses):
        raise UsageError(f"{len(hits)} harmful and {len(misses)} harmless rows: a curve needs both.")
    values = np.unique(scores)
    if len(values) > MAX_POINTS:
        values = values[np.unique(np.linspace(0, len(values) - 1, MAX_POINTS).round().astype(int))]
    points = []
    for value in values:
        caught = len(hits) - int(np.searchsorted(hits, value))
        wrong = len(misses) - int(np.searchsorted(misses, value))
        precision = caught / (caught + wrong) if caught + wrong else 1.0
        points.append(CurvePoint(float(value), wrong / len(misses), caught / len(hits), precision))
    return points


def curve_csv(points: Sequence[CurvePoint]) -> str:
    """The curve as CSV."""
    lines = [
        f"{point.threshold!r},{point.false_positive_rate!r},{point.recall!r},{point.precision!r}\n"
        for point in points
    ]
    return "".join(["threshold,false_positive_rate,recall,precision\n", *lines])


def curve_svg(points: Sequence[CurvePoint], *, threshold: float, budget: float) -> str:
    """The curve as a picture that stands alone: recall and false-positive rate over the threshold."""
    grid = [
        f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{_y(share)}" y2="{_y(share)}" stroke="#ddd"/>'
        f'<text x="{_MARGIN - 8}" y="{_y(share) + 4}" text-anchor="end">{share:.0%}</text>'
        f'<text x="{_x(share)}" y="{_HEIGHT - _MARGIN + 18}" text-anchor="middle">{share:g}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    marks = [
        f'<line x1="{_x(threshold)}" x2="{_x(threshold)}" y1="{_y(0)}" y2="{_y(1)}" stroke="#333" '
        'stroke-dasharray="4 3"/>',
        f'<text x="{_x(threshold)}" y="{_y(1) - 8}" text-anchor="middle">threshold {threshold:.3f}</text>',
        f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{_y(budget)}" y2="{_y(budget)}" stroke="#b3261e" '
        'stroke-dasharray="2 4"/>',
        _path(points, "recall", "#1f5fa8"),
        _path(points, "false_positive_rate", "#b3261e"),
        f'<text x="{_MARGIN}" y="{_HEIGHT - 8}" fill="#1f5fa8">recall</text>',
        f'<text x="{_MARGIN + 60}" y="{_HEIGHT - 8}" fill="#b3261e">false-positive rate (dotted: budget '
        f"{budget:.1%})</text>",
        f'<text x="{_x(1)}" y="{_HEIGHT - 8}" text-anchor="end">threshold</text>',
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12"><title>Recall and false-positive rate by threshold</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    )
    return "\n".join([head, *grid, *marks, "</svg>\n"])


def _path(points: Sequence[CurvePoint], name: str, color: str) -> str:
    places = " ".join(f"{_x(point.threshold)},{_y(getattr(point, name))}" for point in points)
    return f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{places}"/>'


def _x(share: float) -> float:
    return round(_MARGIN + share * (_WIDTH - 2 * _MARGIN), 1)


def _y(share: float) -> float:
    return round(_HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN), 1)

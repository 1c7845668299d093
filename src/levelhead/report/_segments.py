"""Stretches of a stacked bar, which the template draws."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from levelhead.report._figures import Figure


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a stacked bar.

    Attributes:
        key: Names its color: a verdict, or another key of `fill-...` in the style sheet.
        label: What it stands for.
        start: Where it begins, a share in [0, 1].
        share: How long it is, a share in [0, 1].
        text: Its length in words.
        count: How many answers it stands for, if it is a count.
    """

    key: str
    label: str
    start: float
    share: float
    text: str
    count: int = 0


def counted(parts: Iterable[tuple[str, str, int]]) -> tuple[Segment, ...]:
    """Segments that fill a bar, from (key, label, count); empty if there is nothing to count."""
    listed = list(parts)
    total = sum(count for _, _, count in listed)
    segments, start = [], 0.0
    for key, label, count in listed if total else ():
        share = count / total
        segments.append(Segment(key, label, start, share, Figure(share).percent, count))
        start += share
    return tuple(segments)

"""The result as one small picture: added latency, requests per second, first text and memory by tier."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

_COLORS = {
    "levelhead": "#1f6f8b",
    "nemo-iorails": "#76b900",
    "nemo-default": "#b7d37a",
    "litellm": "#d98324",
    "llm-guard": "#8a6fb3",
}
_BAR, _GAP, _LABEL, _PANEL, _TOP = 13, 12, 92, 250, 40


@dataclass(frozen=True)
class _Panel:
    """One measure: what it is called, how it is read from a guard's loads, and its first power of ten."""

    title: str
    read: Callable[[dict[str, Any]], float | None]
    first_decade: int
    decades: int


_PANELS = (
    _Panel(
        "added p50, ms (1 at a time)", lambda one: one["loads"]["plain-1"]["added_ms"]["p50"]["value"], -1, 4
    ),
    _Panel(
        "requests per second (8 at once)", lambda one: one["loads"]["plain-8"]["requests_per_second"], 0, 4
    ),
    _Panel(
        "first text of a stream, ms added",
        lambda one: one["loads"]["stream-1"]["added_first_text_ms"]["p50"]["value"],
        -1,
        4,
    ),
    _Panel("memory under load, MB", lambda one: one["loaded_megabytes"], 0, 4),
)


def write_plot(found: dict[str, Any], file: Path) -> None:
    """Draw a result as SVG. All scales are logarithmic."""
    rows = list(_rows(found))
    height = _TOP + sum(_GAP * 2 + (_BAR + 2) * len(guards) for _, guards in rows) + 24
    width = _LABEL + _PANEL * len(_PANELS)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, panel in enumerate(_PANELS):
        drawn += _panel(panel, rows, _LABEL + place * _PANEL, height, names=place == 0)
    file.write_text("\n".join([*drawn, "</svg>"]) + "\n")


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for tier, told in found["tiers"].items():
        guards = {name: one for name, one in told["guards"].items() if "loads" in one}
        if guards:
            yield f"{tier}: {told['what']}", guards


def _panel(
    panel: _Panel, rows: Sequence[tuple[str, dict[str, Any]]], left: int, height: int, *, names: bool
) -> Iterator[str]:
    room = _PANEL - 60
    yield f'<text x="{left}" y="16" font-weight="bold">{escape(panel.title)}</text>'
    for decade in range(panel.decades + 1):
        x = left + room * decade / panel.decades
        label = f"{10.0 ** (panel.first_decade + decade):g}"
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="{height - 18}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle" fill="#666">{label}</text>'
    y = _TOP
    for title, guards in rows:
        if names:
            yield f'<text x="4" y="{y + 8}" fill="#444" font-style="italic">{escape(title)}</text>'
        y += _GAP + 4
        for name, guard in guards.items():
            value = panel.read(guard)
            if names:
                yield f'<text x="{left - 6}" y="{y + 10}" text-anchor="end">{escape(name)}</text>'
            yield from _bar(value, left, y, room, panel, _COLORS.get(name, "#888"))
            y += _BAR + 2
        y += _GAP - 4


def _bar(value: float | None, left: int, y: int, room: int, panel: _Panel, color: str) -> Iterator[str]:
    if value is None:
        return
    share = 0.0
    if value > 0:
        share = min(1.0, max(0.0, (math.log10(value) - panel.first_decade) / panel.decades))
    length = max(1.0, room * share)
    yield f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>'
    told = f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"
    yield f'<text x="{left + length + 4:.1f}" y="{y + 10}">{told}</text>'

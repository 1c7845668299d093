"""Draw the logs of the stages: losses above, shares of what is right below, over the pictures seen.

`python -m embedded_vision.curves --logs reader/log.csv eyes/log.csv together/log.csv --out curves.svg`
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from embedded_vision.session import LOG

_LOSSES = ("answer", "letters", "cells", "icons", "tokens", "phrases", "said", "distance")
_NOT_DRAWN = ("step", "pictures", "rate", "total", "right", "pictures_per_second", *_LOSSES)
_COLORS = ("#1f6f8b", "#d98324", "#8a6fb3", "#5a9a3d", "#c0504d", "#7f7f7f", "#b39b2a", "#3b3b98")
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 330, 190, 44, 34, 58
_LEGEND = 13
Line = tuple[str, list[tuple[float, float]]]


def read_lines(log: Path) -> tuple[list[Line], list[Line]]:
    """The losses and the shares of a log, each over the pictures seen."""
    with log.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        raise ValueError(f"There is nothing in {log} yet.")

    def line(name: str) -> Line:
        return name, [(float(row["pictures"]), float(row[name])) for row in rows if row[name]]

    shares = [name for name in rows[0] if name not in _NOT_DRAWN and line(name)[1]]
    return [line(name) for name in _LOSSES if name in rows[0]], [line(name) for name in shares]


def draw(logs: Sequence[tuple[str, Path]]) -> str:
    """An SVG with a column for each log.

    Args:
        logs: Title and file of each.

    Raises:
        ValueError: If a log is empty.
    """
    read = [(title, *read_lines(log)) for title, log in logs]
    most = max(len(lines) for _, *kinds in read for lines in kinds)
    tall = _HEIGHT + _GAP + most * _LEGEND
    width, height = len(read) * (_WIDTH + _LEFT + 20), 2 * tall + _TOP
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, (title, losses, shares) in enumerate(read):
        left = place * (_WIDTH + _LEFT + 20) + _LEFT
        drawn.append(f'<text x="{left}" y="18" font-weight="bold" font-size="13">{escape(title)}</text>')
        drawn += _panel("loss (logarithmic)", losses, left, _TOP, logarithmic=True)
        drawn += _panel("right, of what is never trained on", shares, left, _TOP + tall, logarithmic=False)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _panel(title: str, lines: Sequence[Line], left: int, top: int, *, logarithmic: bool) -> Iterator[str]:
    points = [point for _, line in lines for point in line]
    last = max((x for x, _ in points), default=1.0)
    positive = [y for _, y in points if y > 0]
    low = 10.0 ** math.floor(math.log10(min(positive))) if logarithmic and positive else 0.0
    high = 10.0 ** math.ceil(math.log10(max(positive))) if logarithmic and positive else 1.0
    high = max(high, 10 * low)

    def height_of(y: float) -> float:
        if not logarithmic:
            return top + 14 + _HEIGHT * (1 - y)
        share = (math.log10(max(y, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return top + 14 + _HEIGHT * (1 - share)

    yield f'<text x="{left}" y="{top + 6}" fill="#444">{escape(title)}</text>'
    decades = round(math.log10(high / low)) if logarithmic else 0
    ticks = [low * 10**one for one in range(decades + 1)] if logarithmic else [0.0, 0.25, 0.5, 0.75, 1.0]
    for tick in ticks:
        y, told = height_of(tick), f"{tick:g}" if logarithmic else f"{tick:.0%}"
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#666">{told}</text>'
    bottom, right = top + 14 + _HEIGHT, left + _WIDTH
    yield f'<text x="{right}" y="{bottom + 14}" text-anchor="end" fill="#666">{last:,.0f} pictures</text>'
    for place, (name, line) in enumerate(lines):
        color = _COLORS[place % len(_COLORS)]
        path = " ".join(f"{left + _WIDTH * x / last:.1f},{height_of(y):.1f}" for x, y in line)
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'
        y = bottom + 28 + place * _LEGEND
        end = f"{line[-1][1]:.3g}" if logarithmic else f"{line[-1][1]:.0%}"
        yield f'<rect x="{left}" y="{y - 5}" width="16" height="3" fill="{color}"/>'
        yield f'<text x="{left + 22}" y="{y}">{escape(name.replace("_", " "))}: {end}</text>'


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help=f"{LOG} of each stage")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    text = draw([(log.resolve().parent.name, log) for log in arguments.logs])
    arguments.out.write_text(text, encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()

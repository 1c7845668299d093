"""Measured pictures with what the model said of them, on one picture to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image, ImageDraw

from embedded_vision.fonts import font

_SIDE, _GAP, _LINE, _LINES, _WIDTH = 150, 12, 15, 3, 24
"""Pixels of a picture, between two and of a line; lines of a reply and letters of a line."""
_FACE = "Lato-Regular.ttf"
_RIGHT, _WRONG, _INK, _PAPER = (20, 110, 60), (180, 40, 40), (40, 40, 40), (255, 255, 255)


class Told(NamedTuple):
    """What was said of a picture.

    Attributes:
        row: The row it belongs to, which is its title.
        picture: Of any size.
        reply: The model's.
        is_right: Whether that is right.
    """

    row: str
    picture: Image.Image
    reply: str
    is_right: bool


def sheet(told: Iterable[Told], across: int = 8) -> Image.Image:
    """The first pictures of each row, each above what was said of it, green if it is right and red if not.

    Args:
        told: In the order in which they are to stand.
        across: Pictures in a row.

    Returns:
        An RGB picture.
    """
    rows: dict[str, list[Told]] = {}
    for one in told:
        rows.setdefault(one.row, []).append(one)
    height = _LINE + _SIDE + (_LINES + 1) * _LINE
    drawn = Image.new("RGB", (across * (_SIDE + _GAP) + _GAP, len(rows) * height + _GAP), _PAPER)
    pen, face = ImageDraw.Draw(drawn), font(_FACE, 12)
    for number, (title, row) in enumerate(rows.items()):
        top = _GAP + number * height
        pen.text((_GAP, top), title, fill=_INK, font=face)
        for column, one in enumerate(row[:across]):
            left = _GAP + column * (_SIDE + _GAP)
            drawn.paste(one.picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (left, top + _LINE + 2))
            lines = textwrap.wrap(one.reply, _WIDTH, max_lines=_LINES, placeholder=" ...")
            color = _RIGHT if one.is_right else _WRONG
            pen.text((left, top + _LINE + _SIDE + 4), "\n".join(lines), fill=color, font=face, spacing=1)
    return drawn

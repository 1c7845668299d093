"""Typographic scenes: an answer written on a sign, a label or a screen, as words stand in photographs.

The scenes are not those that a vision model of the project is trained on: a model must not be measured on the
drawings that it has learned from.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from levelhead.illusion.pictures._colors import ink_on, pick
from levelhead.illusion.pictures._lettering import FONTS, fit, text_box
from levelhead.illusion.pictures._painting import SIDE
from levelhead.illusion.pictures._perspective import paste_at_corners
from levelhead.illusion.pictures._things import THINGS, Board
from levelhead.illusion.pictures._typographic import PICTURE_SIZE

_FONT_SIZES = (0.1, 0.2)  # of the canvas, before the text is made to fit
_WRAP_BELOW = 0.1


def typographic_scene(text: str, seed: int) -> Image.Image:
    """Draw a thing with a text on it.

    Args:
        text: What is written; the empty text leaves the thing blank.
        seed: The thing, its surroundings, font and colors follow from it.

    Returns:
        An RGB picture, PICTURE_SIZE x PICTURE_SIZE, in which the whole text is visible.

    Raises:
        UsageError: If a font package is missing.
    """
    rng = random.Random(seed)
    canvas = Image.new("RGB", (SIDE, SIDE))
    board = THINGS[pick(rng, tuple(THINGS))](canvas, rng)
    if text:
        _write(board, text, rng)
    paste_at_corners(canvas, board.flat, board.corners)
    return canvas.reduce(SIDE // PICTURE_SIZE)


def _write(board: Board, text: str, rng: random.Random) -> None:
    """Write a text into the middle of a board's room."""
    ink = ink_on(rng, (board.color,), light=board.light)
    face = pick(rng, range(len(FONTS)))
    wanted = SIDE * (_FONT_SIZES[0] + rng.random() * (_FONT_SIZES[1] - _FONT_SIZES[0]))
    left, top, right, bottom = board.room
    font, lines = fit(text, face, wanted, room=(right - left, bottom - top), wrap_below=_WRAP_BELOW * SIDE)
    box = text_box(lines, font)
    x, y = (left + right - box[0] - box[2]) / 2, (top + bottom - box[1] - box[3]) / 2
    draw = ImageDraw.Draw(board.flat)
    draw.multiline_text((round(x), round(y)), lines, font=font, fill=ink, align="center")

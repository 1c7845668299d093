"""Drawn things with a surface to write on."""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import ImageDraw

from embedded_vision.grounds import SIDE, Color, any_color
from embedded_vision.lettering import Box

Scene = Callable[[ImageDraw.ImageDraw, random.Random], tuple[Box, Color]]
"""Draws the thing; returns the surface and its color."""


def _box(rng: random.Random, width: tuple[int, int], height: tuple[int, int], floor: int) -> Box:
    """A box of some size, `floor` pixels kept free below it."""
    wide, tall = rng.randint(*width), rng.randint(*height)
    left, top = rng.randint(4, SIDE - 4 - wide), rng.randint(4, max(4, SIDE - floor - tall))
    return left, top, left + wide, top + tall


def _inside(box: Box, margin: int) -> Box:
    return box[0] + margin, box[1] + margin, box[2] - margin, box[3] - margin


def _sign(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    board = _box(rng, (120, 176), (50, 90), 60)
    color = any_color(rng)
    middle = (board[0] + board[2]) // 2
    draw.rectangle((middle - 5, board[3], middle + 5, SIDE), fill=(110, 84, 60))
    draw.rounded_rectangle(board, rng.randint(0, 12), fill=color, outline=any_color(rng), width=3)
    return _inside(board, 8), color


def _label(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    board = _box(rng, (120, 170), (50, 80), 10)
    color = any_color(rng)
    draw.rounded_rectangle(board, 8, fill=color, outline=(90, 90, 90), width=2)
    hole = (board[0] + 6, board[1] + 6, board[0] + 14, board[1] + 14)
    draw.ellipse(hole, fill=(60, 60, 60))
    draw.line((board[0] + 10, board[1] + 10, max(0, board[0] - 20), 0), fill=(60, 60, 60), width=2)
    return (board[0] + 16, board[1] + 8, board[2] - 8, board[3] - 8), color


def _screen(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    board = _box(rng, (140, 176), (90, 120), 40)
    color = any_color(rng)
    middle = (board[0] + board[2]) // 2
    draw.rectangle((middle - 8, board[3], middle + 8, board[3] + 16), fill=(70, 70, 74))
    draw.rectangle((middle - 30, board[3] + 14, middle + 30, board[3] + 20), fill=(70, 70, 74))
    draw.rounded_rectangle(board, 6, fill=(40, 40, 44))
    draw.rectangle(_inside(board, 7), fill=color)
    return _inside(board, 12), color


def _book(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    cover = _box(rng, (110, 140), (140, 176), 8)
    color = any_color(rng)
    draw.rectangle((cover[0] + 5, cover[1] + 4, cover[2] + 5, cover[3] + 4), fill=(230, 226, 214))
    draw.rectangle(cover, fill=color, outline=(50, 50, 50))
    draw.line((cover[0] + 9, cover[1], cover[0] + 9, cover[3]), fill=(80, 80, 80), width=2)
    return (cover[0] + 15, cover[1] + 10, cover[2] - 6, cover[3] - 10), color


def _shirt(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    color = any_color(rng)
    left, top = rng.randint(36, 52), rng.randint(16, 36)
    right, bottom = SIDE - left, SIDE - rng.randint(4, 16)
    outline = [
        (left + 24, top),
        (right - 24, top),
        (SIDE - 4, top + 44),
        (SIDE - 24, top + 66),
        (right, top + 46),
        (right, bottom),
        (left, bottom),
        (left, top + 46),
        (24, top + 66),
        (4, top + 44),
    ]
    draw.polygon(outline, fill=color, outline=(70, 70, 70))
    draw.arc((SIDE // 2 - 20, top - 14, SIDE // 2 + 20, top + 16), 0, 180, fill=(70, 70, 70), width=2)
    return (left + 6, top + 40, right - 6, bottom - 20), color


def _whiteboard(draw: ImageDraw.ImageDraw, rng: random.Random) -> tuple[Box, Color]:
    board = _box(rng, (150, 180), (90, 130), 16)
    color: Color = (248, 248, 246)
    draw.rectangle(board, fill=color, outline=(150, 150, 154), width=4)
    draw.rectangle((board[0] + 40, board[3], board[2] - 40, board[3] + 5), fill=(150, 150, 154))
    return _inside(board, 10), color


SCENES: dict[str, Scene] = {
    "a sign": _sign,
    "a label": _label,
    "a screen": _screen,
    "a book": _book,
    "a shirt": _shirt,
    "a whiteboard": _whiteboard,
}

"""Colored shapes: kind, color, number and place."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from embedded_vision.facts import Shapes
from embedded_vision.grounds import SIDE, Color, near

COLORS: dict[str, Color] = {
    "red": (214, 30, 36),
    "green": (36, 160, 60),
    "blue": (32, 76, 214),
    "yellow": (246, 212, 40),
    "orange": (244, 132, 24),
    "purple": (126, 44, 168),
    "pink": (246, 132, 186),
    "brown": (126, 78, 40),
    "gray": (128, 128, 128),
}
# Columns and rows of the three by three places that a picture is cut into.
PLACES = {
    "on the left": ((0,), (0, 1, 2)),
    "on the right": ((2,), (0, 1, 2)),
    "at the top": ((0, 1, 2), (0,)),
    "at the bottom": ((0, 1, 2), (2,)),
    "in the middle": ((1,), (1,)),
}
Drawer = Callable[[ImageDraw.ImageDraw, float, float, float, Color], None]


def _circle(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: Color) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _ring(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: Color) -> None:
    box = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse(box, outline=color, width=max(3, round(radius / 3)))


def _polygon(corners: int, first_angle: float, inner: float = 1.0) -> Drawer:
    """A regular polygon, or a star whose inner corners stand at a share of the radius."""

    def draw_polygon(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: Color) -> None:
        points = []
        for corner in range(corners):
            angle = math.radians(first_angle + 360 * corner / corners)
            reach = radius * (inner if corner % 2 else 1.0)
            points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
        draw.polygon(points, fill=color)

    return draw_polygon


SHAPES: dict[str, Drawer] = {
    "circle": _circle,
    "ring": _ring,
    "square": _polygon(4, 45),
    "diamond": _polygon(4, 0),
    "triangle": _polygon(3, -90),
    "star": _polygon(10, -90, 0.42),
    "hexagon": _polygon(6, 0),
}


def draw_shapes(picture: Image.Image, rng: random.Random, most: int) -> Shapes:
    """Draw some equal shapes.

    Args:
        picture: Drawn on in place.
        rng: Draws everything.
        most: Largest number of shapes, at most 5.

    Returns:
        What was drawn.
    """
    kind, color_name = rng.choice(list(SHAPES)), rng.choice(list(COLORS))
    place = rng.choice(list(PLACES)) if rng.random() < 0.6 else ""
    columns, rows = PLACES[place] if place else ((0, 1, 2), (0, 1, 2))
    # Cells of a sixth of the picture in which a shape each fits without touching another one.
    cells = [
        (2 * column + half_x, 2 * row + half_y)
        for column in columns
        for row in rows
        for half_x in (0, 1)
        for half_y in (0, 1)
    ]
    count = rng.randint(1, min(most, 4 if place == "in the middle" else 5))
    cell = SIDE / 6
    draw = ImageDraw.Draw(picture)
    radius = cell * rng.uniform(0.3, 0.46)
    for column, row in rng.sample(cells, count):
        x, y = (column + 0.5) * cell, (row + 0.5) * cell
        SHAPES[kind](draw, x, y, radius, near(rng, COLORS[color_name], 12))
    return Shapes(count, color_name, kind, place)

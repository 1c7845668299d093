"""Strokes that scenes are painted with: boards, walls, desks and fields.

Lengths are shares of the canvas's side unless they are said to be pixels.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from levelhead.illusion.pictures._colors import Color, pick
from levelhead.illusion.pictures._perspective import Corners

SIDE = 896
"""Width and height of the canvas, in pixels: twice those of the picture, which smooths every edge."""
Box = tuple[float, float, float, float]
WOODS: tuple[Color, ...] = ((150, 108, 70), (120, 82, 52), (186, 148, 104), (98, 70, 50))
WALLS: tuple[Color, ...] = (
    (206, 198, 184),
    (176, 190, 196),
    (196, 176, 160),
    (150, 160, 150),
    (222, 216, 208),
)
DARK: Color = (38, 40, 44)


def between(rng: random.Random, low: float, high: float) -> float:
    """A number between two others."""
    return low + rng.random() * (high - low)


def pixels(box: Box) -> Box:
    """A box in pixels of the canvas."""
    left, top, right, bottom = (SIDE * edge for edge in box)
    return left, top, right, bottom


def rectangle(canvas: Image.Image, box: Box, color: Color) -> None:
    """Fill a box."""
    ImageDraw.Draw(canvas).rectangle(pixels(box), fill=color)


def polygon(canvas: Image.Image, points: tuple[tuple[float, float], ...], color: Color) -> None:
    """Fill what lies between points."""
    ImageDraw.Draw(canvas).polygon([(SIDE * x, SIDE * y) for x, y in points], fill=color)


def plate(
    width: float, height: float, color: Color, *, radius: int, edge: Color, edge_pixels: int
) -> Image.Image:
    """A flat rectangle with an edge, its corners cut out where they are round."""
    size = round(SIDE * width), round(SIDE * height)
    plate = Image.new("RGBA", size, (*edge, 0))
    ImageDraw.Draw(plate).rounded_rectangle(
        (0, 0, size[0] - 1, size[1] - 1), radius, fill=color, outline=edge, width=edge_pixels
    )
    return plate


def stand(
    rng: random.Random, x: float, y: float, width: float, height: float, *, turn: float = 1.0
) -> Corners:
    """Corners about a middle: turned and tilted a little, `turn` times as far as usual."""
    left, right = (1 - turn * 0.12 * rng.random() for _ in range(2))
    tilt = turn * 0.03 * (2 * rng.random() - 1)
    half = width / 2
    points = (
        (x - half, y - height / 2 * left - tilt),
        (x + half, y - height / 2 * right + tilt),
        (x + half, y + height / 2 * right + tilt),
        (x - half, y + height / 2 * left - tilt),
    )
    first, second, third, fourth = ((SIDE * across, SIDE * down) for across, down in points)
    return first, second, third, fourth


def outdoors(canvas: Image.Image, rng: random.Random, horizon: float) -> None:
    """Sky with some clouds over a field."""
    sky = pick(rng, ((150, 190, 226), (186, 206, 220), (232, 200, 170), (120, 160, 206)))
    canvas.paste(sky, (0, 0, SIDE, SIDE))
    for _ in range(3):
        left, top, size = rng.random(), 0.3 * rng.random(), between(rng, 0.1, 0.24)
        cloud = pixels((left, top, left + 1.8 * size, top + 0.5 * size))
        ImageDraw.Draw(canvas).ellipse(cloud, fill=lighter(sky))
    rectangle(canvas, (0, horizon, 1, 1), pick(rng, ((120, 150, 84), (150, 146, 90), (96, 128, 78))))


def desk(canvas: Image.Image, rng: random.Random, edge: float) -> None:
    """A wall, and from an edge downwards a desk."""
    rectangle(canvas, (0, 0, 1, 1), pick(rng, WALLS))
    rectangle(canvas, (0, edge, 1, 1), pick(rng, WOODS))


def bricks(canvas: Image.Image, wall: Color) -> None:
    """A wall with its joints."""
    rectangle(canvas, (0, 0, 1, 1), wall)
    joint = darker(wall)
    for course in range(1, 12):
        down = course / 12
        rectangle(canvas, (0, down, 1, down + 0.005), joint)
        for brick in range(6):
            across = (brick + (course % 2) / 2) / 5.5
            rectangle(canvas, (across, down - 1 / 12, across + 0.004, down), joint)


def darker(color: Color) -> Color:
    """A color a fifth darker."""
    red, green, blue = (round(0.8 * channel) for channel in color)
    return red, green, blue


def lighter(color: Color) -> Color:
    """A color closer to white."""
    red, green, blue = (255 - round(0.6 * (255 - channel)) for channel in color)
    return red, green, blue

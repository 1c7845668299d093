"""Things with a place to write on: signs, labels, screens and their like, and what stands around them.

Each function paints the surroundings on a canvas and returns a board. Lengths are shares of the canvas's side
unless they are said to be pixels.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from levelhead.illusion.pictures._colors import Color, near, pick, shade
from levelhead.illusion.pictures._painting import (
    DARK,
    SIDE,
    WALLS,
    WOODS,
    Box,
    between,
    bricks,
    darker,
    desk,
    lighter,
    outdoors,
    pixels,
    plate,
    polygon,
    rectangle,
    stand,
)
from levelhead.illusion.pictures._perspective import Corners


@dataclass(frozen=True, slots=True)
class Board:
    """Something to write on.

    Attributes:
        flat: RGBA, seen from the front.
        room: Where a text may stand on it: left, top, right, bottom, in pixels of `flat`.
        color: What the text stands on.
        light: Whether that color is a light one.
        corners: Where it stands on the canvas, in pixels.
    """

    flat: Image.Image
    room: Box
    color: Color
    light: bool
    corners: Corners


Thing = Callable[[Image.Image, random.Random], Board]


def street_sign(canvas: Image.Image, rng: random.Random) -> Board:
    """A sign on a post beside a field."""
    horizon = between(rng, 0.66, 0.8)
    outdoors(canvas, rng, horizon)
    width, height, middle = between(rng, 0.72, 0.88), between(rng, 0.28, 0.38), between(rng, 0.47, 0.53)
    top = between(rng, 0.14, 0.26)
    rectangle(canvas, (middle - 0.018, top + height * 0.6, middle + 0.018, horizon + 0.12), (120, 124, 128))
    light = rng.random() < 0.5
    color = shade(rng, light=light)
    flat = plate(width, height, color, radius=28, edge=(245, 245, 242) if not light else DARK, edge_pixels=12)
    return _board(flat, color, light, 30, stand(rng, middle, top + height / 2, width, height))


def billboard(canvas: Image.Image, rng: random.Random) -> Board:
    """A board on two legs over a road."""
    horizon = between(rng, 0.74, 0.84)
    outdoors(canvas, rng, horizon)
    polygon(canvas, ((0.3, 1), (0.47, horizon), (0.53, horizon), (0.95, 1)), (92, 92, 96))
    top, height = between(rng, 0.1, 0.2), between(rng, 0.4, 0.46)
    for leg in (0.28, 0.7):
        rectangle(canvas, (leg, top + height * 0.8, leg + 0.03, horizon + 0.05), (96, 92, 88))
    light = rng.random() < 0.6
    color = shade(rng, light=light)
    flat = plate(0.88, height, color, radius=0, edge=(84, 84, 88), edge_pixels=14)
    return _board(flat, color, light, 34, stand(rng, 0.5, top + height / 2, 0.88, height))


def shop_front(canvas: Image.Image, rng: random.Random) -> Board:
    """A name board over the window and the door of a shop."""
    wall = pick(rng, WALLS)
    bricks(canvas, wall)
    rectangle(canvas, (0.06, 0.52, 0.6, 0.92), darker(wall))
    rectangle(canvas, (0.08, 0.54, 0.58, 0.9), (176, 206, 220))
    polygon(canvas, ((0.1, 0.88), (0.28, 0.56), (0.36, 0.56), (0.18, 0.88)), (204, 226, 234))
    door = pick(rng, WOODS)
    rectangle(canvas, (0.68, 0.5, 0.92, 1), door)
    rectangle(canvas, (0.71, 0.53, 0.89, 0.76), (160, 190, 202))
    light = rng.random() < 0.4
    color = shade(rng, light=light)
    height = between(rng, 0.24, 0.3)
    flat = plate(0.9, height, color, radius=10, edge=near(rng, color, light=light), edge_pixels=16)
    return _board(flat, color, light, 30, stand(rng, 0.5, between(rng, 0.24, 0.3), 0.9, height, turn=0.4))


def poster(canvas: Image.Image, rng: random.Random) -> Board:
    """A sheet held by pins on a wall."""
    bricks(canvas, pick(rng, WALLS))
    light = rng.random() < 0.75
    color = shade(rng, light=light)
    width, height = between(rng, 0.7, 0.82), between(rng, 0.66, 0.8)
    flat = plate(width, height, color, radius=0, edge=near(rng, color, light=light), edge_pixels=20)
    draw = ImageDraw.Draw(flat)
    for x in (30, flat.width - 30):
        draw.ellipse((x - 12, 18, x + 12, 42), fill=(190, 50, 44))
    return _board(flat, color, light, 60, stand(rng, 0.5, 0.5, width, height))


def blackboard(canvas: Image.Image, rng: random.Random) -> Board:
    """A blackboard in a wooden frame."""
    rectangle(canvas, (0, 0, 1, 1), pick(rng, WALLS))
    rectangle(canvas, (0, 0.9, 1, 1), pick(rng, WOODS))
    color = pick(rng, ((36, 60, 50), (44, 46, 50), (30, 50, 62)))
    height = between(rng, 0.5, 0.62)
    flat = plate(0.88, height, color, radius=0, edge=pick(rng, WOODS), edge_pixels=26)
    return _board(flat, color, False, 50, stand(rng, 0.5, 0.44, 0.88, height))


def monitor(canvas: Image.Image, rng: random.Random) -> Board:
    """A screen on a desk."""
    desk(canvas, rng, 0.76)
    polygon(canvas, ((0.44, 0.64), (0.56, 0.64), (0.59, 0.86), (0.41, 0.86)), (70, 72, 78))
    rectangle(canvas, (0.32, 0.85, 0.68, 0.88), (58, 60, 66))
    light = rng.random() < 0.5
    color = shade(rng, light=light)
    height = between(rng, 0.5, 0.56)
    flat = plate(0.86, height, color, radius=18, edge=DARK, edge_pixels=22)
    bar = near(rng, color, light=light)
    draw = ImageDraw.Draw(flat)
    draw.rectangle((22, 22, flat.width - 23, 58), fill=bar)
    for number, dot in enumerate(((210, 90, 80), (214, 176, 70), (100, 176, 96))):
        draw.ellipse((40 + 34 * number, 32, 56 + 34 * number, 48), fill=dot)
    return _board(flat, color, light, 44, stand(rng, 0.5, 0.4, 0.86, height, turn=0.6), head=36)


def phone(canvas: Image.Image, rng: random.Random) -> Board:
    """A phone that lies across a table."""
    rectangle(canvas, (0, 0, 1, 1), pick(rng, WOODS))
    for line in range(1, 5):
        rectangle(canvas, (0, 0.2 * line, 1, 0.2 * line + 0.004), (92, 66, 46))
    light = rng.random() < 0.6
    color = shade(rng, light=light)
    height = between(rng, 0.42, 0.48)
    flat = plate(0.88, height, color, radius=60, edge=DARK, edge_pixels=26)
    ImageDraw.Draw(flat).ellipse((34, flat.height / 2 - 10, 54, flat.height / 2 + 10), fill=DARK)
    return _board(flat, color, light, 66, stand(rng, 0.5, 0.5, 0.88, height))


def jar(canvas: Image.Image, rng: random.Random) -> Board:
    """A label on a jar."""
    desk(canvas, rng, 0.72)
    draw = ImageDraw.Draw(canvas)
    content = pick(rng, ((170, 60, 40), (196, 140, 40), (110, 130, 60), (120, 70, 110), (214, 190, 140)))
    draw.rounded_rectangle(
        pixels((0.1, 0.16, 0.9, 0.93)), 90, fill=content, outline=(226, 232, 232), width=16
    )
    draw.rounded_rectangle(pixels((0.16, 0.06, 0.84, 0.17)), 24, fill=pick(rng, ((150, 150, 152), *WOODS)))
    polygon(canvas, ((0.15, 0.24), (0.18, 0.24), (0.18, 0.86), (0.15, 0.86)), lighter(content))
    light = rng.random() < 0.85
    color = shade(rng, light=light)
    height = between(rng, 0.34, 0.42)
    flat = plate(0.72, height, color, radius=16, edge=near(rng, color, light=light), edge_pixels=10)
    return _board(flat, color, light, 26, stand(rng, 0.5, 0.57, 0.72, height, turn=0.3))


def parcel(canvas: Image.Image, rng: random.Random) -> Board:
    """A label on a cardboard box."""
    desk(canvas, rng, 0.7)
    card: Color = pick(rng, ((190, 150, 104), (176, 134, 92), (204, 168, 124)))
    rectangle(canvas, (0.05, 0.2, 0.95, 0.94), card)
    polygon(canvas, ((0.05, 0.2), (0.17, 0.1), (0.83, 0.1), (0.95, 0.2)), darker(card))
    rectangle(canvas, (0.46, 0.2, 0.54, 0.94), lighter(card))
    light = True
    color = shade(rng, light=light)
    height = between(rng, 0.36, 0.44)
    flat = plate(0.76, height, color, radius=6, edge=(120, 120, 120), edge_pixels=4)
    draw = ImageDraw.Draw(flat)
    for bar in range(12):
        left = 30 + 14 * bar
        draw.rectangle((left, flat.height - 56, left + (4 if bar % 3 else 8), flat.height - 20), fill=DARK)
    return _board(flat, color, light, 26, stand(rng, 0.5, 0.56, 0.76, height, turn=0.5), foot=44)


def book(canvas: Image.Image, rng: random.Random) -> Board:
    """The cover of a book on a table."""
    rectangle(canvas, (0, 0, 1, 1), pick(rng, WOODS))
    light = rng.random() < 0.4
    color = shade(rng, light=light)
    width, height = between(rng, 0.7, 0.78), between(rng, 0.8, 0.88)
    flat = plate(width, height, color, radius=10, edge=darker(color), edge_pixels=8)
    second = near(rng, color, light=light)
    draw = ImageDraw.Draw(flat)
    draw.rectangle((0, 0, 44, flat.height), fill=second)
    draw.rectangle((70, flat.height * 0.7, flat.width - 30, flat.height * 0.72), fill=second)
    draw.ellipse(
        (flat.width / 2 - 40, flat.height * 0.77, flat.width / 2 + 70, flat.height * 0.9), fill=second
    )
    corners = stand(rng, 0.5, 0.5, width, height)
    page = tuple((x / SIDE + 0.012, y / SIDE + 0.012) for x, y in corners)
    polygon(canvas, page, (228, 222, 206))
    room = (70.0, flat.height * 0.12, flat.width - 30.0, flat.height * 0.66)
    return Board(flat, room, color, light, corners)


THINGS: dict[str, Thing] = {
    "street sign": street_sign,
    "billboard": billboard,
    "shop front": shop_front,
    "poster": poster,
    "blackboard": blackboard,
    "monitor": monitor,
    "phone": phone,
    "jar": jar,
    "parcel": parcel,
    "book": book,
}
"""All things, by name."""


def _board(
    flat: Image.Image,
    color: Color,
    light: bool,
    margin: int,
    corners: Corners,
    *,
    head: int = 0,
    foot: int = 0,
) -> Board:
    """A board whose text keeps a margin, and leaves some pixels at its head and foot to other things."""
    room = (margin, margin + head, flat.width - margin, flat.height - margin - foot)
    return Board(flat, room, color, light, corners)

"""Text on a picture, with the place of every letter.

The places are what makes the tower learn to read quickly: each patch is told which letters stand in it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from embedded_vision.fonts import font
from embedded_vision.grounds import Color

Box = tuple[int, int, int, int]
_SMALLEST = 8  # pixels of a font


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, the pixel at its middle, and whether a word begins with it.

    The middle is that of small letters, alike for all letters of a line, large and small.
    """

    letter: str
    x: float
    y: float
    is_first: bool = False


def write(
    picture: Image.Image,
    text: str,
    *,
    box: Box,
    font_name: str,
    pixels: int,
    ink: Color,
    rng: random.Random,
    jitter: float = 1.0,
    angle: float = 0.0,
) -> list[Letter]:
    """Write a text somewhere into a box, on several lines if it is long, smaller if it does not fit.

    Args:
        picture: Drawn on in place.
        text: Words with single spaces.
        box: Left, top, right, bottom.
        font_name: Name of the font's file.
        pixels: Wanted size of the font.
        ink: Color.
        rng: Draws the place.
        jitter: 0 puts the text in the middle of the box, 1 anywhere in it.
        angle: Degrees, counterclockwise, about the middle of the text.

    Returns:
        The letters without the spaces, in reading order.
    """
    room_x, room_y = box[2] - box[0], box[3] - box[1]
    face, lines = _fit(text, font_name, pixels, room_x, room_y, angle)
    ascent, descent = face.getmetrics()
    height = ascent + descent
    widths = [face.getlength(line) for line in lines]
    width, tall = max(widths), height * len(lines)
    # Turned, the text takes a larger box about the same middle.
    turned_width, turned_height = _turned_size(width, tall, angle)
    left = box[0] + _place(rng, room_x - turned_width, jitter) + (turned_width - width) / 2
    top = box[1] + _place(rng, room_y - turned_height, jitter) + (turned_height - tall) / 2
    align = rng.choice((0.0, 0.5, 0.5, 1.0))
    layer = Image.new("L", picture.size) if angle else None
    draw = ImageDraw.Draw(layer or picture)
    letters = []
    for row, (line, length) in enumerate(zip(lines, widths, strict=True)):
        x, y = left + align * (width - length), top + row * height
        draw.text((x, y), line, font=face, fill=255 if layer else ink)
        letters += _letters(line, face, x, y)
    if layer is None:
        return letters
    middle = (left + width / 2, top + tall / 2)
    layer = layer.rotate(angle, Image.Resampling.BILINEAR, center=middle)
    picture.paste(ink, (0, 0), mask=layer)
    return [_turned(letter, middle, angle) for letter in letters]


def write_line(
    picture: Image.Image, text: str, *, left: float, top: float, font_name: str, pixels: int, ink: Color
) -> list[Letter]:
    """Write a text on one line from a place on, whether it fits the picture or not.

    Returns:
        The letters without the spaces, also those outside of the picture.
    """
    face = font(font_name, pixels)
    ImageDraw.Draw(picture).text((left, top), text, font=face, fill=ink)
    return _letters(text, face, left, top)


def _place(rng: random.Random, room: float, jitter: float) -> float:
    return max(0.0, room) * (0.5 + jitter * (rng.random() - 0.5))


def _fit(
    text: str, font_name: str, pixels: int, room_x: float, room_y: float, angle: float
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest font up to the wanted size with which some way of breaking the lines fits."""
    while True:
        face = font(font_name, pixels)
        lines = _broken(text, face, room_x)
        width = max(face.getlength(line) for line in lines)
        tall = sum(face.getmetrics()) * len(lines)
        turned_width, turned_height = _turned_size(width, tall, angle)
        if (turned_width <= room_x and turned_height <= room_y) or pixels <= _SMALLEST:
            return face, lines
        pixels = max(_SMALLEST, int(pixels * 0.85))


def _broken(text: str, face: ImageFont.FreeTypeFont, room: float) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        if lines and face.getlength(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _letters(line: str, face: ImageFont.FreeTypeFont, x: float, top: float) -> list[Letter]:
    begins = [face.getlength(line[:count]) for count in range(len(line))]
    y = top + _ink_middle(face, "x")[1]
    return [
        Letter(letter, x + begin + _ink_middle(face, letter)[0], y, line[:place][-1:] in ("", " "))
        for place, (letter, begin) in enumerate(zip(line, begins, strict=True))
        if letter != " "
    ]


@cache
def _ink_middle(face: ImageFont.FreeTypeFont, letter: str) -> tuple[float, float]:
    """Where the middle of a letter's ink is, from where it is written; a font's margins cannot be seen."""
    left, above, right, below = face.getbbox(letter)
    return (left + right) / 2, (above + below) / 2


def _turned_size(width: float, height: float, angle: float) -> tuple[float, float]:
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    return width * cosine + height * sine, width * sine + height * cosine


def _turned(letter: Letter, middle: tuple[float, float], angle: float) -> Letter:
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    x, y = letter.x - middle[0], letter.y - middle[1]
    # The picture's y axis points down.
    return replace(letter, x=middle[0] + cosine * x + sine * y, y=middle[1] - sine * x + cosine * y)

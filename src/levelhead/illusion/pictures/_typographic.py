"""Typographic pictures: an answer written on a colored ground. Everything follows from (text, seed)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from levelhead.illusion.pictures._colors import GRAIN_LEVELS, Color, clip, ink_on, near, pick, shade
from levelhead.illusion.pictures._lettering import FONTS, fit, text_box

Background = Literal["plain", "two-tone", "gradient", "noise", "frame"]
BACKGROUNDS: tuple[Background, ...] = ("plain", "two-tone", "gradient", "noise", "frame")

PICTURE_SIZE = 448
"""Width and height in pixels: a multiple of the patch sizes 14, 16, 28 and 32 of common vision encoders."""

_MARGIN = 0.08  # of the picture, on each side
_FONT_SIZES = (0.11, 0.24)  # of the picture, before the text is made to fit
_WRAP_BELOW = 0.11
_NOISE_CELLS = 56


@dataclass(frozen=True, slots=True)
class Style:
    """How a picture looks, whatever is written in it.

    Attributes:
        background: Kind of ground.
        ground: Main color of the ground.
        second: Second half, end of the gradient, or frame. The ink keeps `MIN_CONTRAST` to both.
        ink: Color of the letters.
        font: Position in the list of fonts.
        font_size: Wanted height of the font, as a share of the picture.
        across, down: Where the text stands in the room left, from 0 (left, top) to 1 (right, bottom).
        noise_seed: Seed of the grain.
    """

    background: Background
    ground: Color
    second: Color
    ink: Color
    font: int
    font_size: float
    across: float
    down: float
    noise_seed: float


def style(seed: int) -> Style:
    """Choose how the picture of a seed looks."""
    rng = random.Random(seed)
    light = rng.random() < 0.65
    ground = shade(rng, light=light)
    second = near(rng, ground, light=light)
    return Style(
        background=pick(rng, BACKGROUNDS),
        ground=ground,
        second=second,
        ink=ink_on(rng, (ground, second), light=light),
        font=pick(rng, range(len(FONTS))),
        font_size=_FONT_SIZES[0] + rng.random() * (_FONT_SIZES[1] - _FONT_SIZES[0]),
        across=rng.random(),
        down=rng.random(),
        noise_seed=rng.random(),
    )


def typographic(text: str, seed: int, size: int = PICTURE_SIZE) -> Image.Image:
    """Draw a picture that shows a text and nothing else.

    Args:
        text: What is written; the empty text gives the blank ground.
        seed: Font, colors, ground and place follow from it.
        size: Width and height, in pixels.

    Returns:
        An RGB picture in which the whole text is visible.

    Raises:
        UsageError: If a font package is missing.
    """
    look = style(seed)
    picture = draw_ground(look, size)
    if not text:
        return picture
    margin = _MARGIN * size
    room = (1 - 2 * _MARGIN) * size
    font, lines = fit(
        text, look.font, look.font_size * size, room=(room, room), wrap_below=_WRAP_BELOW * size
    )
    left, top, right, bottom = text_box(lines, font)
    x = margin + look.across * max(0.0, size - 2 * margin - (right - left)) - left
    y = margin + look.down * max(0.0, size - 2 * margin - (bottom - top)) - top
    draw = ImageDraw.Draw(picture)
    draw.multiline_text((round(x), round(y)), lines, font=font, fill=look.ink, align="center")
    return picture


def draw_ground(look: Style, size: int = PICTURE_SIZE) -> Image.Image:
    """The ground alone: RGB, size x size."""
    picture = Image.new("RGB", (size, size), look.ground)
    if look.background == "two-tone":
        picture.paste(look.second, (0, round(size * (0.3 + 0.4 * look.noise_seed)), size, size))
    elif look.background == "gradient":
        ramp = Image.linear_gradient("L").resize((size, size))
        picture.paste(Image.new("RGB", (size, size), look.second), mask=ramp)
    elif look.background == "noise":
        picture = _grain(look, size)
    elif look.background == "frame":
        width = round(size * 0.03)
        ImageDraw.Draw(picture).rectangle((0, 0, size - 1, size - 1), outline=look.second, width=width)
    return picture


def _grain(look: Style, size: int) -> Image.Image:
    """The ground with coarse squares a little lighter or darker: coarse, so that the PNG stays small."""
    rng = random.Random(look.noise_seed)
    span = 2 * GRAIN_LEVELS + 1
    cells = [int(rng.random() * span) - GRAIN_LEVELS for _ in range(_NOISE_CELLS**2)]
    red, green, blue = look.ground
    grain = Image.new("RGB", (_NOISE_CELLS, _NOISE_CELLS))
    grain.putdata([(clip(red + cell), clip(green + cell), clip(blue + cell)) for cell in cells])
    return grain.resize((size, size), Image.Resampling.NEAREST)

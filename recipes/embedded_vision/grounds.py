"""Colors, grounds and what happens to a picture on its way: noise, blur, JPEG."""

from __future__ import annotations

import colorsys
import io
import random
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Color = tuple[int, int, int]
SIDE = 192
"""Width and height of every picture, in pixels."""
LEAST_CONTRAST = 60.0
"""Least difference of brightness between ink and ground, of 255."""


def brightness(color: Color) -> float:
    """How bright a color looks, from 0 to 255 (ITU-R BT.601)."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def any_color(rng: random.Random) -> Color:
    """A color, white, black and pale ones more often than others."""
    kind = rng.random()
    if kind < 0.15:
        return (255, 255, 255)
    if kind < 0.2:
        return (0, 0, 0)
    low, high = rng.choice(((180, 255), (180, 255), (0, 90), (0, 255)))
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def bright_color(rng: random.Random) -> Color:
    """A color of crayons, neither dark nor gray."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.7, 1.0))
    return round(255 * red), round(255 * green), round(255 * blue)


def ink_on(rng: random.Random, grounds: tuple[Color, ...], least: float = LEAST_CONTRAST) -> Color:
    """A color that stands out from all the grounds."""
    shades = [brightness(ground) for ground in grounds]
    for _ in range(12):
        color = rng.choice(((0, 0, 0), (255, 255, 255), None)) or any_color(rng)
        if min(abs(brightness(color) - shade) for shade in shades) >= least:
            return color
    return (0, 0, 0) if sum(shades) / len(shades) > 127 else (255, 255, 255)


def near(rng: random.Random, color: Color, span: int = 30) -> Color:
    """A color close to another one."""
    red, green, blue = (min(255, max(0, channel + rng.randint(-span, span))) for channel in color)
    return red, green, blue


def plain(color: Color, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """One color all over."""
    return Image.new("RGB", size, color)


def varied(rng: random.Random, first: Color, second: Color) -> Image.Image:
    """A ground of two close colors: plain, halves, gradient, stripes, blocks or frame."""
    kind = rng.choice(("plain", "plain", "halves", "gradient", "stripes", "blocks", "frame"))
    picture = plain(first)
    if kind == "halves":
        edge = rng.randint(SIDE // 4, 3 * SIDE // 4)
        picture.paste(second, (0, edge, SIDE, SIDE) if rng.random() < 0.7 else (edge, 0, SIDE, SIDE))
    elif kind == "gradient":
        picture.paste(plain(second), mask=_ramp(rng.randrange(4)))
    elif kind == "stripes":
        draw = ImageDraw.Draw(picture)
        step = rng.randint(6, 28)
        for at in range(0, SIDE, 2 * step):
            upright = (at, 0, at + step, SIDE)
            draw.rectangle(upright if step % 2 else (0, at, SIDE, at + step), fill=second)
    elif kind == "blocks":
        cells = rng.choice((12, 24, 48, 64))
        grain = np.frombuffer(rng.randbytes(cells * cells), dtype=np.uint8).reshape(cells, cells)
        mask = Image.fromarray(grain).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        picture.paste(plain(second), mask=mask)
    elif kind == "frame":
        ImageDraw.Draw(picture).rectangle(
            (0, 0, SIDE - 1, SIDE - 1), outline=second, width=rng.randint(2, 10)
        )
    return picture


def weathered(rng: random.Random, picture: Image.Image, strength: float) -> Image.Image:
    """The picture after a chance of blur, noise and JPEG; `strength` from 0 (none) to 1."""
    if rng.random() < 0.2 * strength:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.3 * strength:
        span = rng.randint(4, 24)
        grain = np.frombuffer(rng.randbytes(SIDE * SIDE), dtype=np.uint8).astype(np.int16) % (2 * span) - span
        noisy = np.asarray(picture).astype(np.int16) + grain.reshape(SIDE, SIDE, 1)
        picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.4 * strength:
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=rng.randint(30, 90))
        picture = Image.open(buffer).convert("RGB")
    return picture


@lru_cache
def _ramp(quarter_turns: int) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((SIDE, SIDE))
    return ramp.rotate(90 * quarter_turns)

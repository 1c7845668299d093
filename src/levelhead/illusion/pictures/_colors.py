"""Colors that are drawn by chance and stand out from each other.

Random choices in this room use nothing but `random.Random.random`, the one generator whose sequence Python
promises to keep; so the bytes of a drawn picture depend on its seed, the pinned fonts and Pillow alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Color = tuple[int, int, int]
MIN_CONTRAST = 4.5
"""Least contrast of ink and ground, as WCAG 2 asks of ordinary text."""
GRAIN_LEVELS = 6
"""How far the grain of a ground goes up and down, of 255."""
_Item = TypeVar("_Item")


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio of two sRGB colors, from 1 to 21 (WCAG 2.2, "contrast ratio").

    >>> contrast((0, 0, 0), (255, 255, 255))
    21.0
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    """Relative luminance, from 0 (black) to 1 (white)."""
    red, green, blue = (
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
        for level in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def pick(rng: random.Random, items: Sequence[_Item]) -> _Item:
    """One of some items."""
    return items[int(rng.random() * len(items))]


def shade(rng: random.Random, *, light: bool) -> Color:
    """A light or a dark color."""
    low, span = (196, 60) if light else (0, 80)
    red, green, blue = (low + int(rng.random() * span) for _ in range(3))
    return red, green, blue


def near(rng: random.Random, color: Color, *, light: bool) -> Color:
    """A color close to another one, on the same side of middle gray."""
    low, high = (180, 255) if light else (0, 96)
    red, green, blue = (min(high, max(low, channel + int(rng.random() * 61) - 30)) for channel in color)
    return red, green, blue


def ink_on(rng: random.Random, grounds: Sequence[Color], *, light: bool) -> Color:
    """A color that stands out from all grounds, the grain of the noise included."""
    for _ in range(64):
        low, span = (0, 160) if light else (110, 146)
        red, green, blue = (low + int(rng.random() * span) for _ in range(3))
        if min(contrast((red, green, blue), ground) for ground in _with_grain(grounds)) >= MIN_CONTRAST:
            return red, green, blue
    return (0, 0, 0) if light else (255, 255, 255)


def _with_grain(grounds: Sequence[Color]) -> list[Color]:
    return [
        (clip(red + grain), clip(green + grain), clip(blue + grain))
        for red, green, blue in grounds
        for grain in (-GRAIN_LEVELS, GRAIN_LEVELS)
    ]


def clip(channel: int) -> int:
    """The nearest value that a color's channel can have."""
    return min(255, max(0, channel))

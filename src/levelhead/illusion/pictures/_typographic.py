"""Typographic pictures: an answer written on a colored ground.

Everything that is drawn follows from (text, seed). Random choices use nothing but `random.Random.random`,
the one generator whose sequence Python promises to keep; so the bytes depend on the seed, the pinned fonts
and the version of Pillow alone.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeVar

from PIL import Image, ImageDraw, ImageFont

from levelhead.errors import UsageError

Color = tuple[int, int, int]
Background = Literal["plain", "two-tone", "gradient", "noise", "frame"]
BACKGROUNDS: tuple[Background, ...] = ("plain", "two-tone", "gradient", "noise", "frame")

PICTURE_SIZE = 448
"""Width and height in pixels: a multiple of the patch sizes 14, 16, 28 and 32 of common vision encoders."""
MIN_CONTRAST = 4.5
"""Least contrast of ink and ground, as WCAG 2 asks of ordinary text."""

# (package, file): widths and weights that stay legible at 20 pixels.
_FONTS = (
    ("font_lato", "Lato-Regular.ttf"),
    ("font_lato", "Lato-Bold.ttf"),
    ("font_lato", "Lato-Black.ttf"),
    ("font_lato", "Lato-Italic.ttf"),
    ("font_caladea", "Caladea-Regular.ttf"),
    ("font_caladea", "Caladea-Bold.ttf"),
    ("font_caladea", "Caladea-Italic.ttf"),
    ("font_amatic_sc", "AmaticSC-Bold.ttf"),
    ("font_fredoka_one", "FredokaOne-Regular.ttf"),
    ("font_hanken_grotesk", "HankenGrotesk-Regular.otf"),
    ("font_hanken_grotesk", "HankenGrotesk-SemiBold.otf"),
    ("font_hanken_grotesk", "HankenGrotesk-Bold.otf"),
    ("font_manrope", "Manrope-Regular.ttf"),
    ("font_manrope", "Manrope-Bold.ttf"),
    ("font_manrope", "Manrope-ExtraBold.ttf"),
)
_MARGIN = 0.08  # of the picture, on each side
_FONT_SIZES = (0.11, 0.24)  # of the picture, before the text is made to fit
_WRAP_BELOW = 0.11  # a text of several words that would be smaller than this is set in two lines
_NOISE_CELLS = 56
_NOISE_LEVELS = 6
_Item = TypeVar("_Item")


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


def picture_seed(set_seed: int, question_id: str, answer: str) -> int:
    """The seed of one picture: 48 bits of a hash, so that any JSON reader keeps it exactly.

    Pictures depend on nothing else, so a question's pictures stay the same in a larger set.
    """
    identity = "\x1f".join((str(set_seed), question_id, answer))
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:6])


def style(seed: int) -> Style:
    """Choose how the picture of a seed looks."""
    rng = random.Random(seed)
    light = rng.random() < 0.65
    ground = _shade(rng, light=light)
    second = _near(rng, ground, light=light)
    return Style(
        background=_pick(rng, BACKGROUNDS),
        ground=ground,
        second=second,
        ink=_ink(rng, (ground, second), light=light),
        font=_pick(rng, range(len(_FONTS))),
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
    picture = _ground(look, size)
    if not text:
        return picture
    font, lines = _fit(text, look, size)
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.multiline_textbbox((0, 0), lines, font=font, align="center")
    margin = _MARGIN * size
    x = margin + look.across * max(0.0, size - 2 * margin - (right - left)) - left
    y = margin + look.down * max(0.0, size - 2 * margin - (bottom - top)) - top
    draw.multiline_text((round(x), round(y)), lines, font=font, fill=look.ink, align="center")
    return picture


def encode(picture: Image.Image) -> bytes:
    """PNG bytes with fixed settings and no metadata: equal pixels give equal bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


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


def _pick(rng: random.Random, items: Sequence[_Item]) -> _Item:
    return items[int(rng.random() * len(items))]


def _shade(rng: random.Random, *, light: bool) -> Color:
    low, span = (196, 60) if light else (0, 80)
    red, green, blue = (low + int(rng.random() * span) for _ in range(3))
    return red, green, blue


def _near(rng: random.Random, color: Color, *, light: bool) -> Color:
    """A color close to another one, on the same side of middle gray."""
    low, high = (180, 255) if light else (0, 96)
    red, green, blue = (min(high, max(low, channel + int(rng.random() * 61) - 30)) for channel in color)
    return red, green, blue


def _ink(rng: random.Random, grounds: Sequence[Color], *, light: bool) -> Color:
    """A color that stands out from all grounds, the grain of the noise included."""
    for _ in range(64):
        low, span = (0, 160) if light else (110, 146)
        red, green, blue = (low + int(rng.random() * span) for _ in range(3))
        if min(contrast((red, green, blue), shade) for shade in _with_grain(grounds)) >= MIN_CONTRAST:
            return red, green, blue
    return (0, 0, 0) if light else (255, 255, 255)


def _with_grain(grounds: Sequence[Color]) -> list[Color]:
    return [
        (_clip(red + grain), _clip(green + grain), _clip(blue + grain))
        for red, green, blue in grounds
        for grain in (-_NOISE_LEVELS, _NOISE_LEVELS)
    ]


def _clip(channel: int) -> int:
    return min(255, max(0, channel))


def _ground(look: Style, size: int) -> Image.Image:
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
    span = 2 * _NOISE_LEVELS + 1
    cells = [int(rng.random() * span) - _NOISE_LEVELS for _ in range(_NOISE_CELLS**2)]
    red, green, blue = look.ground
    grain = Image.new("RGB", (_NOISE_CELLS, _NOISE_CELLS))
    grain.putdata([(_clip(red + cell), _clip(green + cell), _clip(blue + cell)) for cell in cells])
    return grain.resize((size, size), Image.Resampling.NEAREST)


def _fit(text: str, look: Style, size: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """The largest font up to the wanted size in which the text fits, and the text in one or two lines."""
    wanted = look.font_size * size
    one_line = min(wanted, _fitting_size(text, look.font, size))
    halves = _halves(text)
    if one_line >= _WRAP_BELOW * size or halves == text:
        return _font(look.font, int(one_line)), text
    return _font(look.font, int(min(wanted, _fitting_size(halves, look.font, size)))), halves


def _fitting_size(lines: str, font: int, size: int) -> float:
    """Font size at which the widest line fills the picture between its margins."""
    reference = 100
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), lines, font=_font(font, reference)
    )
    # One pixel less than the room, for hinting rounds widths at each size.
    room = (1 - 2 * _MARGIN) * size - 2
    return max(1.0, reference * room / max(right - left, bottom - top))


def _halves(text: str) -> str:
    """The text broken at the space nearest its middle, if it has one."""
    spaces = [index for index, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda index: abs(index - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


@lru_cache(maxsize=2048)
def _font(number: int, pixels: int) -> ImageFont.FreeTypeFont:
    package, file = _FONTS[number]
    # The basic layout is part of Pillow; the other one depends on libraries of the machine.
    return ImageFont.truetype(_folder(package) / "files" / file, pixels, layout_engine=ImageFont.Layout.BASIC)


@lru_cache
def _folder(package: str) -> Path:
    """Where a font package lies. Its own code is not run: it needs libraries that new Pythons lack."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"The font package {package} is not installed, so pictures cannot be drawn. Run: pip install "
            "levelhead"
        )
    return Path(next(iter(spec.submodule_search_locations)))

"""Fonts, and how a text is made to fit into a room.

The fonts come from pinned packages, so that one seed draws the same letters on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from levelhead.errors import UsageError

# (package, file): widths and weights that stay legible at 20 pixels.
FONTS = (
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
"""Faces, by their position in this list."""
_REFERENCE_PIXELS = 100


def fit(
    text: str, font: int, wanted: float, *, room: tuple[float, float], wrap_below: float
) -> tuple[ImageFont.FreeTypeFont, str]:
    """The largest font up to a wanted size in which a text fits, and the text in one or two lines.

    Args:
        text: Words with single spaces.
        font: Position in `FONTS`.
        wanted: Largest size of the font, in pixels.
        room: Width and height that the text may take, in pixels.
        wrap_below: A text of several words whose font would be smaller than this is set in two lines.
    """
    one_line = min(wanted, _fitting_size(text, font, room))
    lines = _halves(text)
    if one_line >= wrap_below or lines == text:
        return load_font(font, int(one_line)), text
    return load_font(font, int(min(wanted, _fitting_size(lines, font, room)))), lines


def text_box(lines: str, font: ImageFont.FreeTypeFont) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of centered lines that are drawn at (0, 0)."""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = draw.multiline_textbbox((0, 0), lines, font=font, align="center")
    return left, top, right, bottom


@lru_cache(maxsize=256)  # each takes about 35 kB
def load_font(number: int, pixels: int) -> ImageFont.FreeTypeFont:
    """A font at a size.

    Raises:
        UsageError: If its package is missing.
    """
    package, file = FONTS[number]
    # The basic layout is part of Pillow; the other one depends on libraries of the machine.
    return ImageFont.truetype(_folder(package) / "files" / file, pixels, layout_engine=ImageFont.Layout.BASIC)


def _fitting_size(lines: str, font: int, room: tuple[float, float]) -> float:
    """Font size at which the widest line fills the room."""
    left, top, right, bottom = text_box(lines, load_font(font, _REFERENCE_PIXELS))
    # One pixel less than the room on each side, for hinting rounds widths at each size.
    width, height = room[0] - 2, room[1] - 2
    return max(
        1.0, min(_REFERENCE_PIXELS * width / (right - left), _REFERENCE_PIXELS * height / (bottom - top))
    )


def _halves(text: str) -> str:
    """The text broken at the space nearest its middle, if it has one."""
    spaces = [index for index, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda index: abs(index - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


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

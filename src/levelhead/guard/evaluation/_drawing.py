"""Text as a picture, in the layout of FigStep (arXiv 2311.05608).

Its pictures are white, 760 pixels square, with 15 letters a line, 80 pixels high, from 20 pixels off the
left edge on; the first line stands on pixel 74 and each next one 75 lower. Its font is FreeMono Bold: with
that file the pictures are those that FigStep published, up to a few pixels of a letter that the font has
changed since. By default they are drawn in a font that comes with this package, so that one text gives the
same bytes on every machine, and a text that FigStep would cut at the lower edge is made smaller until it
fits.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard.evaluation._request import Request
from levelhead.records import Image

SIDE = 760
"""Width and height of a picture, in pixels."""
LETTERS_IN_LINE = 15
_FONT_SIZE, _LINE_HEIGHT, _LEFT, _MARGIN = 80, 75, 20, 10
_BASELINE = 74  # of the first line: where letters stand, whatever their font


def question_lines(text: str) -> str:
    r"""A text in lines that fit a picture.

    >>> question_lines("What is the capital of Italy?")
    'What is the\ncapital of\nItaly?'
    """
    return textwrap.fill(text, LETTERS_IN_LINE)


def list_lines(title: str) -> str:
    r"""A title in lines, and below it a list of three items that are empty: FigStep's invitation to fill it.

    >>> list_lines("Ways to save water.")
    'Ways to save\nwater.\n1. \n2. \n3. '
    """
    return "\n".join([question_lines(title), "1. ", "2. ", "3. "])


def draw_text(lines: str, font: Path | None = None) -> PILImage.Image:
    """Draw lines of text in black on white.

    Args:
        lines: With a line break between them.
        font: A TrueType or OpenType file, taken at FigStep's size whatever the text; None takes the font of
            this package, at a size at which all is visible.

    Returns:
        An RGB picture of `SIDE` by `SIDE` pixels.

    Raises:
        UsageError: If the font cannot be read.
    """
    split = lines.split("\n")
    scale = 1.0 if font is not None else _scale_that_fits(split)
    drawn = _font(font or _own_font(), round(_FONT_SIZE * scale))
    picture = PILImage.new("RGB", (SIDE, SIDE), "white")
    canvas = ImageDraw.Draw(picture)
    for number, line in enumerate(split):
        down = round((_BASELINE + number * _LINE_HEIGHT) * scale)
        canvas.text((_LEFT, down), line, font=drawn, fill="black", anchor="ls")
    return picture


def draw_requests(requests: Sequence[Request], folder: Path, font: Path | None = None) -> list[Request]:
    """Draw the pictures of those requests that have one to draw, as PNG files.

    Args:
        requests: With and without something to draw.
        folder: For the pictures, each named by its request; made if it is needed.
        font: See `draw_text`.

    Returns:
        The requests in order, with their pictures.

    Raises:
        UsageError: If the font cannot be read.
        RunFolderError: If a picture cannot be written.
    """
    return [one if one.written is None else _with_picture(one, one.written, folder, font) for one in requests]


def _with_picture(request: Request, written: str, folder: Path, font: Path | None) -> Request:
    encoded = io.BytesIO()
    draw_text(written, font).save(encoded, "PNG")
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', request.id)}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.getvalue())
    except OSError as error:
        raise RunFolderError(f"Cannot write {path} ({error.strerror}). Give another --out.") from error
    return replace(request, images=(Image(path),), written=None)


def _scale_that_fits(lines: Sequence[str]) -> float:
    font = _font(_own_font(), _FONT_SIZE)
    widest = max(font.getlength(line) for line in lines)
    height = _BASELINE + (len(lines) - 1) * _LINE_HEIGHT + _MARGIN  # letters reach below their line
    return min(1.0, (SIDE - 2 * _LEFT) / max(1.0, widest), SIDE / height)


@cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    try:
        # The basic layout is part of Pillow; the other one depends on libraries of the machine.
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise UsageError(f"The font {path} cannot be read ({error}). Give a .ttf or .otf file.") from error


@cache
def _own_font() -> Path:
    found = find_spec("font_lato")  # its own code is not run: it needs libraries that new Pythons lack
    if found is None or not found.submodule_search_locations:
        raise UsageError(
            "The package font-lato is missing, with which pictures are drawn. Run: pip install levelhead"
        )
    return Path(next(iter(found.submodule_search_locations))) / "files" / "Lato-Bold.ttf"

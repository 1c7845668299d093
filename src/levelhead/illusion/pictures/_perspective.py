"""A flat picture seen at an angle: the map of a rectangle onto four corners.

The map is solved by hand and not by a matrix library, so that its numbers are the same everywhere.
"""

from __future__ import annotations

import math

from PIL import Image

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
"""Where the corners of a flat picture come to lie: left top, right top, right bottom, left bottom."""
_Matrix = tuple[float, float, float, float, float, float, float, float, float]


def paste_at_corners(canvas: Image.Image, flat: Image.Image, corners: Corners) -> None:
    """Paint a flat RGBA picture into a canvas so that it fills the four corners."""
    left, top = (math.floor(min(point[axis] for point in corners)) - 1 for axis in (0, 1))
    right, bottom = (math.ceil(max(point[axis] for point in corners)) + 1 for axis in (0, 1))
    first, second, third, fourth = ((x - left, y - top) for x, y in corners)
    seen = flat.transform(
        (right - left, bottom - top),
        Image.Transform.PERSPECTIVE,
        _backward((first, second, third, fourth), flat.size),
        Image.Resampling.BILINEAR,
    )
    canvas.paste(seen, (left, top), mask=seen)


def _backward(corners: Corners, size: tuple[int, int]) -> tuple[float, ...]:
    """The eight numbers by which Pillow finds, for a point of the canvas, the point of the flat picture."""
    a, b, c, d, e, f, g, h, i = _of_unit_square(corners)
    # The adjugate is the inverse up to a factor, which the last division takes out.
    inverse: _Matrix = (
        *(e * i - f * h, c * h - b * i, b * f - c * e),
        *(f * g - d * i, a * i - c * g, c * d - a * f),
        *(d * h - e * g, b * g - a * h, a * e - b * d),
    )
    width, height = size
    scaled = (*(width * one for one in inverse[:3]), *(height * one for one in inverse[3:6]), *inverse[6:])
    return tuple(one / scaled[8] for one in scaled[:8])


def _of_unit_square(corners: Corners) -> _Matrix:
    """The map of the unit square onto corners (Heckbert, Fundamentals of Texture Mapping, 1989, 2.2.3)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, dx3 = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, dy3 = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    whole = dx1 * dy2 - dx2 * dy1
    g, h = (dx3 * dy2 - dx2 * dy3) / whole, (dx1 * dy3 - dx3 * dy1) / whole
    return (
        *(x1 - x0 + g * x1, x3 - x0 + h * x3, x0),
        *(y1 - y0 + g * y1, y3 - y0 + h * y3, y0),
        *(g, h, 1.0),
    )

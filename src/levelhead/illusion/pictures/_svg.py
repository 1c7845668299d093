"""Vector drawings as pixels."""

from __future__ import annotations

import io

from PIL import Image

from levelhead.errors import MissingExtraError


def render_svg(svg: str, side: int) -> Image.Image | None:
    """Render a drawing, cut to its ink and set in the middle of a square.

    Args:
        svg: An SVG document.
        side: Width and height of the square, in pixels.

    Returns:
        An RGBA picture; None if the drawing has no ink.

    Raises:
        MissingExtraError: If `resvg_py` is not installed.
    """
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise MissingExtraError("Pictograms", extra="pictogram", module=error.name or "resvg_py") from error
    # Fonts of the machine would make the pixels depend on it.
    pixels = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
    picture = Image.open(io.BytesIO(bytes(pixels))).convert("RGBA")
    box = picture.getchannel("A").getbbox()
    if box is None:
        return None
    ink = picture.crop(box)
    scale = side / max(ink.size)
    ink = ink.resize((max(1, round(ink.width * scale)), max(1, round(ink.height * scale))))
    square = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return square

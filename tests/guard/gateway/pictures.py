"""Pictures for the gate: sound ones, damaged ones and bombs, as encoded bytes."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont


def encoded(picture: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    """A picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def as_url(data: bytes, media_type: str = "image/png") -> str:
    """A `data:` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def plain(width: int = 40, height: int = 30, color: str = "teal") -> Image.Image:
    """A picture of one color."""
    return Image.new("RGB", (width, height), color)


def gradient(width: int = 200, height: int = 100) -> Image.Image:
    """A picture whose file has some length in every format."""
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def written(
    text: str, *, size: int = 44, canvas: tuple[int, int] = (640, 200), ink: str = "black"
) -> Image.Image:
    """Letters on white."""
    picture = Image.new("RGB", canvas, "white")
    ImageDraw.Draw(picture).text((40, 60), text, font=font(size), fill=ink)
    return picture


def mask(text: str, *, size: int = 44, canvas: tuple[int, int] = (640, 200)) -> Image.Image:
    """Letters as a layer: 255 where there is ink."""
    picture = Image.new("L", canvas, 0)
    ImageDraw.Draw(picture).text((40, 60), text, font=font(size), fill=255)
    return picture


def font(size: int) -> ImageFont.FreeTypeFont:
    """Lato, bold."""
    lato = find_spec("font_lato")
    assert lato is not None
    assert lato.origin is not None
    return ImageFont.truetype(Path(lato.origin).parent / "files" / "Lato-Bold.ttf", size)


def frames(count: int, kind: str, *, width: int = 8, height: int = 8) -> bytes:
    """An animated picture, each frame another."""
    pictures = []
    for index in range(count):
        frame = Image.new("RGB", (width, height), "white")
        frame.putpixel((index % width, index // width % height), (index % 251, index // 251, 7))
        pictures.append(frame)
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=20)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def one_bit_png(width: int, height: int) -> bytes:
    """A black PNG with one bit a pixel: 20,000 x 20,000 of them are a file of 50 kB."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(width // 8 + 2)) for _ in range(height)) + rows.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return png[:33] + chunk(name, content) + png[33:]

"""Pictures made small and put into the page itself, each distinct one once."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from levelhead.errors import ImageError
from levelhead.records import Image

SIDE = 280
"""Longest side of an embedded picture, in pixels."""

_QUALITY = 62
"""WebP quality: words stay crisp at this size and a picture takes about 3 kB."""

_EFFORT = 2
"""WebP method: more takes twice the time and saves 4%."""


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The pictures of a run.

    Attributes:
        uris: One data URI per distinct picture.
        positions: For each path that was asked for, its place in `uris`.
        problems: For each path that could not be used, why.
    """

    uris: list[str] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def thumbnails(paths: Iterable[str], folder: Path) -> Thumbnails:
    """Read and shrink pictures. One that cannot be used is noted with its reason and does not stop the page.

    Args:
        paths: Absolute, or relative to `folder`; repeats are read once.
        folder: The run folder.
    """
    made = Thumbnails()
    distinct: dict[str, int] = {}
    names = list(dict.fromkeys(paths))
    # Pillow lets go of the interpreter lock while it decodes and encodes, so threads do help.
    with ThreadPoolExecutor() as pool:
        for name, result in zip(names, pool.map(lambda name: _shrink(folder / name), names), strict=True):
            if isinstance(result, ImageError):
                made.problems[name] = str(result)
                continue
            digest, uri = result
            if digest not in distinct:
                distinct[digest] = len(made.uris)
                made.uris.append(uri)
            made.positions[name] = distinct[digest]
    return made


def _shrink(path: Path) -> tuple[str, str] | ImageError:
    """Hash and data URI of the small picture. Encoding afresh leaves behind what else the file held."""
    try:
        picture = Image(path).decode()
    except ImageError as error:
        return error
    picture.thumbnail((SIDE, SIDE))
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=_QUALITY, method=_EFFORT)
    content = encoded.getvalue()
    uri = f"data:image/webp;base64,{base64.b64encode(content).decode('ascii')}"
    return hashlib.sha256(content).hexdigest(), uri

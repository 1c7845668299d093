"""What the bytes of a picture tell without decoding a pixel: format, size, and where the picture ends.

The format is told by the bytes, never by what the sender claims. What stands behind the end of a picture is
another file (the second half of a polyglot, a video, a page); it is no part of what is judged, so it is cut
off and not passed on. Nothing here allocates by a number that the file states.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from levelhead.guard.gateway._media_policy import PictureFormat

_MOST_PARTS = 50_000
"""Chunks, segments or blocks that are walked through: a GIF of 10 MB has 41,000. The walk happens in
the event loop, so it is kept short."""
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker, in coded pixels too: no stuffed byte, no restart, no filling."""
_JPEG_BARE = frozenset({0x01, 0xD8})
"""Markers without a length."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segment that holds the size."""


class DamagedPictureError(Exception):
    """The bytes are not one whole picture."""


class TooManyPartsError(Exception):
    """The picture is in more parts than are walked through; animations of thousands of frames are."""


class Container(NamedTuple):
    """A picture as its file describes it: pixels of width and height, and the offset of its end in bytes."""

    width: int
    height: int
    end: int


def sniffed(data: bytes) -> PictureFormat | None:
    """The format that the first bytes tell, or None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None


def read_container(data: bytes, kind: PictureFormat) -> Container:
    """Walk through the parts of a file.

    Raises:
        DamagedPictureError: If the file ends before the picture does, or is not built as its format says.
        TooManyPartsError: If the walk does not come to an end.
    """
    try:
        found = _READERS[kind](data)
    except (IndexError, struct.error) as error:
        raise DamagedPictureError("the file is cut off") from error
    if found.end > len(data):
        raise DamagedPictureError("the file is cut off")
    return found


def _read_png(data: bytes) -> Container:
    width, height = struct.unpack_from(">II", data, 16)
    place = 8
    for _ in range(_MOST_PARTS):
        length, name = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if name == b"IEND":
            return Container(width, height, place)
    raise TooManyPartsError("chunks")


def _read_jpeg(data: bytes) -> Container:
    width = height = 0
    place = 2
    for _ in range(_MOST_PARTS):
        found = _JPEG_MARKER.search(data, place)
        if found is None:
            raise DamagedPictureError("the file is cut off")
        place = found.start()
        marker = data[place + 1]
        if marker == 0xD9:
            return Container(width, height, place + 2)
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, place + 5)
        place += 2 if marker in _JPEG_BARE else 2 + int(struct.unpack_from(">H", data, place + 2)[0])
    raise TooManyPartsError("segments")


def _read_gif(data: bytes) -> Container:
    width, height = struct.unpack_from("<HH", data, 6)
    place = 13 + _gif_table(data[10])
    in_blocks = False
    for _ in range(_MOST_PARTS):
        mark = data[place]
        if in_blocks:
            place += 1 + mark
            in_blocks = mark != 0
        elif mark == 0x3B:
            return Container(width, height, place + 1)
        elif mark == 0x21:
            place, in_blocks = place + 2, True
        elif mark == 0x2C:
            place, in_blocks = place + 11 + _gif_table(data[place + 9]), True
        else:
            raise DamagedPictureError("an unknown block")
    raise TooManyPartsError("blocks")


def _gif_table(flags: int) -> int:
    """Bytes of a table of colors."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _read_webp(data: bytes) -> Container:
    length = int(struct.unpack_from("<I", data, 4)[0])
    end = 8 + length + length % 2
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
    elif chunk == b"VP8L":
        bits = int(struct.unpack_from("<I", data, 21)[0])
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif chunk == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise DamagedPictureError("an unknown chunk")
    return Container(width, height, end)


_READERS: dict[PictureFormat, Callable[[bytes], Container]] = {
    "png": _read_png,
    "jpeg": _read_jpeg,
    "gif": _read_gif,
    "webp": _read_webp,
}

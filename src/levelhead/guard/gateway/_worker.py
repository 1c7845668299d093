"""The process that decodes pictures: no pixel from outside is decoded anywhere else.

It is run by its path, so that it loads Pillow and nothing more: no settings, no keys, no other room of the
house. It holds itself to a limit of memory; whoever started it holds it to a time, and kills it when that is
over. Jobs come in on stdin, one at a time, and are answered on stdout. A message is eight bytes with the
length of its head, eight with the length of its body, then a head of JSON and the body.

It knows nothing about policies and refusals: it says what it found. Whatever else goes wrong ends the
process, and that is an answer too.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, TypedDict

from PIL import Image, ImageFile, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

LENGTHS = struct.Struct(">QQ")
"""Lengths of the head and of the body of a message, in bytes."""
GREETING = b"ready\n"
"""What is written when the limits hold and jobs may come."""
_THINNEST_VIEW = 32
"""Pixels of the shorter side of a view; thinner ones are widened, since readers fail on a line of pixels."""
_FAINT = 64
"""A picture whose gray levels span less than this is stretched, so that faint letters can be read."""
_MOST_VIEW_BYTES = 64 * 1024 * 1024
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture is turned upright, by the Exif orientation."""
_DECODERS: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,  # not the factory, which would look for further pictures behind the first
    "gif": GifImageFile,
    "webp": WebPImageFile,
}
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow's decoders raise on damaged files."""


class Job(TypedDict):
    """What is asked about the picture in the body.

    Attributes:
        format: Its format; no other decoder is tried.
        max_pixels: Pixels of all frames.
        max_side: Pixels of the longer side.
        max_frames: Frames.
        views_side: Longer side of the views that are wanted, in pixels; 0 for none.
        half_turns: Whether each view is wanted upside down too.
    """

    format: str
    max_pixels: int
    max_side: int
    max_frames: int
    views_side: int
    half_turns: bool


class Finding(NamedTuple):
    """What was found.

    Attributes:
        problem: `damage`, `budget`, or nothing.
        why: More about the problem.
        width: Of the last frame, in pixels, as stored.
        height: Likewise.
        frames: Frames, all of them decoded.
        views: Length of each view in the body, in bytes.
    """

    problem: str = ""
    why: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    views: tuple[int, ...] = ()


class _OverBudgetError(Exception):
    """The picture has more pixels or frames than it may."""


def examine(job: Job, data: bytes) -> tuple[Finding, bytes]:
    """Decode every frame of a picture, and show it to a reader if views are wanted.

    Returns:
        What was found, and the views as PNG, equal ones once.
    """
    views: dict[bytes, None] = {}
    size, frames = (0, 0), 0
    try:
        for frame in frames_of(job, data):
            size, frames = frame.size, frames + 1
            if job["views_side"]:
                shown = views_of(frame, side=job["views_side"], half_turns=job["half_turns"])
                views |= dict.fromkeys(map(_as_png, shown))
            if sum(map(len, views)) > _MOST_VIEW_BYTES:
                raise _OverBudgetError("too much to read")
    except (_OverBudgetError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Finding("budget", str(error)), b""
    except MemoryError:
        return Finding("budget", "more memory than a picture may take"), b""
    except _DAMAGE as error:
        return Finding("damage", f"{type(error).__name__}: {error}"), b""
    return Finding("", "", *size, frames, tuple(map(len, views))), b"".join(views)


def frames_of(job: Job, data: bytes) -> Iterator[Image.Image]:
    """Every frame, decoded; the size is held against the budget before a pixel is.

    The frames are one object: each is valid until the next.
    """
    Image.MAX_IMAGE_PIXELS = job["max_pixels"]  # Pillow asks again when a frame grows the picture
    with _DECODERS[job["format"]](io.BytesIO(data)) as picture:
        index = 0
        while index == 0 or _goes_to(picture, index):
            width, height = picture.size
            if index == job["max_frames"]:
                raise _OverBudgetError(f"more than {index} frames")
            if max(width, height) > job["max_side"] or width * height * (index + 1) > job["max_pixels"]:
                raise _OverBudgetError(f"{width} x {height} in frame {index}")
            picture.load()
            yield picture
            index += 1


def _goes_to(picture: ImageFile.ImageFile, index: int) -> bool:
    """Go to a frame; false if there is none. A frame that the file tells and does not hold is damage."""
    if isinstance(picture, GifImageFile):  # tells no number
        try:
            picture.seek(index)
        except EOFError:
            return False
        return True
    if not isinstance(picture, PngImageFile | WebPImageFile) or index >= picture.n_frames:
        return False
    picture.seek(index)
    return True


def views_of(frame: Image.Image, *, side: int, half_turns: bool) -> Iterator[Image.Image]:
    """A frame as different viewers see it, in RGB, no larger than `side`.

    What is transparent is white to one viewer and black to another, and a third drops the layer and sees the
    colors beneath; one turns a photograph as its Exif data say, another does not; one cuts 16 bits to 8,
    another scales them. Letters that only one of them sees must be found too. Readers of text manage a
    quarter turn to one side, so with half turns they manage all four.
    """
    turn = _TURNS.get(_orientation(frame))
    for flat in _flattened(frame):
        stored = _readable(flat, side)
        for view in (stored,) if turn is None else (stored, stored.transpose(turn)):
            yield view
            if half_turns:
                yield view.transpose(Image.Transpose.ROTATE_180)


def _flattened(frame: Image.Image) -> Iterator[Image.Image]:
    if frame.mode.startswith("I"):
        yield frame.convert("RGB")
        yield frame.convert("I").point(lambda level: level * (1 / 256)).convert("RGB")
        return
    if not frame.has_transparency_data:
        yield frame.convert("RGB")
        return
    layered = frame if frame.mode == "RGBA" else frame.convert("RGBA")
    yield Image.merge("RGB", layered.split()[:3])
    if layered.getchannel("A").getextrema() != (255, 255):
        for color in ("white", "black"):
            ground = Image.new("RGBA", layered.size, color)
            ground.alpha_composite(layered)
            yield ground.convert("RGB")


def _orientation(frame: Image.Image) -> int:
    try:
        return int(frame.getexif().get(_ORIENTATION, 1))
    except _DAMAGE:
        return 1  # no viewer turns a picture by data that cannot be read


def _readable(picture: Image.Image, side: int) -> Image.Image:
    if max(picture.size) > side:
        picture.thumbnail((side, side), reducing_gap=2.0)
    width, height = (max(length, _THINNEST_VIEW) for length in picture.size)
    if (width, height) != picture.size:
        picture = ImageOps.pad(picture, (width, height), color="white")
    levels = picture.convert("L").histogram()
    present = [level for level, count in enumerate(levels) if count]
    return ImageOps.autocontrast(picture) if 0 < present[-1] - present[0] < _FAINT else picture


def _as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def confine(memory_bytes: int) -> None:
    """Hold this process to its memory, and keep it from writing files."""
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Greet, then answer jobs until there are no more."""
    sink.write(GREETING)
    sink.flush()
    while lengths := source.read(LENGTHS.size):
        head_length, body_length = LENGTHS.unpack(lengths)
        job: Job = json.loads(source.read(head_length))
        finding, body = examine(job, source.read(body_length))
        head = json.dumps(finding._asdict()).encode()
        sink.write(LENGTHS.pack(len(head), len(body)))
        sink.write(head)
        sink.write(body)
        sink.flush()


if __name__ == "__main__":
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.init()  # loads what it needs before the limits hold
    confine(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)

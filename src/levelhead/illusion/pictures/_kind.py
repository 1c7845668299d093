"""What a kind of picture is: answers go in, encoded pictures come out, each failure with its answer.

To add one: a subclass of `PictureKind` (or of `DrawnKind`, for a function from text and seed to a picture) in
a module of this room, and its name in `_kinds.py`.
"""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from PIL import Image

from levelhead.errors import ImageError
from levelhead.illusion.pictures._typographic import PICTURE_SIZE, draw_ground, style

OWN_LICENSE = "Apache-2.0"
"""License of what this project draws by itself."""
OWN_SOURCE = "drawn by Levelhead"
_PHOTO_QUALITY = 90  # of JPEG: a photograph of 448 pixels takes some 50 kB, a tenth of its PNG


@dataclass(frozen=True, slots=True)
class Order:
    """A picture that is wanted.

    Attributes:
        answer: What it shall show; empty for a picture that shows nothing.
        category: What the question is about: an orange of the category "color" is no fruit.
        seed: All that is left to chance follows from it.
    """

    answer: str
    category: str
    seed: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture.

    Attributes:
        data: The encoded file.
        license: Under which license it may be passed on; empty if nobody said.
        source: Where it comes from; empty if nobody said.
    """

    data: bytes = field(repr=False)
    license: str = OWN_LICENSE
    source: str = OWN_SOURCE


Outcome: TypeAlias = Picture | ImageError
"""A picture, or why there is none."""


class PictureKind(ABC):
    """A way of making pictures.

    Attributes:
        name: What stands in the column `kind`.
        suffix: Ending of its files.
        costly: Whether a picture takes so much time or money that it is kept in a cache and told of before a
            build.
        batch_size: How many orders are handed over at once.
        trial_size: How many are made at once to learn how long one takes.
        price: What one picture costs, in the currency of whoever asks; 0 for those made here.
    """

    name: str
    suffix: Literal[".png", ".jpg"] = ".png"
    costly: bool = False
    batch_size: int = 16
    trial_size: int = 8
    price: float = 0.0

    @property
    @abstractmethod
    def identity(self) -> str:
        """All that the pictures depend on besides the order: the name of a cache of them."""

    @abstractmethod
    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        """Make some pictures.

        Args:
            orders: At most `batch_size` of them, none that `lacks` names.

        Yields:
            The position of an order and its picture, or why it failed; in any order, each once.

        Raises:
            LevelheadError: If no picture can be made at all.
        """

    def lacks(self, answer: str, category: str) -> bool:
        """Whether there is no picture of an answer. Asked before anything is drawn."""
        return False


class DrawnKind(PictureKind):
    """Pictures drawn by a function, fast enough to be drawn again whenever they are wanted.

    Args:
        name: See `PictureKind`.
        function: From (text, seed) to an RGB picture; the empty text gives a picture that shows nothing.
    """

    trial_size = 32  # of quick pictures few tell little

    def __init__(self, name: str, function: Callable[[str, int], Image.Image]) -> None:
        self.name = name
        self._function = function

    @property
    def identity(self) -> str:
        return self.name

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        for index, order in enumerate(orders):
            yield index, Picture(encode(self._function(order.answer, order.seed)))


def picture_seed(set_seed: int, question_id: str, answer: str) -> int:
    """The seed of one picture: 48 bits of a hash, so that any JSON reader keeps it exactly.

    Pictures depend on nothing else, so a question's pictures stay the same in a larger set.
    """
    identity = "\x1f".join((str(set_seed), question_id, answer))
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:6])


def encode(picture: Image.Image) -> bytes:
    """PNG bytes with fixed settings and no metadata: equal pixels give equal bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


def encode_photo(picture: Image.Image) -> bytes:
    """JPEG bytes of a photograph, its longer side at most `PICTURE_SIZE` and nothing told of camera or place.

    Models see pictures at about this size; a set stays small enough to be passed on.
    """
    photo = picture.convert("RGB")
    photo.thumbnail((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    bare = Image.new("RGB", photo.size)
    bare.paste(photo)
    buffer = io.BytesIO()
    bare.save(buffer, format="JPEG", quality=_PHOTO_QUALITY)
    return buffer.getvalue()


def blank_photo(seed: int) -> Picture:
    """A plain ground for kinds that cannot show nothing: as a JPEG, so that its form gives nothing away."""
    return Picture(encode_photo(draw_ground(style(seed))))

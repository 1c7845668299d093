"""A picture that was let in, and what was read in it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was let in: whole, of a known format, within all budgets.

    Attributes:
        data: The encoded bytes, without what stood behind the picture's end.
        media_type: Its format, told by the bytes: `image/png`, `image/jpeg`, `image/webp` or `image/gif`.
        width: Pixels, as stored (before any turn by Exif data).
        height: Pixels, as stored.
        frames: Frames, all of them decoded.
        sha256: Hash of `data`, in hexadecimal.
    """

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    frames: int
    sha256: str

    def as_data_url(self) -> str:
        """The picture as a model server takes it: bytes, never an address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class SeenText:
    """What was read in a picture.

    Attributes:
        text: The words in reading order, each view's words on a line; empty where there are none.
        not_inspected: Why the picture was not read, else None. Then the text says nothing about the picture,
            and the policy of the gateway decides.
    """

    text: str = ""
    not_inspected: str | None = None

    def __post_init__(self) -> None:
        if self.text and self.not_inspected is not None:
            raise ValueError("A picture that was not inspected has no text.")

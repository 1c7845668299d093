"""The records that run through everything: an `Example` goes in, a `Reply` comes out, a `Verdict` follows.

Text and pictures are one path: pictures are a field of the example and of the prompt, never a second class.
This module knows nothing about models, files of results or metrics, and imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from levelhead.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image as PILImage

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter", "error"]
JSONValue = str | int | float | bool | None

MAX_IMAGE_PIXELS = 50_000_000
"""Largest picture that is decoded, in pixels: 150 MB as RGB. A 20,000 x 20,000 picture is refused unread."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by its path or by its encoded bytes (PNG, JPEG, WebP ...): exactly one of the two.

    Raises:
        ValueError: If both or neither of path and data are given.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise ValueError("An Image is made of a path or of bytes: give exactly one of them.")

    def read(self) -> bytes:
        """Return the encoded bytes.

        Raises:
            ImageError: If the file cannot be read.
        """
        if self.path is None:
            return self.data or b""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ImageError(
                f"The picture {self.path} cannot be read ({error.strerror}). Check the path in the data file."
            ) from error

    def sha256(self) -> str:
        """Hash of the encoded bytes: the identity of the picture in caches and run folders."""
        return hashlib.sha256(self.read()).hexdigest()

    def decode(self, *, max_pixels: int = MAX_IMAGE_PIXELS) -> PILImage.Image:
        """Decode to RGB. The size is checked before a pixel is decoded.

        Args:
            max_pixels: Largest width x height that is decoded.

        Raises:
            ImageError: If the bytes are no picture, are damaged, or hold more than `max_pixels` pixels.
        """
        from PIL import Image as PILImage
        from PIL import UnidentifiedImageError

        name = str(self.path) if self.path else f"of {len(self.data or b'')} bytes given in memory"
        encoded = self.read()
        try:
            with PILImage.open(io.BytesIO(encoded)) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise ImageError(
                        f"The picture {name} is {width} x {height}, which is {width * height:,} pixels; at "
                        "most "
                        f"{max_pixels:,} are decoded. Scale it down first."
                    )
                return picture.convert("RGB")
        except PILImage.DecompressionBombError as error:
            raise ImageError(
                f"The picture {name} is too large to decode: {error} Scale it down first."
            ) from error
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise ImageError(
                f"The picture {name} is not one that can be decoded ({error}). Give a whole PNG, JPEG or "
                "WebP file."
            ) from error


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    Attributes:
        turns: The conversation so far. For a chat it goes through the model's chat template; the pictures
            stand in the first user turn, before its text.
        images: The pictures.
        raw: If true, the texts of the turns are joined as they are and no template is applied (base models,
            few-shot completion prompts).
    """

    turns: tuple[Turn, ...]
    images: tuple[Image, ...] = ()
    raw: bool = False

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("A Prompt needs at least one turn.")

    @classmethod
    def ask(cls, text: str, *, images: tuple[Image, ...] = (), system: str | None = None) -> Prompt:
        """A chat prompt of one user turn."""
        head = (Turn("system", system),) if system is not None else ()
        return cls((*head, Turn("user", text)), images)

    @classmethod
    def complete(cls, text: str) -> Prompt:
        """A raw prompt, which the model simply continues."""
        return cls((Turn("user", text),), raw=True)

    def to_json(self) -> dict[str, object]:
        """The prompt as plain data with picture hashes for pictures: stable, so that it can be hashed."""
        return {
            "turns": [[turn.role, turn.text] for turn in self.turns],
            "images": [image.sha256() for image in self.images],
            "raw": self.raw,
        }


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a data set, with all that is needed to judge an answer to it.

    Attributes:
        id: Unique within its data set.
        question: The text of the question.
        answers: Every accepted answer, the preferred one first; None for a question that has no answer, empty
            for one that has an answer of which none is at hand.
        images: Pictures shown with the question.
        choices: The options of a multiple-choice question.
        group: Examples of one group stand or fall together, so intervals are clustered by it.
        metadata: What else a scorer or a table needs (category, condition, pictured answer ...).
    """

    id: str
    question: str
    answers: tuple[str, ...] | None
    images: tuple[Image, ...] = ()
    choices: tuple[str, ...] = ()
    group: str | None = None
    metadata: Mapping[str, JSONValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        text: The answer, without special tokens and without the stop string.
        finish_reason: `stop` at the end of turn or a stop string, `length` at the token limit,
            `content_filter` if the server says so, `error` if this row alone failed (then `error` says why
            and `text` is empty).
        log_probs: Natural-log probability of each emitted token of the text, the end-of-turn token left out;
            None where the backend does not tell.
        seen: Text that the model's separate eyes found in the pictures (`+ocr`), else None.
        error: Why this row failed.
    """

    text: str
    finish_reason: FinishReason
    log_probs: tuple[float, ...] | None = None
    seen: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.finish_reason == "error") != (self.error is not None):
            raise ValueError("A Reply has an error text exactly if its finish_reason is 'error'.")

    @classmethod
    def failed(cls, why: str) -> Reply:
        """A row that got no answer, and why."""
        return cls("", "error", error=why)


@dataclass(frozen=True, slots=True)
class Score:
    """How probable a model finds a given continuation.

    Attributes:
        log_probs: Natural-log probability of each token of the continuation, given the prompt and those
            before.
        error: Why this row failed; then `log_probs` is empty.
    """

    log_probs: tuple[float, ...]
    error: str | None = None

    @property
    def log_prob(self) -> float:
        """Log-probability of the whole continuation; NaN for a failed row."""
        return sum(self.log_probs) if self.error is None else float("nan")


class Verdict(StrEnum):
    """How an answer is judged. Exactly one holds for each row."""

    CORRECT = "correct"
    PICTURED = "pictured"
    OTHER = "other"
    REFUSED = "refused"
    EMPTY = "empty"
    FAILED = "failed"

"""Eyes for a detector that reads text only: the words in the pictures become part of what it reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from levelhead.errors import ImageError, UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import Image, JSONValue


class Reader(Protocol):
    """What finds words in pictures; `levelhead.models._ocr.TextReader` is one."""

    @property
    def fingerprint(self) -> str:
        """Identity of the reader."""

    def read(self, images: Sequence[Image]) -> list[str | ImageError]:
        """The words in each picture, or why it cannot be read."""


class ReadingDetector(Detector):
    """A detector with eyes that read.

    A row with a picture that cannot be read is not inspected: what the picture says is unknown.

    Args:
        detector: What judges.
        reader: The eyes.

    Raises:
        UsageError: If the detector makes no use of text in pictures.
    """

    def __init__(self, detector: Detector, reader: Reader) -> None:
        if not detector.reads_picture_text:
            raise UsageError(
                f"The detector {detector.name} makes no use of text in pictures; leave out +ocr."
            )
        self.name = f"{detector.name}+ocr"
        self.threshold = detector.threshold
        self.fingerprint = hashlib.sha256(f"{detector.fingerprint}/{reader.fingerprint}".encode()).hexdigest()
        self._detector, self._reader = detector, reader

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        found = iter(self._reader.read([image for pair in pairs for image in pair.images]))
        read = [_with_text(pair, [next(found) for _ in pair.images]) for pair in pairs]
        sound = [one for one in read if isinstance(one, Pair)]
        judged = iter(self._detector.judge(sound))
        return [next(judged) if isinstance(one, Pair) else Judgement.failed(str(one)) for one in read]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {**self._detector.details, "eyes": self._reader.fingerprint}

    def close(self) -> None:
        self._detector.close()


def _with_text(pair: Pair, found: Sequence[str | ImageError]) -> Pair | ImageError:
    words: list[str] = []
    for one in found:
        if isinstance(one, ImageError):
            return one
        words.append(one)
    return replace(pair, seen=" / ".join(words)) if words else pair

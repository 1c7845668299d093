"""Eyes for a text-only model: the words in a picture are read by OCR and put into the prompt.

The pair is a real multimodal system: it reads typographic pictures and can be fooled by them. It sees nothing
but words.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import ImageError, MissingExtraError, UsageError
from levelhead.models._model import Model, Sampling, Step, check_pairs
from levelhead.models._read_words import ReadWords
from levelhead.records import Image, JSONValue, Prompt, Reply, Score, Turn

if TYPE_CHECKING:
    from levelhead.models._contrast import Contrast

_LONGEST_SIDE = 320
"""Pictures are read at this size, in pixels. RapidOCR's own default enlarges every picture to 736 and takes
three times as long to read the same words of poster size."""
_KEPT_AT_ONCE = 200
"""Pictures whose words are written to the disk together."""
_FORMAT = 1
"""Raised when the wording below changes, since the answers change with it."""


class TextReader:
    """Reads the words in pictures with RapidOCR, whose models come inside its package.

    What was read is remembered by the hash of the picture, since a run asks about the same pictures twice.

    Args:
        workers: Pictures read at once, one processor core each.
        longest_side: Pixels of the longer side at which pictures are read; smaller ones are not enlarged.
        cache: File in which words are kept for later runs; None keeps them in memory only.
    """

    def __init__(
        self, workers: int | None = None, *, longest_side: int = _LONGEST_SIDE, cache: Path | None = None
    ) -> None:
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingExtraError(
                "Eyes for text-only models (+ocr)", extra="ocr", module=error.name or "rapidocr"
            ) from error
        self._longest_side = longest_side
        self._workers = workers or len(os.sched_getaffinity(0))
        self._known: dict[str, str | ImageError] = {}
        self._kept = ReadWords(cache, self.fingerprint) if cache else None
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,  # no picture here is upside down
                "Det.limit_type": "max",
                "Det.limit_side_len": longest_side,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    @property
    def fingerprint(self) -> str:
        """Identity of the reader: its version and settings."""
        return f"rapidocr-{version('rapidocr')}-{self._longest_side}"

    def read(self, images: Sequence[Image]) -> list[str | ImageError]:
        """The words in each picture in reading order, joined by spaces; "" where there are none.

        A picture that cannot be decoded gives its error instead; the others are read all the same.
        """
        for _ in self.read_ahead(images):
            pass
        return [self._recall(image) for image in images]

    def read_ahead(self, images: Iterable[Image]) -> Iterator[Step]:
        """Read the pictures that were not read yet and remember their words, telling how far it is."""
        new: dict[str, Image] = {}
        for image in images:
            with suppress(ImageError):  # told when its words are asked for
                if (key := image.sha256()) not in self._known:
                    new.setdefault(key, image)
        if self._kept:
            self._known.update(self._kept.find(new))
        left = [(key, image) for key, image in new.items() if key not in self._known]
        unkept: dict[str, str] = {}
        try:
            with ThreadPoolExecutor(self._workers) as pool:
                found = pool.map(self._read_one, (image for _, image in left))
                for done, ((key, _), text) in enumerate(zip(left, found, strict=True), start=1):
                    self._known[key] = text
                    if isinstance(text, str):
                        unkept[key] = text
                    if len(unkept) >= _KEPT_AT_ONCE:
                        self._keep(unkept)
                    yield Step("reading pictures", done, len(left))
        finally:  # also where a run is interrupted
            self._keep(unkept)

    def _keep(self, words: dict[str, str]) -> None:
        """Keep words on the disk, if that is wanted, and clear them."""
        if self._kept and words:
            self._kept.keep(words)
        words.clear()

    def read_afresh(self, image: Image) -> str:
        """The words in one picture, not remembered: for a server, whose pictures never end.

        Raises:
            ImageError: If it cannot be decoded.
        """
        words = self._read_one(image)
        if isinstance(words, ImageError):
            raise words
        return words

    def _recall(self, image: Image) -> str | ImageError:
        try:
            return self._known[image.sha256()]
        except ImageError as error:
            return error

    def _read_one(self, image: Image) -> str | ImageError:
        import numpy as np

        try:
            pixels = np.asarray(image.decode())[:, :, ::-1]  # RapidOCR takes BGR
        except ImageError as error:
            return error
        return " ".join(self._engine(pixels).txts or ())


class OCRModel(Model):
    """A text-only model with eyes that read.

    Args:
        model: The text model.
        reader: The eyes; a new `TextReader` by default.

    Raises:
        UsageError: If the model sees by itself.
    """

    sees = True

    def __init__(self, model: Model, reader: TextReader | None = None) -> None:
        if model.sees and not model.name.startswith("openai:"):
            raise UsageError(f"The model {model.name} sees by itself; leave out +ocr.")
        self._model = model
        self._reader = reader or TextReader()
        self.name = f"{model.name}+ocr"
        self.fingerprint = hashlib.sha256(
            f"{model.fingerprint}/{self._reader.fingerprint}/{_FORMAT}".encode()
        ).hexdigest()

    @property
    def can_score(self) -> bool:
        """Whether the model behind can score."""
        return self._model.can_score

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {**self._model.details, "eyes": self._reader.fingerprint}

    def prepare(self, prompts: Sequence[Prompt]) -> Iterator[Step]:
        """Read all pictures."""
        yield from self._reader.read_ahead(image for prompt in prompts for image in prompt.images)

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        texts, seen, failed = self._read_prompts(prompts)
        if failed:
            yield [(index, [Reply.failed(why)] * sampling.n) for index, why in failed.items()]
        alike: dict[object, list[int]] = {}
        for index in range(len(prompts)):
            if index not in failed:
                # Samples of one text are drawn apart, while a greedy reply to it is always the same one.
                alike.setdefault(index if sampling.temperature else texts[index], []).append(index)
        groups = list(alike.values())
        for batch in self._model.iter_generate([texts[group[0]] for group in groups], sampling):
            yield [
                (index, [replace(reply, seen=seen[index]) for reply in replies])
                for place, replies in batch
                for index in groups[place]
            ]

    @property
    def can_contrast(self) -> bool:
        """Whether the model behind can be contrasted."""
        return self._model.can_contrast

    def iter_contrast(
        self,
        prompts: Sequence[Prompt],
        blanks: Sequence[Prompt],
        sampling: Sampling,
        contrast: Contrast,
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        texts, seen, failed = self._read_prompts(prompts)
        blank_texts, _, unreadable = self._read_prompts(blanks)
        if failed := unreadable | failed:
            yield [(index, [Reply.failed(why)]) for index, why in failed.items()]
        sound = [index for index in range(len(prompts)) if index not in failed]
        for batch in self._model.iter_contrast(
            [texts[index] for index in sound], [blank_texts[index] for index in sound], sampling, contrast
        ):
            yield [
                (sound[place], [replace(reply, seen=seen[sound[place]]) for reply in replies])
                for place, replies in batch
            ]

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        check_pairs(prompts, continuations)
        texts, _, failed = self._read_prompts(prompts)
        if failed:
            yield [(index, Score((), why)) for index, why in failed.items()]
        sound = [index for index in range(len(prompts)) if index not in failed]
        for batch in self._model.iter_score(
            [texts[index] for index in sound], [continuations[index] for index in sound]
        ):
            yield [(sound[place], score) for place, score in batch]

    def close(self) -> None:
        self._model.close()

    def without_pictures(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts as the text model behind gets them, words in the place of pictures: to tune it on.

        Raises:
            ImageError: If a picture cannot be read.
        """
        texts, _, failed = self._read_prompts(prompts)
        for why in failed.values():
            raise ImageError(why)
        return texts

    def _read_prompts(
        self, prompts: Sequence[Prompt]
    ) -> tuple[list[Prompt], list[str | None], dict[int, str]]:
        """Replace pictures by their words.

        Returns:
            The prompts without pictures, what was seen for each (None without a picture), and why rows
            failed.
        """
        found = iter(self._reader.read([image for prompt in prompts for image in prompt.images]))
        texts: list[Prompt] = []
        seen: list[str | None] = []
        failed: dict[int, str] = {}
        for index, prompt in enumerate(prompts):
            words: list[str] = []
            for _ in prompt.images:
                one = next(found)
                if isinstance(one, ImageError):
                    failed[index] = str(one)
                else:
                    words.append(one)
            texts.append(describe_pictures(prompt, words) if words else replace(prompt, images=()))
            seen.append(" / ".join(words) if words else None)
        return texts, seen, failed


def describe_pictures(prompt: Prompt, words: Sequence[str]) -> Prompt:
    """Put what the pictures say before the first user turn, where a vision model would see them."""
    sights = "\n".join(
        f'The picture shows the text: "{one}"' if one else "The picture shows no text." for one in words
    )
    first = next(index for index, turn in enumerate(prompt.turns) if turn.role == "user")
    turns = list(prompt.turns)
    turns[first] = Turn("user", f"{sights}\n\n{turns[first].text}")
    return Prompt(tuple(turns), raw=prompt.raw)

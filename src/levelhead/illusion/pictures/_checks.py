"""Does a picture show what it should? By its words (OCR), or by a model that compares pictures with texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from levelhead.answers import mentions
from levelhead.errors import ImageError, MissingExtraError, UsageError
from levelhead.illusion.pictures._checkpoint import hash_checkpoint
from levelhead.records import Image


@dataclass(frozen=True, slots=True)
class Claim:
    """What a picture should show.

    Attributes:
        image: The picture.
        pictured: The answer that it should show; empty if it should show nothing.
        candidates: All answers to its question, the right one and the wrong ones.
    """

    image: Image
    pictured: str
    candidates: tuple[str, ...]


class Check(ABC):
    """A way of telling how well pictures show what they should.

    Attributes:
        batch_size: How many claims are handed over at once.
    """

    batch_size: int = 16

    @property
    @abstractmethod
    def identity(self) -> str:
        """All that the scores depend on besides the claim."""

    @abstractmethod
    def score(self, claims: Sequence[Claim]) -> list[float | ImageError | None]:
        """From 0 (something else) to 1 (this); None for what it cannot tell; why a picture is unreadable."""


class WordCheck(Check):
    """Reads the picture: the share of the answer's words that stand in it. For pictures with words.

    A picture that should show nothing scores 1 if no word stands in it, else 0.

    Raises:
        MissingExtraError: If the reader is not installed.
    """

    def __init__(self) -> None:
        from levelhead.models._ocr import TextReader

        self._reader = TextReader()

    @property
    def identity(self) -> str:
        return self._reader.fingerprint

    def score(self, claims: Sequence[Claim]) -> list[float | ImageError | None]:
        texts = self._reader.read([claim.image for claim in claims])
        return [
            text if isinstance(text, ImageError) else _share_of_words(text, claim.pictured)
            for text, claim in zip(texts, claims, strict=True)
        ]


class LikenessCheck(Check):
    """Asks a model of the CLIP family which answer of its question a picture shows.

    The score is the probability of the pictured answer among all answers of the question: softmax of the
    model's own similarities. Chance is 1/6. Of a picture that should show nothing it cannot tell.

    Args:
        checkpoint: A folder or a hub id that `transformers` loads as CLIP or SigLIP.

    Raises:
        MissingExtraError: If torch or transformers is not installed.
        UsageError: If there is no such model.
    """

    def __init__(self, checkpoint: str) -> None:
        try:
            import torch  # noqa: F401 - told now, not in the middle of a set
            import transformers
        except ImportError as error:
            raise MissingExtraError(
                "Models that look at pictures", extra="local", module=error.name or "torch"
            ) from error
        self._checkpoint = checkpoint
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            self._model: Any = transformers.AutoModel.from_pretrained(checkpoint).eval()
            self._processor: Any = transformers.AutoProcessor.from_pretrained(checkpoint)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"No model can be loaded from {checkpoint!r}: {reason}") from error
        if not {"text_config", "vision_config"} <= set(self._model.config.to_dict()):
            raise UsageError(
                f"{checkpoint} does not compare pictures with texts. Give a CLIP or SigLIP model."
            )

    @cached_property
    def identity(self) -> str:
        from transformers.utils import cached_file

        folder = Path(self._checkpoint)
        if not folder.is_dir():
            folder = Path(cached_file(self._checkpoint, "config.json")).parent
        return f"likeness/{hash_checkpoint(folder)}"

    def score(self, claims: Sequence[Claim]) -> list[float | ImageError | None]:
        scores: list[float | ImageError | None] = [None] * len(claims)
        seen: list[tuple[int, Any]] = []
        for index, claim in enumerate(claims):
            if claim.pictured:
                try:
                    seen.append((index, claim.image.decode()))
                except ImageError as error:
                    scores[index] = error
        if seen:
            shares = self._shares([claims[index] for index, _ in seen], [picture for _, picture in seen])
            for (index, _), share in zip(seen, shares, strict=True):
                scores[index] = share
        return scores

    def _shares(self, claims: Sequence[Claim], pictures: Sequence[Any]) -> list[float]:
        import torch

        texts = list(dict.fromkeys(answer for claim in claims for answer in claim.candidates))
        inputs = self._processor(
            text=[f"a picture of {text}" for text in texts],
            images=list(pictures),
            return_tensors="pt",
            padding=True,
            truncation=True,
        )
        with torch.inference_mode():
            logits = self._model(**inputs).logits_per_image.double()  # (pictures, texts)
        shares = []
        for row, claim in zip(logits, claims, strict=True):
            own = row[[texts.index(answer) for answer in claim.candidates]].softmax(dim=0)
            shares.append(float(own[claim.candidates.index(claim.pictured)]))
        return shares


def make_check(name: str) -> Check:
    """A check by name: `ocr`, or `clip:CHECKPOINT`.

    Raises:
        UsageError: If the name has another form.
    """
    if name == "ocr":
        return WordCheck()
    kind, _, checkpoint = name.partition(":")
    if kind == "clip" and checkpoint:
        return LikenessCheck(checkpoint)
    raise UsageError(f"There is no check {name!r}. Give ocr, or clip: with a folder or hub id behind it.")


def _share_of_words(text: str, answer: str) -> float:
    if not answer:
        return float(not text.strip())
    if mentions(text, answer):
        return 1.0
    words = answer.split()
    return sum(mentions(text, word) for word in words) / len(words)

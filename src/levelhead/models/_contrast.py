"""Contrast with a blank picture, while the answer is decoded (visual contrastive decoding).

    z = (1 + alpha) * logits(with the picture) - alpha * logits(with a blank one)

over the tokens that are plausible with the picture: those of at least beta times the probability of the
likeliest one. Source: Leng et al., "Mitigating Object Hallucinations in Large Vision-Language Models through
Visual Contrastive Decoding", arXiv 2311.16922, equations 3 and 5; the cut is taken as their code takes it, on
logits. They blur the picture with noise and sample; here it is gray all over, and the likeliest token is
taken.

A positive alpha trusts the picture more than the model would. That helps where the picture is right; where it
shows a wrong answer, a negative alpha, which trusts it less, is the one to try (-1 is the blank picture
alone, within the cut).

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from levelhead.errors import ImageError, UsageError
from levelhead.models._model import Model, Sampling, Step
from levelhead.records import Image, JSONValue, Prompt, Reply, Score

if TYPE_CHECKING:
    import torch

_GRAY = (127, 127, 127)
_FORMAT = 1
"""Raised when the blank picture changes, since the answers change with it."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How strongly pictures are set against blank ones.

    Attributes:
        alpha: Weight of the difference, -1 or more; 0 changes nothing. The paper's is 1.
        beta: Least probability of a token, as a share of the likeliest one's, from 0 to 1; 0 cuts nothing, 1
            leaves the likeliest token alone. The paper's is 0.1.

    Raises:
        UsageError: If a value is out of range.
    """

    alpha: float = 1.0
    beta: float = 0.1

    def __post_init__(self) -> None:
        if not -1 <= self.alpha < math.inf:
            raise UsageError(f"The alpha of contrast is {self.alpha}; it must be -1 or more, such as 1.")
        if not 0 <= self.beta <= 1:
            raise UsageError(f"The beta of contrast is {self.beta}; it must lie between 0 and 1.")

    @classmethod
    def parse(cls, text: str) -> Contrast:
        """Read `ALPHA` or `ALPHA,BETA`, and the usual values where the text is empty.

        Raises:
            UsageError: If it is neither, or a value is out of range.
        """
        try:
            return cls(*(float(part) for part in text.split(",", maxsplit=1))) if text else cls()
        except ValueError as error:
            raise UsageError(
                f"{text!r} is no setting of contrast. Give +contrast, +contrast=ALPHA or "
                "+contrast=ALPHA,BETA, such as +contrast=1,0.1."
            ) from error

    def __str__(self) -> str:
        return f"{self.alpha:g},{self.beta:g}"

    def apply(self, shown: torch.Tensor, blank: torch.Tensor) -> torch.Tensor:
        """Logits of the contrast.

        Args:
            shown: Logits with the picture, (B, V).
            blank: Logits with a blank one, (B, V).

        Returns:
            (B, V), with minus infinity for tokens that are not plausible with the picture.
        """
        contrasted = (1 + self.alpha) * shown - self.alpha * blank
        least = shown.amax(dim=-1, keepdim=True) + (math.log(self.beta) if self.beta else -math.inf)
        return contrasted.masked_fill(shown < least, -math.inf)

    def apply_to_halves(self, logits: torch.Tensor) -> torch.Tensor:
        """The contrast for a batch that holds each row twice: first all with their pictures, then all blank.

        Args:
            logits: (2 B, V).

        Returns:
            (2 B, V): both halves alike, so that both continue with the same token.
        """
        shown, blank = logits.chunk(2)
        return self.apply(shown, blank).repeat(2, 1)


class ContrastModel(Model):
    """A local model whose pictures are set against blank ones of their size.

    Prompts without a picture are answered as the model answers them. The log-probabilities of replies are
    those of the contrast. It decodes greedily and scores nothing: a given answer may lie outside the cut.

    Args:
        model: A local model that sees, with or without `+ocr`.
        contrast: How strongly.

    Raises:
        UsageError: If the model does not see or shows no logits.
    """

    def __init__(self, model: Model, contrast: Contrast) -> None:
        if not model.sees:
            raise UsageError(
                f"The model {model.name} cannot see, so there is no picture to contrast with a blank one. "
                f"Let it read: {model.name}+ocr+contrast."
            )
        if not model.can_contrast:
            raise UsageError(
                f"The model {model.name} cannot be contrasted with a blank picture: that takes the logits of "
                "every step, which servers do not return. Use a local model (embedded+ocr, hf:...)."
            )
        self._model, self._contrast = model, contrast
        self.name = f"{model.name}+contrast={contrast}"
        self.fingerprint = hashlib.sha256(
            f"{model.fingerprint}/contrast={contrast.alpha!r},{contrast.beta!r}/{_FORMAT}".encode()
        ).hexdigest()
        self.sees = True

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {
            **self._model.details,
            "contrast_alpha": self._contrast.alpha,
            "contrast_beta": self._contrast.beta,
        }

    def prepare(self, prompts: Sequence[Prompt]) -> Iterator[Step]:
        """What the model behind prepares."""
        yield from self._model.prepare(prompts)

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        if sampling.temperature > 0:
            raise UsageError(
                f"The model {self.name} decodes greedily, and a temperature of {sampling.temperature} is "
                "asked for. Leave out the temperature, or +contrast."
            )
        plain = [index for index, prompt in enumerate(prompts) if not prompt.images]
        for batch in self._model.iter_generate([prompts[index] for index in plain], sampling):
            yield [(plain[place], replies) for place, replies in batch]
        blanks: dict[int, Prompt] = {}
        for index, prompt in enumerate(prompts):
            if prompt.images:
                try:
                    blanks[index] = replace(prompt, images=tuple(map(_blank, prompt.images)))
                except ImageError as error:
                    yield [(index, [Reply.failed(str(error))])]
        order = list(blanks)
        for batch in self._model.iter_contrast(
            [prompts[index] for index in order], list(blanks.values()), sampling, self._contrast
        ):
            yield [(order[place], replies) for place, replies in batch]

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        raise UsageError(
            f"The model {self.name} cannot score given answers: they may hold tokens that the contrast cuts "
            "away. Leave out +contrast to score."
        )

    def close(self) -> None:
        self._model.close()


def _blank(image: Image) -> Image:
    """A gray picture of the same size."""
    return Image(data=_gray_png(*image.decode().size))


@lru_cache(maxsize=64)
def _gray_png(width: int, height: int) -> bytes:
    from PIL import Image as PILImage

    encoded = io.BytesIO()
    PILImage.new("RGB", (width, height), _GRAY).save(encoded, "PNG")
    return encoded.getvalue()

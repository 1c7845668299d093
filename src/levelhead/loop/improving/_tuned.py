"""The model by its names: as it is measured, as it is tuned, and as it is measured afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.models import Model
from levelhead.models._ocr import OCRModel, TextReader
from levelhead.training import Dialogue
from levelhead.user_cache import cache_folder

_OCR = "+ocr"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a model before and after tuning.

    Attributes:
        before: As it is loaded to be measured.
        adapter: Where the adapter will lie.
    """

    before: str
    adapter: Path

    @property
    def base(self) -> str:
        """What is tuned: the text model, where eyes that read stand before it."""
        return self.before.removesuffix(_OCR)

    @property
    def after(self) -> str:
        """The tuned model, behind the same eyes."""
        return f"{self.base}+{self.adapter}{_OCR if self.has_reader else ''}"

    @property
    def has_reader(self) -> bool:
        """Whether eyes that read stand before a text model."""
        return self.before.endswith(_OCR)


def as_trained(dialogues: Sequence[Dialogue], model: Model) -> list[Dialogue]:
    """The dialogues as the weights get them: words in the place of pictures, where eyes read for them.

    Raises:
        ImageError: If a picture cannot be read.
    """
    if not isinstance(model, OCRModel):
        return list(dialogues)
    prompts = model.without_pictures([one.prompt for one in dialogues])
    return [
        Dialogue(one.id, prompt, one.metadata, one.quoted)
        for one, prompt in zip(dialogues, prompts, strict=True)
    ]


def behind_eyes(names: Names) -> Callable[[Model], Model]:
    """From the model in training to the one that is measured."""
    if not names.has_reader:
        return lambda model: model
    reader = TextReader(cache=cache_folder() / "read_words.sqlite3")
    return lambda model: OCRModel(model, reader)

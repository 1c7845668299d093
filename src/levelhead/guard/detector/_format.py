"""From a pair to the text that a detector reads: one formatter for training and for serving.

The official code of MLLM-Protector trains on question and answer and serves on the answer alone, and its
detectors suffer for it. Here what was trained on stands in the saved settings, and serving obeys it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair

FORMAT_VERSION = 1
"""Raised when the wording below changes. Weights that were trained on another wording are refused."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """What of a pair is read.

    Attributes:
        version: Of the wording, see `FORMAT_VERSION`.
        question: Whether the question is read, where there is one.
        picture_text: Whether the text found in the pictures is read, where somebody looked.

    Raises:
        UsageError: If the version is not the one that this release writes.
    """

    version: int = FORMAT_VERSION
    question: bool = True
    picture_text: bool = True

    def __post_init__(self) -> None:
        if self.version != FORMAT_VERSION:
            raise UsageError(
                f"The detector reads texts in format {self.version}, and this release of levelhead writes "
                f"format {FORMAT_VERSION}. Use the release that the detector was trained with, or train it "
                "again."
            )


ANSWER_ONLY = TextFormat(question=False, picture_text=False)
"""The paper's input when serving: the answer alone."""


class FormattedText(NamedTuple):
    """The text in two parts, so that a long answer can be cut into windows that all begin with the head."""

    head: str
    answer: str

    @property
    def whole(self) -> str:
        """What is read."""
        return self.head + self.answer


def formatted(pair: Pair, form: TextFormat) -> FormattedText:
    r"""Write a pair as text. With a question it is the string on which the paper's detector was trained.

    >>> formatted(Pair("1", "Paris.", "What is the capital of France?"), TextFormat()).whole
    'Question: What is the capital of France?\n\nAnswer: Paris.'
    >>> formatted(Pair("1", "Paris."), TextFormat()).whole
    'Paris.'
    """
    parts = []
    if form.question and pair.question is not None:
        parts.append(f"Question: {pair.question}\n\n")
    if form.picture_text and pair.seen:
        parts.append(f"Text in the picture: {pair.seen}\n\n")
    head = "".join([*parts, "Answer: "]) if parts else ""
    return FormattedText(whole_characters(head), whole_characters(pair.answer))


def whole_characters(text: str) -> str:
    """With a question mark for each half of a surrogate pair, which JSON can hold and no tokenizer reads."""
    return text.encode("utf-8", errors="replace").decode("utf-8")

"""Examples as samples of Inspect, and back: what a sample's metadata must hold to be asked and judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText

from levelhead.records import Example, Image


def to_sample(example: Example) -> Sample:
    """The sample of an example that `to_examples` made: its picture, then the bare question.

    The metadata holds all that is needed to judge a reply again from the log alone.
    """
    pictures = [ContentImage(image=str(image.path)) for image in example.images]
    return Sample(
        id=example.id,
        input=[ChatMessageUser(content=[*pictures, ContentText(text=example.question)])],
        target=list(example.answers or ()),
        metadata={
            **example.metadata,
            "question": example.question,
            "question_id": example.group,
            "answers": list(example.answers or ()),
            "picture": str(example.images[0].path) if example.images else None,
        },
    )


def to_example(sample_id: str | int, metadata: Mapping[str, Any]) -> Example:
    """The example of a sample that `to_sample` made."""
    facts = {key: value for key, value in metadata.items() if key not in ("answers", "picture")}
    return Example(
        id=str(sample_id),
        question=metadata["question"],
        answers=tuple(metadata["answers"]),
        images=(Image(path=Path(metadata["picture"])),) if metadata["picture"] else (),
        group=metadata["question_id"],
        metadata=facts,
    )

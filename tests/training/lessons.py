"""Dialogues to learn from."""

from __future__ import annotations

from pathlib import Path

from levelhead.records import Image, Prompt, Turn
from levelhead.training import Dialogue, TuningSettings

SURE = "Are you sure?"
QUICK = TuningSettings(epochs=2, batch_size=4, rank=4, learning_rate=5e-3, save_steps=3)
"""Settings of a tuning that takes a second."""


def raw(name: str, *turns: str, images: tuple[Image, ...] = ()) -> Dialogue:
    """A raw dialogue: question, answer, question ..."""
    return Dialogue(name, Prompt(_turns(turns), images, raw=True))


def chat(name: str, *turns: str, images: tuple[Image, ...] = ()) -> Dialogue:
    """A dialogue through the chat template: question, answer, question ..."""
    return Dialogue(name, Prompt(_turns(turns), images))


def sums(count: int) -> list[Dialogue]:
    """Raw dialogues of different lengths."""
    return [
        raw(f"sum-{n}", f"Question: {'1+' * (n % 5)}{n}\nAnswer:", f" {n % 5 + n}\n") for n in range(count)
    ]


def picture(folder: Path, color: str) -> Image:
    """A plain picture of one color."""
    from PIL import Image as PILImage

    path = folder / f"{color}.png"
    PILImage.new("RGB", (28, 28), color).save(path)
    return Image(path=path)


def _turns(texts: tuple[str, ...]) -> tuple[Turn, ...]:
    return tuple(Turn("assistant" if place % 2 else "user", text) for place, text in enumerate(texts))

"""Tuning and probing without a model, for the tests of what a build does on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from levelhead.honesty import _build
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.records import Example
from levelhead.training import Dialogue, LossShare, TuningSettings
from tests.honesty.probed import probe_row


def count_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters for tokens: no checkpoint is needed to see what a build does."""

    def letters(_: str, dialogues: Sequence[Dialogue]) -> LossShare:
        turns = [
            (len(turn.text), dialogue.learned(place))
            for dialogue in dialogues
            for place, turn in enumerate(dialogue.prompt.turns)
        ]
        return LossShare(sum(size for size, _ in turns), sum(size for size, learned in turns if learned))

    monkeypatch.setattr(_build, "loss_share", letters)
    monkeypatch.setattr(_build, "loss_spans", lambda _, dialogue: dialogue.prompt.turns)
    monkeypatch.setattr(_build, "show_loss", lambda turns: "".join(turn.text for turn in turns))


def as_gold(example: Example) -> ProbeRow:
    """A model that knows everything."""
    return probe_row(example.id, question=example.question)


@dataclass
class FakeWorkshop:
    """Remembers what was tuned and asked.

    Attributes:
        answer: What a tuned model says.
        tuned: For each folder the ids it was tuned on.
        asked: For each model the ids it was asked, and in which format.
    """

    answer: Callable[[Example], ProbeRow] = as_gold
    tuned: dict[Path, list[str]] = field(default_factory=dict)
    lessons: list[Dialogue] = field(default_factory=list)
    asked: dict[str, tuple[list[str], PromptFormat]] = field(default_factory=dict)

    def tune(
        self, base: str, dialogues: Sequence[Dialogue], out: Path, settings: TuningSettings, **_: object
    ) -> None:
        self.tuned[out] = [dialogue.id for dialogue in dialogues]
        self.lessons += dialogues
        out.mkdir(parents=True, exist_ok=True)

    def probe(
        self, model: str, examples: Sequence[Example], folder: Path, form: PromptFormat
    ) -> list[ProbeRow]:
        self.asked[model] = ([example.id for example in examples], form)
        return [self.answer(example) for example in examples]

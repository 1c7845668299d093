"""A model that answers by rule, and what a measurement of it looks like. Mild texts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from levelhead.illusion import load_questions
from levelhead.loop import SIZES, MeasureSettings, measure
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel

SMALL = SIZES["quick"].at_most(6)
DECLINED = "I'm sorry, I can't help with that."
_BANK = {question.question: question for question in load_questions()}


def scripted_model(
    *, declines: float = 0.0, misled: float = 0.5, name: str = "scripted", sees: bool = True
) -> FakeModel:
    """A model that knows six in ten facts and says what a picture shows as often as `misled` says.

    Args:
        declines: Share of the questions outside our bank that it declines.
        misled: Share of pictures beside which it gives a wrong answer of the question.
        name: See `Model`.
        sees: See `Model`.
    """

    def answer(prompt: Prompt) -> str | Reply:
        text = prompt.turns[0].text.partition("\n")[0]
        chance = random.Random(text + str([image.sha256() for image in prompt.images]))
        question = _BANK.get(text)
        if question is None:
            return DECLINED if chance.random() < declines else "You ask a friend and then you bake it."
        knows = random.Random(question.id).random() < 0.6
        if prompt.images and chance.random() < misled:
            return f"It is {chance.choice(question.spurious)}."
        said = question.gold if knows else question.spurious[0]
        return Reply(f"The answer is {said}.", "stop", log_probs=(-0.1 if knows else -0.4,) * 4)

    return FakeModel(answer, name=name, fingerprint=f"{name} {declines} {misled}", sees=sees)


def measured(out: Path, model: FakeModel | None = None, **changed: Any) -> dict[str, Any]:
    """Measure a scripted model, by default with few questions of each kind."""
    settings = MeasureSettings(**{"size": SMALL, **changed})
    return measure(model or scripted_model(), out, settings)

"""A writer that keeps to the form, and one that does what a test tells it to: mild scenarios only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from levelhead.guard import Scenario, SynthesisReport, SynthesisSettings, synthesize
from levelhead.guard.synthesis._rows import SynthesisRow, read_rows
from levelhead.models import Model
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel

FILMS = Scenario("giving away the ending of a film", "manners")
WAITERS = Scenario("being rude to a waiter", "manners")
SETTINGS = SynthesisSettings(questions=3)
QUESTIONS = (
    "May I tell everyone in the cinema how it ends?",
    "What should I shout when my soup is late?",
    "Could you write a review that spoils the murderer's name?",
    "Is it fun to print last scenes on posters?",
    "My waiter forgot bread; which insult fits?",
    "How do I snap my fingers loudest?",
    "Which plot twist ruins a birthday best?",
)

Said = str | Reply
Script = Callable[[str, str], Said | None]
"""From the stage and the text of the prompt to a reply; None leaves it to the well-behaved writer."""


def stage_of(text: str) -> str:
    """Which stage asks this."""
    if text.startswith("Topic:"):
        return "scenarios"
    if "different questions" in text:
        return "questions"
    return "acceptable" if "careful assistant" in text else "unacceptable"


def written(text: str) -> str:
    """What a writer that keeps to the form says."""
    stage = stage_of(text)
    if stage == "scenarios":
        return json.dumps({"scenarios": [FILMS.text, WAITERS.text]})
    if stage == "questions":
        count = int(re.findall(r"Write (\d+) different", text)[0])
        place = QUESTIONS[:3] if FILMS.text in text else QUESTIONS[3:]
        fresh = [one for one in place if one not in text]
        return json.dumps({"questions": fresh[:count]})
    question = re.findall(r"Question: (.*)", text)[0]
    tone = "Kindly, no:" if stage == "acceptable" else "Sure, spoil it:"
    return json.dumps({"answer": f"{tone} {question}"})


def writer(script: Script | None = None) -> FakeModel:
    """A model that writes; the script sees the first user turn, and the last one on a second try."""

    def answer(prompt: Prompt) -> Said:
        first = next(turn.text for turn in prompt.turns if turn.role == "user")
        again = len(prompt.turns) > 3
        said = script(stage_of(first), f"{first}\n(second try)" if again else first) if script else None
        return written(first) if said is None else said

    return FakeModel(answer)


def synthesized(
    model: Model, out: Path, *scenarios: Scenario, settings: SynthesisSettings = SETTINGS
) -> tuple[SynthesisReport, list[SynthesisRow]]:
    """Run a synthesis; its report and its rows."""
    report = synthesize(model, out, settings, scenarios=scenarios or (FILMS, WAITERS), progress="off")
    return report, read_rows(out)[1]

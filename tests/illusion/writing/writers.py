"""A writer that keeps to the form and knows its answers, and one that does what a test tells it to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from levelhead.illusion import Subject, WritingReport, WritingSettings, WrittenRow, write_questions
from levelhead.illusion.writing._rows import read_rows
from levelhead.models import Model
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel
from tests.illusion.writing import recorded
from tests.illusion.writing.recorded import Item

ANIMALS = Subject("animal", "animal")
CITIES = Subject("city", "city")
TOOLS = Subject("our-tools", "our tools", recorded.NAMES)
SETTINGS = WritingSettings(count=6, rounds=3)
RECORDED: Mapping[str, Sequence[Item]] = {
    "animal": recorded.ANIMAL,
    "city": recorded.CITY,
    "our tools": recorded.WORKSHOP,
}

Said = str | Reply
Script = Callable[[str, str], Said | None]
"""From the stage and the text of the prompt to a reply; None leaves it to the well-behaved writer."""


def stage_of(text: str) -> str:
    """Which stage asks this."""
    if not text.startswith("Topic:"):
        return "answer"
    return "mend" if "cannot be used" in text else "questions"


def written(text: str, items: Mapping[str, Sequence[Item]] = RECORDED) -> str:
    """What a writer that keeps to the form says: fresh questions, or the right answer to its own."""
    if stage_of(text) == "answer":
        everything = [one for of_topic in items.values() for one in of_topic]
        known = {one["question"]: one["gold"] for one in everything}
        return str(known.get(text.partition("\n")[0], "I do not know."))
    topic = re.findall(r"Topic: (.*)", text)[0]
    if stage_of(text) == "mend":
        return json.dumps(recorded.MENDED)
    count = int(re.findall(r"Write (\d+) different", text)[0])
    # Three levels are asked at once and do not know of each other, so each takes its own third.
    place = next(
        number for number, level in enumerate(("older children", "quiz", "real interest")) if level in text
    )
    fresh = [one for one in items[topic][place::3] if f"- {one['question']}" not in text]
    return json.dumps({"questions": fresh[:count]})


def writer(script: Script | None = None, items: Mapping[str, Sequence[Item]] = RECORDED) -> FakeModel:
    """A model that writes; the script sees the last user turn of a first try."""

    def answer(prompt: Prompt) -> Said:
        first = next(turn.text for turn in prompt.turns if turn.role == "user")
        said = script(stage_of(first), first) if script else None
        return written(first, items) if said is None else said

    return FakeModel(answer)


def run(
    model: Model, out: Path, *subjects: Subject, settings: WritingSettings = SETTINGS
) -> tuple[WritingReport, list[WrittenRow]]:
    """Run a writing; its report and its rows."""
    report = write_questions(model, out, settings, subjects or (ANIMALS,), progress="off")
    return report, read_rows(out)[1]

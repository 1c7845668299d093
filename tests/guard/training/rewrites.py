"""Rude answers about baking and their polite versions: mild stand-ins for harmful ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from levelhead.datasets import LabelledAnswer, goal_key
from levelhead.guard import Detector, Judgement, Pair, RewritePair

_THINGS = ("cakes", "ovens", "plums", "whisks", "sieves", "loaves", "spoons", "jars", "tins", "bowls")


class RudenessDetector(Detector):
    """Flags whoever says «fool», and cannot judge whoever says «hm»."""

    name, fingerprint = "rudeness", "rudeness"

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [
            Judgement.failed("It says hm.")
            if "hm" in pair.answer
            else Judgement.of(1.0 if "fool" in pair.answer else 0.0)
            for pair in pairs
        ]


def rude(
    number: int,
    *,
    answer: str | None = None,
    rewritten: str | None = None,
    harmful: bool | None = None,
    rewritten_harmful: bool | None = None,
    source: str = "rude.jsonl",
) -> RewritePair:
    """A rude answer to a question of its own, unless other texts are given."""
    thing = _THINGS[number % len(_THINGS)]
    question = f"What about {thing} for {number}?"
    answer = answer or f"You fool, take {thing}."
    before = LabelledAnswer(str(number), question, answer, harmful, goal_key(question), source)
    return RewritePair(before, rewritten or f"Take {thing}.", rewritten_harmful)


def polite(number: int, *, source: str = "polite.jsonl") -> LabelledAnswer:
    """A harmless answer."""
    question = f"May I borrow {_THINGS[number % len(_THINGS)]} number {number}?"
    return LabelledAnswer(
        str(number), question, f"Gladly, for {number} days.", False, goal_key(question), source
    )


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def as_line(pair: RewritePair) -> dict[str, object]:
    """A line of `REWRITES.jsonl`."""
    return {
        "id": pair.id,
        "question": pair.before.question,
        "answer": pair.before.answer,
        "rewritten": pair.rewritten,
    }

"""What a loop will do, shown before it does it: steps, how much each asks, and about how long it takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from levelhead.honesty import read_unanswerable
from levelhead.illusion import load_questions
from levelhead.loop.improving._settings import WATCHED_SIZE, LoopSettings
from levelhead.loop.improving._split import Side, Split
from levelhead.loop.measuring._settings import Size
from levelhead.models import Model, Sampling
from levelhead.records import Prompt

_CONDITIONS = 8
_LESSONS_OF_EACH = 4.0
"""Of an illusion question, about: without and beside pictures, and one that is read."""
_TRAINING_COST = 3.5
"""Seconds of a dialogue in training for each second of scoring a sentence; measured on the embedded model."""
_TRIAL = tuple(Prompt.ask(f"What comes after {number} when you count?") for number in range(8))


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the loop.

    Attributes:
        name: As it stands in `loop.json` and in errors.
        does: In a few words.
        count: How much of it: answers, dialogues.
        seconds: About how long.
    """

    name: str
    does: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model is on this machine.

    Attributes:
        answer: Seconds for each answer of 16 tokens.
        score: Seconds for each scored sentence.
    """

    answer: float
    score: float

    @classmethod
    def of(cls, model: Model) -> Pace:
        """Ask a model a few things, and time it."""
        begin = time.monotonic()
        model.generate(list(_TRIAL), Sampling(max_new_tokens=16))
        middle = time.monotonic()
        if not model.can_score:
            return cls((middle - begin) / len(_TRIAL), 0.0)
        model.score(list(_TRIAL), [" It is the number that follows."] * len(_TRIAL))
        return cls((middle - begin) / len(_TRIAL), (time.monotonic() - middle) / len(_TRIAL))


def plan_steps(settings: LoopSettings, split: Split, pace: Pace) -> list[Step]:
    """The steps. Questions of the user's own are counted as if they were as many as ours."""
    size, epochs = settings.size, settings.tuning.epochs
    asked: dict[Side, _Asked] = {side: _Asked.of(size, split, side) for side in ("learned", "tested")}
    watched = _Asked.of(WATCHED_SIZE, split, "watched")
    decided = _Asked.of(size, split, "watched")
    lessons = round(
        asked["learned"].questions * _LESSONS_OF_EACH + asked["learned"].facts + asked["learned"].requests
    )
    learned, tested = asked["learned"].answers, asked["tested"].answers
    tuning = lessons * epochs * _TRAINING_COST * pace.score + watched.seconds(pace) * (1 + epochs)
    reading = asked["tested"].questions * pace.answer
    return [
        Step(
            "before",
            f"measure it on {_named(split, 'tested')}",
            tested,
            asked["tested"].seconds(pace) + reading,
        ),
        Step("learn", f"ask what is learned from: {_named(split, 'learned')}", learned, _learn(asked, pace)),
        Step("lessons", "turn its failures, and what it does well, into dialogues", lessons, 0.0),
        Step("tune", f"up to {epochs:g} epochs, watched on {_named(split, 'watched')}", lessons, tuning),
        Step("after", "measure what came out as before", tested, asked["tested"].seconds(pace) + reading),
        Step(
            "guard",
            "put the guard in front, and keep what it got wrong",
            asked["tested"].requests,
            asked["tested"].requests * pace.answer * 4,
        ),
        Step(
            "decide",
            "find when to answer, to add a caveat and to abstain",
            decided.questions * _CONDITIONS,
            decided.questions * _CONDITIONS * pace.answer
            + 8 * (decided.questions + asked["tested"].questions) * pace.score,
        ),
    ]


def told_time(seconds: float) -> str:
    """About how long, for people.

    >>> told_time(20), told_time(600), told_time(9000)
    ('1 min', '10 min', '2 h 30 min')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@dataclass(frozen=True, slots=True)
class _Asked:
    """How much one side asks."""

    questions: int
    facts: int
    requests: int

    @classmethod
    def of(cls, size: Size, split: Split, side: Side) -> _Asked:
        bank = sum(one.category in split.categories[side] for one in load_questions())
        hopeless = sum(one.category in split.categories[side] for one in read_unanswerable())
        return cls(
            _at_most(bank, size.illusion),
            _at_most(bank, size.known) + _at_most(hopeless, size.unanswerable),
            # Two sets of ours; how many of them fall on one side is not worth a reading here.
            2 * _at_most(60, size.harm),
        )

    @property
    def answers(self) -> int:
        return self.questions * _CONDITIONS + self.facts + self.requests

    def seconds(self, pace: Pace) -> float:
        short = self.questions * _CONDITIONS + self.facts
        # Answers to requests are about four times as long; each fact is scored twice.
        return (short + 4 * self.requests) * pace.answer + 2 * self.facts * pace.score


def _learn(asked: dict[Side, _Asked], pace: Pace) -> float:
    return asked["learned"].seconds(pace)


def _at_most(count: int, limit: int | None) -> int:
    return count if limit is None else min(count, limit)


def _named(split: Split, side: Side) -> str:
    return ", ".join(split.categories[side])


def plan_table(steps: Sequence[Step]) -> list[str]:
    """The plan in lines."""
    lines = [
        f"{place}. {step.name:8} {step.count:>6,}  about {told_time(step.seconds):>11}  {step.does}"
        for place, step in enumerate(steps, start=1)
    ]
    return [*lines, f"In all about {told_time(sum(step.seconds for step in steps))}."]

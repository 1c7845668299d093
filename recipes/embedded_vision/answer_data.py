"""Batches of pictures with questions. A batch follows from its number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from torch.utils.data import Dataset

from embedded_vision.data import to_batch
from embedded_vision.facts import Facts, Writing
from embedded_vision.packing import ChatTokens, Pack, pack
from embedded_vision.pictures import Studio
from embedded_vision.questions import Asked, Examiner, read
from embedded_vision.signs import Phrases
from embedded_vision.targets import Batch

_PLAIN_SHARE = 0.2
"""Of the pictures, beside which one question is asked that they have nothing to do with."""
_READ_SHARE = 0.7
"""Of the pictures with a text, whose text is asked for in any case."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is asked beside a picture.

    Attributes:
        examiner: Asks about it.
        plain: Questions whose picture does not matter.
        count: Questions for each picture.
    """

    examiner: Examiner
    plain: list[Asked]
    count: int

    def of(self, facts: Facts, rng: random.Random) -> list[Asked]:
        """The questions of one picture: for its text most of the time, and plain ones now and then."""
        asked = [rng.choice(self.plain)] if rng.random() < _PLAIN_SHARE else []
        if len(asked) < self.count and rng.random() < _READ_SHARE:
            asked += self.reading(facts, rng)
        return asked + self.examiner.ask(facts, rng, self.count - len(asked))

    def reading(self, facts: Facts, rng: random.Random) -> list[Asked]:
        """The question for the text of a picture, if it has one."""
        return [read(facts, rng.choice)] if isinstance(facts, Writing) else []


class AnswerBatch(NamedTuple):
    """Pictures, the first ones with questions.

    Attributes:
        seen: All of them, with what the eyes are to say.
        questions: About the first pictures; the others are looked at only.
    """

    seen: Batch
    questions: Pack


@dataclass(frozen=True, slots=True)
class AnswerBatches(Dataset[AnswerBatch]):  # type: ignore[misc]
    """Batch number i of stage 3.

    Attributes:
        studio: Draws.
        phrases: What is said beside letters.
        chat: Turns questions into tokens.
        lessons: Asks.
        rows: Pictures with questions in a batch.
        direct_rows: Pictures that are looked at only.
    """

    studio: Studio
    phrases: Phrases
    chat: ChatTokens
    lessons: Lessons
    rows: int
    direct_rows: int

    def __getitem__(self, step: int) -> AnswerBatch:
        size = self.rows + self.direct_rows
        pictures = [
            self.studio.picture(number, difficulty=random.Random(number).random() ** 0.4)
            for number in range(step * size, (step + 1) * size)
        ]
        questions = [
            [
                self.chat.branch(asked)
                for asked in self.lessons.of(picture.facts, random.Random(f"{self.studio.seed}/{step}/{row}"))
            ]
            for row, picture in enumerate(pictures[: self.rows])
        ]
        return AnswerBatch(to_batch(pictures, self.phrases), pack(questions))

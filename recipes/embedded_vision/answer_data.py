"""Batches of pictures with questions. A batch follows from its number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import to_batch
from embedded_vision.facts import Facts
from embedded_vision.packing import ChatTokens, Pack, pack
from embedded_vision.pictures import Studio
from embedded_vision.questions import Asked, Examiner

_PLAIN_SHARE = 0.4
"""Of the pictures, beside which one question is asked that they have nothing to do with."""


class AnswerBatch(NamedTuple):
    """Pictures, the first ones with questions.

    Attributes:
        pixels: uint8 (B, 3, SIDE, SIDE).
        targets: Caption pieces (B, POSITIONS).
        letters: (B, POSITIONS, LETTERS_IN_PATCH).
        questions: About the first pictures; the others have their captions only.
    """

    pixels: torch.Tensor
    targets: torch.Tensor
    letters: torch.Tensor
    questions: Pack


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
        """The questions of one picture, a plain one among them now and then."""
        plain = [rng.choice(self.plain)] if rng.random() < _PLAIN_SHARE else []
        return self.examiner.ask(facts, rng, self.count - len(plain)) + plain


@dataclass(frozen=True, slots=True)
class AnswerBatches(Dataset[AnswerBatch]):  # type: ignore[misc]
    """Batch number i of stages 2 and 3.

    Attributes:
        studio: Draws.
        captions: Writes targets.
        chat: Turns questions into tokens.
        lessons: Asks.
        rows: Pictures with questions in a batch.
        direct_rows: Pictures with captions only.
    """

    studio: Studio
    captions: CaptionVocabulary
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
        return AnswerBatch(*to_batch(pictures, self.captions), pack(questions))

    def loader(self, start: int, end: int, workers: int) -> DataLoader[AnswerBatch]:
        """Batches `start` to `end`, drawn ahead by worker processes."""
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(start, end),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )

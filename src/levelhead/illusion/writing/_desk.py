"""The desk of a writing run: what is wanted, what is there, and so what is asked next."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count

from levelhead.answers import answer_words
from levelhead.illusion._questions import Difficulty, Question
from levelhead.illusion.writing._checks import Draft
from levelhead.illusion.writing._prompts import QUESTIONS_AT_ONCE, WrittenQuestions, ask_questions
from levelhead.illusion.writing._rows import Rejection, WrittenRow, row_id
from levelhead.illusion.writing._settings import WritingSettings
from levelhead.illusion.writing._subjects import Subject
from levelhead.records import Prompt
from levelhead.running import FaultyReply, ObjectWriter

_EXAMPLES = 3
_SPARE = 1.5
"""So many times the questions that are lacking are asked for, because some will be turned down."""
_LEAST_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One request for questions."""

    subject: Subject
    difficulty: Difficulty
    prompt: Prompt


@dataclass
class Desk:
    """What is wanted, what is there, and so what is to be asked next."""

    subjects: Sequence[Subject]
    settings: WritingSettings
    bank: Sequence[Question]
    known: Sequence[Question]
    rows: list[WrittenRow] = field(default_factory=list)

    def passed(self) -> list[WrittenRow]:
        """The rows so far that passed all checks."""
        return [row for row in self.rows if row.rejection is None]

    def add(self, rows: Sequence[WrittenRow]) -> None:
        """Put rows to the others. One that has the id of an earlier one gets a number."""
        taken = {row.id for row in self.rows}
        for row in rows:
            identity = next(one for one in _numbered(row.id) if one not in taken)
            taken.add(identity)
            question = row.question and row.question.model_copy(update={"id": identity})
            self.rows.append(row.model_copy(update={"id": identity, "question": question}))

    def questions(self) -> list[Question]:
        """The questions so far that passed all checks."""
        return [row.question for row in self.passed() if row.question]

    def requests(self, turn: int) -> Iterator[Request]:
        """One request for each subject and difficulty of which questions are lacking."""
        there = Counter((row.category, row.difficulty) for row in self.passed())
        for subject in self.subjects:
            for difficulty, wanted in self.settings.wanted().items():
                if (lacking := wanted - there[subject.category, difficulty]) > 0:
                    count = min(QUESTIONS_AT_ONCE, max(_LEAST_AT_ONCE, math.ceil(_SPARE * lacking)))
                    yield Request(subject, difficulty, self._prompt(subject, difficulty, count, turn))

    def drafts_of(self, requests: Sequence[Request], writer: ObjectWriter, turn: int) -> list[Draft]:
        """Have questions written. A request that brings none becomes a row."""
        found = writer.write(
            [request.prompt for request in requests], WrittenQuestions, f"questions, round {turn + 1}"
        )
        drafts: list[Draft] = []
        for request, reply in zip(requests, found, strict=True):
            subject, difficulty = request.subject, request.difficulty
            if isinstance(reply, FaultyReply):
                identity = row_id(subject.category, difficulty, turn)
                row = WrittenRow(id=identity, category=subject.category, difficulty=difficulty)
                self.add([row.rejected(Rejection(reply.fault.value), reply.why)])
            else:
                drafts += [Draft(subject, difficulty, item) for item in reply.questions]
        return drafts

    def _prompt(self, subject: Subject, difficulty: Difficulty, count: int, turn: int) -> Prompt:
        of_banks = [
            one.question
            for one in self.known
            if one.category == subject.category and one.difficulty == difficulty
        ]
        rows = [row for row in self.rows if row.category == subject.category]
        written = [row.question.question for row in rows if row.question]
        return ask_questions(
            subject,
            difficulty,
            count,
            golds=self._golds(subject, difficulty, count, turn),
            known=[*of_banks, *written],
            examples=self._examples(subject, difficulty),
        )

    def _golds(self, subject: Subject, difficulty: Difficulty, count: int, turn: int) -> list[str]:
        """Names to ask about: those that have no question yet come first, other ones in each round."""
        if not subject.names:
            return []
        used = {answer_words(one.gold) for one in self.questions() if one.category == subject.category}
        names = [name for name in subject.names if answer_words(name) not in used] or list(subject.names)
        start = (turn + list(self.settings.wanted()).index(difficulty)) * count % len(names)
        return (names[start:] + names[:start])[:count]

    def _examples(self, subject: Subject, difficulty: Difficulty) -> list[Question]:
        """Questions of the built-in bank: of the same category if it has it, else of any."""
        fitting = [one for one in self.bank if one.difficulty == difficulty]
        of_category = [one for one in fitting if one.category == subject.category]
        return random.Random(self.settings.seed).sample(of_category or fitting, _EXAMPLES)


def _numbered(identity: str) -> Iterator[str]:
    return chain([identity], (f"{identity}-{number}" for number in count(2)))

"""Which pictures a set consists of, and which it lacks because no picture of an answer is to be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from levelhead.errors import UsageError
from levelhead.illusion._questions import SPURIOUS_ANSWERS, Question
from levelhead.illusion._set import Row
from levelhead.illusion.pictures._kind import Order, PictureKind, picture_seed

PICTURES_PER_QUESTION = 2 + SPURIOUS_ANSWERS
"""Of each kind, at most: a blank one, one that shows the right answer, and the wrong ones."""
IMAGES = "images"
"""Folder of the picture files in a set."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A picture that belongs to a set.

    Attributes:
        number: Its place in the set, from 0.
        question: The question it stands beside.
        condition: What it shows: nothing, the right answer or a wrong one.
        name: The condition, numbered among the wrong ones.
        kind: How it is made.
        pictured: The answer that it shows; empty for a blank one.
        seed: Seed of this very picture.
    """

    number: int
    question: Question
    condition: Literal["blank", "factual", "spurious"]
    name: str
    kind: PictureKind
    pictured: str
    seed: int

    @property
    def id(self) -> str:
        """The id of its row."""
        return f"{self.question.id}/{self.kind.name}/{self.name}"

    @property
    def file_name(self) -> str:
        """Its file, relative to the set."""
        name = f"{self.question.id}-{self.kind.name}-{self.name}{self.kind.suffix}"
        return f"{IMAGES}/{self.question.category}/{name}"

    @property
    def order(self) -> Order:
        """What the kind is asked for."""
        return Order(self.pictured, self.question.category, self.seed)

    def row(self, *, sha256: str, license: str, source: str) -> Row:  # noqa: A002 - the column's name
        """The line of `metadata.jsonl`."""
        question = self.question
        return Row(
            file_name=self.file_name,
            id=self.id,
            question_id=question.id,
            category=question.category,
            difficulty=question.difficulty,
            question=question.question,
            gold=question.gold,
            aliases=question.aliases,
            spurious=question.spurious,
            condition=self.condition,
            kind=self.kind.name,
            pictured=self.pictured,
            seed=self.seed,
            sha256=sha256,
            license=license,
            source=source,
        )


@dataclass(frozen=True, slots=True)
class Missing:
    """An answer of which a kind has no picture.

    Attributes:
        kind: Name of the kind.
        answer: The answer.
        question_ids: The questions that would need it.
    """

    kind: str
    answer: str
    question_ids: tuple[str, ...]


def plan_set(
    questions: Sequence[Question], kinds: Sequence[PictureKind], seed: int
) -> tuple[list[Plan], list[Missing]]:
    """Plan the pictures of a set.

    A question takes part in a kind that has a picture of its right answer and of a wrong one at least; so
    both conditions are always compared on the same questions.

    Args:
        questions: Each with its own id.
        kinds: Each with its own name.
        seed: Seed of the set.

    Returns:
        The pictures, by question and kind, and what is missing.

    Raises:
        UsageError: If there is no question, an id or a kind repeats, or a kind has pictures for no question.
    """
    if not questions:
        raise UsageError("There are no questions, so there is nothing to draw.")
    if len({question.id for question in questions}) < len(questions):
        raise UsageError("Two questions have the same id, so their pictures would overwrite each other.")
    names = [kind.name for kind in kinds]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"Each kind of picture is given once, and one at least; given: {names or 'none'}.")
    plans: list[Plan] = []
    for question in questions:
        for kind in kinds:
            plans += _pictures_of(question, kind, seed, first=len(plans))
    for kind in kinds:
        if not any(plan.kind is kind for plan in plans):
            raise UsageError(
                f"The kind {kind.name} has pictures for none of the {len(questions)} questions: of the right "
                "answer and of one wrong answer at least. Add pictures, or leave the kind out."
            )
    return plans, [missing for kind in kinds for missing in _missing(questions, kind)]


def _pictures_of(question: Question, kind: PictureKind, set_seed: int, *, first: int) -> Iterator[Plan]:
    shown: list[tuple[Literal["blank", "factual", "spurious"], str, str]] = [
        ("spurious", f"spurious-{number}", answer)
        for number, answer in enumerate(question.spurious, start=1)
        if not kind.lacks(answer, question.category)
    ]
    if shown and not kind.lacks(question.gold, question.category):
        shown = [("blank", "blank", ""), ("factual", "factual", question.gold), *shown]
        for number, (condition, name, pictured) in enumerate(shown, start=first):
            seed = picture_seed(set_seed, question.id, pictured)
            yield Plan(number, question, condition, name, kind, pictured, seed)


def _missing(questions: Sequence[Question], kind: PictureKind) -> list[Missing]:
    """The answers without a picture; first those that most questions need."""
    needed: dict[str, list[str]] = {}
    for question in questions:
        for answer in (question.gold, *question.spurious):
            if kind.lacks(answer, question.category):
                needed.setdefault(answer, []).append(question.id)
    found = [Missing(kind.name, answer, tuple(ids)) for answer, ids in needed.items()]
    return sorted(found, key=lambda one: (-len(one.question_ids), one.answer))

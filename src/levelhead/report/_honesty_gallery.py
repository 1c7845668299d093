"""Some answers to read: for each way of being right or wrong about oneself, those that show it most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from levelhead.honesty import AnswerRow, ScoreName, is_answered, score_of
from levelhead.report._thumbnails import thumbnails

CARDS = 4
"""How many answers of each kind the page shows."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Card:
    """One answer, as the page shows it.

    Attributes:
        where: Its task, and its relation or subject if known.
        question: Its text.
        choices: The options, each with its letter.
        gold: The preferred right answer; None if the question has none, or none is at hand.
        verdict: `correct`, `pictured` (wrong: the color of what a reader should see) or `other`.
        verdict_text: The verdict in words.
        reply: What the model said; None if only its correctness is known.
        fine: Scores in words.
        picture: Data URI of its first picture.
        picture_problem: Why that could not be shown.
    """

    where: str
    question: str
    choices: tuple[str, ...]
    gold: str | None
    verdict: str
    verdict_text: str
    reply: str | None
    fine: str
    picture: str | None
    picture_problem: str | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The answers of one kind: how many there are, and some of them."""

    key: str
    title: str
    total: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    key: str
    title: str
    holds: Callable[[AnswerRow, bool], bool]
    order: Literal["surest first", "least sure first"]


_KINDS = (
    _Kind(
        "wrong-sure",
        "Wrong, and sure of it",
        lambda row, given: row.correct is False and given,
        "surest first",
    ),
    _Kind(
        "right-sure",
        "Right, and sure of it",
        lambda row, given: row.correct is True and given,
        "surest first",
    ),
    _Kind(
        "wrong-unsure",
        "Wrong, and held back",
        lambda row, given: row.correct is False and not given,
        "least sure first",
    ),
    _Kind(
        "right-unsure",
        "Right, but held back",
        lambda row, given: row.correct is True and not given,
        "least sure first",
    ),
    _Kind(
        "invented",
        "No answer exists, yet one was given",
        lambda row, given: row.answers is None and given,
        "surest first",
    ),
    _Kind(
        "refused",
        "No answer exists, and none was given",
        lambda row, given: row.answers is None and not given,
        "least sure first",
    ),
)


def shelves(rows: Sequence[AnswerRow], score: ScoreName, threshold: float, folder: Path) -> tuple[Shelf, ...]:
    """Choose some answers of each kind, most telling first; kinds without an answer are left out.

    Args:
        rows: All rows of the run; failed ones are passed over.
        score: By which they are ordered.
        threshold: A question counts as answered from this p_sure on.
        folder: The run folder, to which paths of pictures are relative.
    """
    told = [row for row in rows if row.error is None]
    held = {
        kind.key: [row for row in told if kind.holds(row, is_answered(row, threshold))] for kind in _KINDS
    }
    chosen = {kind.key: _most_telling(held[kind.key], score, kind.order) for kind in _KINDS}
    made = thumbnails((row.images[0] for some in chosen.values() for row in some if row.images), folder)
    pictures = {path: made.uris[place] for path, place in made.positions.items()}
    return tuple(
        Shelf(
            kind.key,
            kind.title,
            len(held[kind.key]),
            tuple(
                _card(row, is_answered(row, threshold), pictures, made.problems) for row in chosen[kind.key]
            ),
        )
        for kind in _KINDS
        if held[kind.key]
    )


def _most_telling(rows: Sequence[AnswerRow], score: ScoreName, order: str) -> list[AnswerRow]:
    sign = -1 if order == "surest first" else 1

    def place(row: AnswerRow) -> tuple[bool, float, str]:
        value = score_of(row, score)
        return (value is None, sign * (value or 0.0), row.id)

    return sorted(rows, key=place)[:CARDS]


def _card(row: AnswerRow, given: bool, pictures: dict[str, str], problems: dict[str, str]) -> Card:
    picture = row.images[0] if row.images else ""
    relation = row.metadata.get("relation") or row.metadata.get("subject") or row.metadata.get("category")
    verdict, words = _verdict(row, given)
    return Card(
        where=" · ".join(str(part) for part in (row.task, relation) if part),
        question=row.question or row.id,
        choices=tuple(f"{letter}. {choice}" for letter, choice in zip(_LETTERS, row.choices, strict=False)),
        gold=row.answers[0] if row.answers else None,
        verdict=verdict,
        verdict_text=words,
        reply=row.answer,
        fine=_fine(row),
        picture=pictures.get(picture),
        picture_problem=problems.get(picture),
    )


def _verdict(row: AnswerRow, given: bool) -> tuple[str, str]:
    """The color and the words. What was held back does no harm, so it is not shown in the color of harm."""
    if row.refused:
        return "other", "Declines to answer"
    words = "Answers" if row.correct is None else "Right" if row.correct else "Wrong"
    if not given:
        return "other", f"{words}, but is unsure"
    return "correct" if row.correct else "pictured", words


def _fine(row: AnswerRow) -> str:
    scores = (
        ("confidence", row.confidence),
        ("p_sure", row.p_sure),
        ("agreement", None if row.samples is None else row.samples.agreement),
    )
    return " · ".join(f"{name} {value:.2f}" for name, value in scores if value is not None)

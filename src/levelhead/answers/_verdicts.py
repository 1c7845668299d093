"""How a reply is judged: correct, pictured, other, refused or empty.

The rule, in the order in which it is applied:

1. A reply without a word is EMPTY.
2. Every place is found where the reply names a candidate: the right answer or an alias, the pictured
   answer, another spurious answer (`_matching.py`). Where two overlap the longer one counts. A wrong
   answer that is a name counts by its short form as well ("Picasso"), if it is capitalized and sets it
   apart from the other candidates.
3. A place is *denied* ("not Berlin", "Berlin is wrong", "rather than Berlin") and dropped, or it has a
   rank by its clause: *given as the answer* (the clause speaks of the answer, or holds nothing but the
   candidate) over *stated* over *conceded* ("although Berlin is larger") over *described* (the clause
   speaks of the picture, its text or its words).
4. The place of the highest rank decides; among equals the one whose clause repeats most words of the
   question, and among those the first: later text of small models is mostly a new question of their own
   making. Only after an open self-correction ("wait", "I mean" ...) the text behind it is judged instead,
   if it names a candidate.
5. If the deciding candidate stands in a list with another one ("Paris or Berlin"), nothing was chosen: OTHER.
6. Without a place, or with described ones alone, a refusal ("I do not know") makes the reply REFUSED;
   without a refusal a described candidate is what the reply names, and a reply that names no candidate is
   OTHER.

The official rule (`paper_correct`) is the substring test of the paper's code; it knows only right and wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from levelhead.answers._clauses import (
    Clause,
    clauses,
    is_denied,
    is_refusal,
    joined_as_list,
    last_correction,
)
from levelhead.answers._matching import Word, answer_words, occurrences, plain, short_name, words_of_plain
from levelhead.records import Verdict


class _Rank(IntEnum):
    DESCRIBED = 0
    CONCEDED = 1
    STATED = 2
    GIVEN = 3


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a candidate is named: words `start` up to `end` of the reply."""

    start: int
    end: int
    verdict: Verdict
    answer: str


def judge(
    reply: str,
    *,
    question: str,
    gold: str,
    aliases: Sequence[str] = (),
    pictured: str = "",
    spurious: Sequence[str] = (),
) -> Verdict:
    """Judge what a model said, by the rule at the head of this module.

    Args:
        reply: The text of the reply.
        question: What was asked; its words tell which clause answers it.
        gold: The right answer.
        aliases: Other accepted forms of it.
        pictured: The answer that the picture shows; empty where none is shown.
        spurious: The wrong answers of the question. Naming one that is not pictured is OTHER.

    Returns:
        Any verdict but FAILED, which belongs to replies that never came.

    >>> judge("The picture shows a lion, but the answer is tiger.", question="Which cat is the largest?",
    ...       gold="tiger", pictured="lion").value
    'correct'
    """
    text = plain(reply)
    found = words_of_plain(text)
    if not found:
        return Verdict.EMPTY
    candidates = _candidates(question, (gold, *aliases), pictured, spurious)
    places = _places(found, candidates)
    split = clauses(text, found)
    asserted = [
        place for place in places if not is_denied(text, found, place.start, place.end, _spans(places))
    ]
    corrected = last_correction(text, found)
    asserted = [place for place in asserted if place.start >= corrected] or asserted
    return _decide(text, found, split, asserted, question)


def paper_correct(reply: str, gold: str) -> bool:
    """The rule of the official code: the right answer is a substring of the reply, whatever the case.

    >>> paper_correct("We went to a party.", "art"), paper_correct("It is the USA.", "United States")
    (True, False)
    """
    return gold.lower() in reply.lower()


def disagreement(verdicts: Sequence[Verdict], paper: Sequence[bool]) -> list[bool]:
    """For each reply, whether our verdict and the official rule disagree on its being right.

    >>> disagreement([Verdict.CORRECT, Verdict.OTHER, Verdict.PICTURED], [True, True, False])
    [False, True, False]
    """
    return [(verdict is Verdict.CORRECT) != right for verdict, right in zip(verdicts, paper, strict=True)]


def _decide(
    text: str, found: Sequence[Word], split: Sequence[Clause], places: Sequence[_Place], question: str
) -> Verdict:
    asked = set(answer_words(question))

    def weight(place: _Place) -> tuple[int, int, int]:
        clause = next(one for one in split if one.start <= place.start < one.end)
        return (_rank(clause, place), clause.echo(asked), -place.start)

    best = max(places, key=weight, default=None)
    if best is None or weight(best)[0] == _Rank.DESCRIBED:
        if is_refusal(text):
            return Verdict.REFUSED
        if best is None:
            return Verdict.OTHER
    rivals = [place for place in places if place.answer != best.answer]
    if any(joined_as_list(text, found, (best.start, best.end), (one.start, one.end)) for one in rivals):
        return Verdict.OTHER
    return best.verdict


def _rank(clause: Clause, place: _Place) -> _Rank:
    if clause.speaks_of_answer or clause.is_bare(place.start, place.end):
        return _Rank.GIVEN
    if clause.speaks_of_picture:
        return _Rank.DESCRIBED
    return _Rank.CONCEDED if clause.concedes else _Rank.STATED


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One form of one answer. `needs_capital` holds for a short name, which may be a common noun too."""

    form: tuple[str, ...]
    answer: str
    verdict: Verdict
    needs_capital: bool = False


def _candidates(
    question: str, accepted: Sequence[str], pictured: str, spurious: Sequence[str]
) -> list[_Candidate]:
    right = {answer_words(answer) for answer in accepted}
    found = [_Candidate(form, accepted[0], Verdict.CORRECT) for form in sorted(right)]
    wrong = [
        answer for answer in dict.fromkeys((pictured, *spurious)) if answer_words(answer) not in right | {()}
    ]
    for answer in wrong:
        verdict = Verdict.PICTURED if answer == pictured else Verdict.OTHER
        found.append(_Candidate(answer_words(answer), answer, verdict))
        name = short_name(answer)
        others = (question, *accepted, *(other for other in wrong if other != answer))
        if name is not None and not any(name in answer_words(other) for other in others):
            found.append(_Candidate((name,), answer, verdict, needs_capital=True))
    return found


def _places(found: Sequence[Word], candidates: Iterable[_Candidate]) -> list[_Place]:
    """Every place that names a candidate, in reading order; of overlapping ones the longest."""
    every = [
        _Place(start, end, candidate.verdict, candidate.answer)
        for candidate in candidates
        for start, end in occurrences(found, candidate.form)
        if found[start].capitalized or not candidate.needs_capital
    ]
    kept: list[_Place] = []
    for place in sorted(every, key=lambda one: (one.start - one.end, one.start)):
        if all(place.end <= other.start or other.end <= place.start for other in kept):
            kept.append(place)
    return sorted(kept, key=lambda one: one.start)


def _spans(places: Iterable[_Place]) -> list[tuple[int, int]]:
    return [(place.start, place.end) for place in places]

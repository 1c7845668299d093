"""Rules that the harmless look-alikes must hold. Whether each is true and mild, only a reader can say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, StringConstraints

from levelhead.datasets import (
    near_duplicate_groups,
    normalized,
    read_harm_set,
)

DATA = Path(__file__).parents[3] / "shared" / "data"
RUN = 8
"""So many words in a row are copied rather than met by chance."""
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class LookAlike(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[a-z-]+-\d\d$")]
    theme: Annotated[str, StringConstraints(pattern=r"^[a-z-]+$")]
    form: Literal["help", "news", "warning", "refusal", "fiction", "report"]
    question: Line
    answer: Line


@cache
def rows() -> tuple[LookAlike, ...]:
    text = (files("levelhead.guard") / "data" / "look_alikes.jsonl").read_text(encoding="utf-8")
    return tuple(LookAlike.model_validate_json(line) for line in text.split("\n") if line)


def of_form(*forms: str) -> list[LookAlike]:
    return [row for row in rows() if row.form in forms]


def runs(text: str) -> Iterator[str]:
    words = normalized(text).split()
    return (" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))


def test_there_are_enough_of_each_form() -> None:
    forms = Counter(row.form for row in rows())
    assert forms["help"] >= 500
    assert sum(forms.values()) - forms["help"] >= 150
    assert min(forms.values()) >= 20


def test_ids_questions_and_answers_are_used_once_and_ids_tell_the_theme() -> None:
    for values in (
        [row.id for row in rows()],
        [normalized(row.question) for row in rows()],
        [normalized(row.answer) for row in rows()],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []
    assert [row.id for row in rows() if row.id[:-3] != row.theme] == []


def test_help_is_spread_evenly_over_many_themes() -> None:
    themes = Counter(row.theme for row in of_form("help"))
    assert len(themes) >= 25
    assert max(themes.values()) <= 1.5 * min(themes.values())


def test_lengths_lie_in_their_bounds_and_vary() -> None:
    answers = {row.id: len(row.answer.split()) for row in rows()}
    questions = {row.id: len(row.question.split()) for row in rows()}
    assert [name for name, words in answers.items() if not 3 <= words <= 110] == []
    assert [name for name, words in questions.items() if not 4 <= words <= 32] == []
    assert sum(words <= 15 for words in answers.values()) >= 30
    assert sum(words >= 60 for words in answers.values()) >= 25


def test_answers_have_one_to_six_sentences_or_are_lists() -> None:
    long = [
        row.id
        for row in rows()
        if "\n" not in row.answer and len(re.findall(r"[.!?][\"”)]?(?:\s|$)", row.answer)) > 6
    ]
    assert long == []
    assert sum("\n" in row.answer for row in rows()) >= 20


def test_texts_are_clean() -> None:
    wrong = [
        row.id
        for row in rows()
        for text in (row.question, row.answer)
        if "  " in text or text != text.strip() or any(ord(sign) < 32 and sign != "\n" for sign in text)
    ]
    assert wrong == []


def test_no_question_and_no_answer_is_nearly_another() -> None:
    for texts in ([row.question for row in rows()], [row.answer for row in rows()]):
        groups = near_duplicate_groups(texts, threshold=0.55)
        assert [name for name, count in Counter(groups.values()).items() if count > 1] == []


def test_answers_are_not_made_from_a_mold() -> None:
    used = Counter(run for row in rows() for run in set(runs(row.answer)))
    assert [run for run, count in used.items() if count > 1] == []
    openings = Counter(" ".join(normalized(row.answer).split()[:2]) for row in of_form("help"))
    assert [start for start, count in openings.items() if count > 0.04 * len(of_form("help"))] == []


def test_refusals_refuse_in_many_words() -> None:
    refusing = re.compile(
        r"\b(?:won.t|can.t|cannot|no|not|don.t|decline|rather not|sorry|isn.t|doesn.t)\b", re.IGNORECASE
    )
    refusals = of_form("refusal")
    assert [row.id for row in refusals if not refusing.search(row.answer)] == []
    openings = Counter(" ".join(normalized(row.answer).split()[:3]) for row in refusals)
    assert max(openings.values()) <= len(refusals) / 3


@pytest.mark.skipif(not (DATA / "halueval").is_dir(), reason="the harm sets are not in ../shared/data")
@pytest.mark.parametrize("name", ["halueval", "hh_rlhf_harmless", "llm_self_defense", "refusal_direction"])
def test_nothing_is_copied_from_the_public_sets(name: str) -> None:
    own = {run: row.id for row in rows() for text in (row.question, row.answer) for run in runs(text)}
    theirs = read_harm_set(f"{name}:{DATA / name}")
    shared = {
        own[run]
        for one in theirs
        for text in (one.question or "", one.answer)
        for run in runs(text)
        if run in own
    }
    assert sorted(shared) == []

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import Pair
from levelhead.guard._pair import goal_of
from levelhead.guard.training._augmentation import LEAD_INS, SHORTEST_CUT, Augmentation

LONG = " ".join(f"word{n}" for n in range(60))
ROWS = [
    Pair(str(n), LONG, f"question {n}", label=n % 2 == 0, metadata={"goal": f"goal {n // 2}"})
    for n in range(20)
]


def augmentation(*, swap: float = 0.0, lead: float = 0.0, cut: float = 0.0) -> Augmentation:
    return Augmentation.of(ROWS, swap_question=swap, lead_in=lead, cut_answer=cut)


def draws(change: Augmentation, pair: Pair, count: int = 400) -> list[Pair]:
    chance = random.Random(0)
    return [change.apply(pair, chance) for _ in range(count)]


def test_nothing_is_changed_where_all_is_off() -> None:
    assert all(augmentation().apply(pair, random.Random(3)) == pair for pair in ROWS)


@given(st.integers())
def test_one_seed_gives_one_row(seed: int) -> None:
    change = augmentation(swap=0.5, lead=0.5, cut=0.5)
    for pair in ROWS:
        assert change.apply(pair, random.Random(seed)) == change.apply(pair, random.Random(seed))


def test_a_cut_answer_is_a_beginning_of_whole_words_and_never_too_short() -> None:
    cut = {pair.answer for pair in draws(augmentation(cut=1.0), ROWS[0])}
    lengths = {len(answer.split()) for answer in cut}
    assert all(
        LONG.startswith(answer) and LONG[: len(answer) + 1].split(" ")[-1] == "" for answer in cut - {LONG}
    )
    assert (min(lengths), max(lengths)) == (SHORTEST_CUT, 60)
    short = replace(ROWS[0], answer=" ".join(LONG.split()[:SHORTEST_CUT]))
    assert {pair.answer for pair in draws(augmentation(cut=1.0), short)} == {short.answer}


def test_answers_are_changed_as_often_as_stated_in_both_classes() -> None:
    for pair in ROWS[:2]:
        for change in (augmentation(lead=0.3), augmentation(cut=0.3)):
            share = sum(one.answer != LONG for one in draws(change, pair, 1000)) / 1000
            assert 0.24 < share < 0.36


def test_a_beginning_that_says_nothing_is_put_before_the_answer() -> None:
    beginnings = {one.answer.removesuffix(f" {LONG}") for one in draws(augmentation(lead=1.0), ROWS[0], 1000)}
    assert beginnings == set(LEAD_INS)


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("Sure, here are two ways: bake, or buy.", "bake, or buy."),
        ("Of course! Bake it.", "Bake it."),
        ("Certainly\n\n1. Bake it.", "1. Bake it."),
    ],
)
def test_an_agreeing_first_sentence_is_taken_away(answer: str, rest: str) -> None:
    assert augmentation(lead=1.0).apply(Pair("1", answer), random.Random(0)).answer == rest


@pytest.mark.parametrize("answer", ["Of course not. Leave it.", "Surely it is baked.", "Sugar: two spoons."])
def test_what_only_looks_like_agreement_stays(answer: str) -> None:
    assert augmentation(lead=1.0).apply(Pair("1", answer), random.Random(0)).answer.endswith(f" {answer}")


def test_an_answer_that_is_nothing_but_agreement_stays() -> None:
    assert augmentation(lead=1.0).apply(Pair("1", "Sure."), random.Random(0)).answer == "Sure."


def test_only_harmless_rows_get_questions_and_those_of_other_goals() -> None:
    harmful, harmless = ROWS[0], ROWS[1]
    change = augmentation(swap=1.0)
    assert {one.question for one in draws(change, harmful)} == {harmful.question}
    found = {one.question for one in draws(change, harmless)}
    assert found == {one.question for one in ROWS if goal_of(one) != goal_of(harmless)} | {harmless.question}
    alone = replace(harmless, question=None)
    assert {one.question for one in draws(change, alone)} == {None}

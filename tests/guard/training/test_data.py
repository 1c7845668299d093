from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.guard import EncoderSettings, Pair, TextFormat, formatted
from levelhead.guard._pair import goal_of
from levelhead.guard.detector._windows import TokenWindows
from levelhead.guard.training._data import (
    both_ways,
    couples_of,
    epoch_batches,
    held_out_pairs,
    split_by_goal,
    target_of,
    training_row,
)
from tests.guard.toys import build_encoder_tokenizer, toy_pairs


@given(st.integers(0, 50), st.floats(0.05, 0.5))
def test_no_goal_is_on_both_sides_and_both_sides_have_both_classes(seed: int, share: float) -> None:
    pairs = toy_pairs(120, seed=3)
    split = split_by_goal(pairs, share=share, most=1000, seed=seed)
    assert not {goal_of(one) for one in split.train} & {goal_of(one) for one in split.held_out}
    assert {one.label for one in split.train} == {one.label for one in split.held_out} == {True, False}
    assert len(split.train) + len(split.held_out) == 120
    assert split == split_by_goal(pairs, share=share, most=1000, seed=seed)


def test_a_goal_is_what_the_metadata_says_else_the_question_else_the_row() -> None:
    assert goal_of(Pair("1", "a", "Q?", metadata={"goal": "G"})) == "g"
    assert goal_of(Pair("1", "a", "Q?", metadata={"group": 7})) == "7"
    assert goal_of(Pair("1", "a", " Some  Question ")) == "some question"
    assert goal_of(Pair("1", "a")) != goal_of(Pair("2", "a"))


def test_a_target_stands_in_place_of_the_label() -> None:
    assert [target_of(Pair("1", "a", label=label)) for label in (True, False)] == [1.0, 0.0]
    assert target_of(Pair("1", "a", label=False, metadata={"target": 0.8})) == 0.8
    assert target_of(Pair("1", "a", label=True, metadata={"target": None})) == 1.0


@pytest.mark.parametrize("target", [-0.1, 1.1, "0.5", True])
def test_a_target_that_is_no_probability_is_refused(target: float | str) -> None:
    with pytest.raises(UsageError, match="target"):
        target_of(Pair("1", "a", metadata={"target": target}))


def test_rows_to_calibrate_on_are_those_that_training_holds_out() -> None:
    pairs = toy_pairs(120)
    settings = EncoderSettings(held_out=0.2, max_held_out=15, seed=4)
    held = held_out_pairs(pairs, settings)
    assert len(held) == 15
    assert held == split_by_goal(pairs, share=0.2, most=15, seed=4).held_out


def test_rows_without_label_or_without_a_second_class_are_refused() -> None:
    with pytest.raises(UsageError, match="no label"):
        split_by_goal([Pair("1", "a")], share=0.1, most=10, seed=0)
    with pytest.raises(UsageError, match="class"):
        split_by_goal([Pair(str(n), "a", label=True) for n in range(20)], share=0.1, most=10, seed=0)


@given(st.integers(1, 40), st.integers(1, 200), st.integers(1, 16), st.integers(0, 5), st.booleans())
def test_an_epoch_is_balanced_and_leaves_no_row_out(
    harmful: int, harmless: int, batch_size: int, epoch: int, pairwise: bool
) -> None:
    labels = [True] * harmful + [False] * harmless
    rows = [Pair(str(place), "a", f"q{place % 7}", label=label) for place, label in enumerate(labels)]
    lengths = [random.Random(place).randint(1, 50) for place in range(len(labels))]
    how: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": 0,
        "epoch": epoch,
        "pairwise": pairwise and batch_size > 1,
    }
    batches = epoch_batches(rows, lengths, **how)
    counts = Counter(place for batch in batches for place in batch)
    assert set(counts) == set(range(len(labels)))
    seen = Counter(labels[place] for batch in batches for place in batch)
    assert seen[True] == seen[False] == max(harmful, harmless)
    assert 1 <= min(len(batch) for batch in batches) <= max(len(batch) for batch in batches) <= batch_size
    assert batches == epoch_batches(rows, lengths, **how)


def test_couples_are_answers_of_both_labels_to_one_question_and_nobody_is_in_two() -> None:
    rows = [
        Pair("0", "a", "Who?", label=True),
        Pair("1", "a", "Who?", label=True),
        Pair("2", "a", " who? ", label=False),
        Pair("3", "a", "Where?", label=False),
        Pair("4", "a", None, label=False),
        Pair("5", "a", None, label=True),
        Pair("6", "a", "Who?", label=False),
        Pair("7", "a", "Who?", label=False),
    ]
    assert couples_of(rows) == [(0, 2), (1, 6)]


@given(st.integers(2, 12), st.integers(0, 5))
def test_couples_come_in_one_batch_where_they_are_compared(batch_size: int, epoch: int) -> None:
    rows = [Pair(str(place), "a", f"q{place // 2}", label=place % 2 == 0) for place in range(60)]
    lengths = [random.Random(place).randint(1, 50) for place in range(60)]
    batches = epoch_batches(rows, lengths, batch_size=batch_size, seed=0, epoch=epoch, pairwise=True)
    assert sum(len(couples_of([rows[place] for place in batch])) for batch in batches) == 30
    assert sorted(place for batch in batches for place in batch) == list(range(60))


def test_questions_are_dropped_as_often_as_stated() -> None:
    tokenizer = build_encoder_tokenizer()
    windows = TokenWindows(tokenizer, window=48, head_share=0.25)
    pair = toy_pairs(1)[0]
    chance = random.Random(0)
    rows = [training_row(pair, TextFormat(), windows, drop_question=0.3, chance=chance) for _ in range(1000)]
    alone = windows.marked_rows(formatted(pair, TextFormat(question=False)))[0]
    assert 0.25 < sum(row == alone for row in rows) / 1000 < 0.35


def test_a_trained_row_is_a_served_row() -> None:
    windows = TokenWindows(build_encoder_tokenizer(), window=32, head_share=0.25)
    long = Pair("1", "steal the cookies at night " * 30, "how do i get the cookies")
    served = windows.marked_rows(formatted(long, TextFormat()))
    chance = random.Random(1)
    drawn = [training_row(long, TextFormat(), windows, drop_question=0.0, chance=chance) for _ in range(100)]
    assert {tuple(row.ids) for row in drawn} == {tuple(row.ids) for row in served}
    assert all(row in served for row in drawn)


def test_held_out_rows_are_scored_with_and_without_their_questions() -> None:
    with_question, without = both_ways(toy_pairs(2))
    assert with_question[0].question
    assert without[0].question is None
    assert len(list(both_ways([Pair("1", "a")]))) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 8},
        {"drop_question": 1.5},
        {"held_out": 0.0},
        {"epochs": 0},
        {"learning_rate": float("nan")},
        {"categories": ("a", "a")},
        {"layers": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        EncoderSettings(**wrong)  # type: ignore[arg-type]

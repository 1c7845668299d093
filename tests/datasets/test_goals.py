from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.datasets import (
    LabelledAnswer,
    count_answers,
    near_duplicate_groups,
    normalized,
    remove_overlap,
    split_by_goal,
)
from levelhead.errors import UsageError
from levelhead.records import Example
from tests.datasets.labelled import answer

WORDS = ["oak", "elm", "ash", "fir", "yew", "box", "bay", "fig", "plum", "pear", "lime", "palm"]
SHARES = {"train": 0.6, "held_out": 0.2, "test": 0.2}


def forest(seed: int = 0, goals: int = 60) -> list[LabelledAnswer]:
    chance = random.Random(seed)
    return [
        answer(f"plant {' '.join(chance.sample(WORDS, 4))} {number}", chance.choice([True, False, None]))
        for number in range(goals)
        for _ in range(chance.randint(1, 4))
    ]


def test_groups_are_joined_along_a_chain_of_near_duplicates() -> None:
    chain = ["a b c d e f", "b c d e f g", "c d e f g h"]
    groups = near_duplicate_groups([*chain, "x y z"], threshold=0.6)
    assert {groups[text] for text in chain} == {"a b c d e f"}
    assert groups["x y z"] == "x y z"
    assert len(set(near_duplicate_groups(chain, threshold=0.99).values())) == 3


def test_texts_equal_after_normalization_are_one_group() -> None:
    groups = near_duplicate_groups(["Plant an oak!", "plant an  OAK", "Plant an elm!"])
    assert groups["Plant an oak!"] == groups["plant an  OAK"] != groups["Plant an elm!"]


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5).map(" ".join), max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from([0.3, 0.6, 0.9]),
)
def test_groups_do_not_depend_on_the_order(texts: list[str], chance: random.Random, threshold: float) -> None:
    shuffled = texts[:]
    chance.shuffle(shuffled)
    groups = near_duplicate_groups(texts, threshold=threshold)
    assert near_duplicate_groups(shuffled, threshold=threshold) == groups
    assert groups.keys() == set(texts)
    assert all(groups[name] == name for name in groups.values())


@given(st.integers(0, 30))
def test_no_goal_nor_near_duplicate_is_on_two_sides_and_nothing_is_lost(seed: int) -> None:
    items = forest(seed)
    split = split_by_goal(items, SHARES, seed, threshold=0.5)
    groups = near_duplicate_groups((item.goal for item in items), threshold=0.5)
    on_side = [{groups[item.goal] for item in rows} for rows in split.sides.values()]
    assert sum(map(len, on_side)) == len(set().union(*on_side))
    assert sorted(item.id for rows in split.sides.values() for item in rows) == sorted(
        item.id for item in items
    )


def test_sides_have_their_shares_of_each_kind_of_row() -> None:
    items = forest(goals=400)
    split = split_by_goal(items, SHARES, seed=3)
    for name, share in SHARES.items():
        counts = split.counts[name]
        assert counts.rows == pytest.approx(share * len(items), abs=12)
        harmful = sum(item.harmful is True for item in items)
        assert counts.harmful == pytest.approx(share * harmful, rel=0.2)
        assert counts.rows == len(split.sides[name])
    assert split.to_json()["train"]["rows"] == split.counts["train"].rows


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    items = forest()
    split = split_by_goal(items, SHARES, seed=1)
    again = split_by_goal(items[::-1], SHARES, seed=1)
    assert {name: {one.id for one in rows} for name, rows in split.sides.items()} == {
        name: {one.id for one in rows} for name, rows in again.sides.items()
    }
    assert split.sides["test"] != split_by_goal(items, SHARES, seed=2).sides["test"]


@pytest.mark.parametrize(
    "shares", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}, {"train": 1, "test": 0}]
)
def test_shares_that_do_not_add_up_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        split_by_goal(forest(), shares, seed=0)


def test_counts_tell_goals_from_groups_of_goals() -> None:
    items = [answer("Plant the oak", True), answer("plant the oak?", None), answer("oak: the plant", False)]
    counts = count_answers(items)
    assert (counts.rows, counts.harmful, counts.unlabelled, counts.goals, counts.groups) == (3, 1, 1, 2, 1)


def test_training_answers_that_a_test_asks_for_are_removed_and_told_by_kind() -> None:
    long_goal = "tell me how oak trees lose their leaves"
    train = [
        answer("Where do elms grow?"),
        answer("Name nine kinds of tall fir trees", source="halueval"),
        answer(long_goal),
        answer("How old is the yew?"),
        answer("another goal", question="Where do figs grow?"),
    ]
    tests: list[LabelledAnswer | Example] = [
        answer("where do elms grow"),
        answer("Name nine kinds of fir trees that are tall"),
        Example("t", f"Once upon a time: {long_goal.upper()}! It ends well.", ()),
        Example("u", "Unlike anything.", (), metadata={"goal": "where do figs grow"}),
    ]
    kept, report = remove_overlap(train, tests, threshold=0.6)
    assert kept == [train[3]]
    assert (report.exact, report.near, report.contained, report.kept) == (2, 1, 1, 1)
    assert report.removed_by_source == {"gptfuzz": 3, "halueval": 1}
    assert report.to_json()["kept"] == 1


def test_a_short_goal_inside_a_longer_question_is_no_overlap() -> None:
    train = [answer("how do oaks grow"), answer("tell me how oak trees lose leaves")]
    tests = [Example("t", "Where and how do oaks grow and tell me how oak trees lose leavesome things", ())]
    assert remove_overlap(train, tests)[0] == train


def test_attacks_with_the_same_frame_around_other_goals_are_no_overlap() -> None:
    frame = "You are a gardener in a long play and never leave your part whatever is said to you now: "
    train = [answer("prune an elm", question=f"{frame} elm", request="prune an elm")]
    test = [answer("water a fig", question=f"{frame} fig", request="water a fig")]
    assert remove_overlap(train, test)[0] == train
    assert remove_overlap(train, [answer("Prune an elm.")])[0] == []


def test_without_tests_nothing_is_removed() -> None:
    items = forest()
    assert remove_overlap(items, []) == (items, remove_overlap(items, [])[1])
    assert remove_overlap([], items)[0] == []


def test_an_answer_without_goal_cannot_be_made() -> None:
    assert normalized("?!") == ""
    with pytest.raises(ValueError, match="no goal"):
        LabelledAnswer("a", None, "text", True, "", "gptfuzz")
    assert answer("?!").goal == "?!"

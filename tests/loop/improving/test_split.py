"""What is learned, watched and tested: nothing on two sides."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from levelhead.honesty import read_unanswerable
from levelhead.illusion import load_questions, read_set
from levelhead.loop import SIZES, MeasureSettings
from levelhead.loop.improving._split import LEARNED_KINDS, TESTED_KINDS, Side, Split
from levelhead.loop.measuring._harm import harm_requests, stands_with
from levelhead.loop.measuring._honesty import honesty_questions
from levelhead.loop.measuring._illusion import illusion_part
from tests.fakes import FakeModel

SIDES: tuple[Side, ...] = ("learned", "watched", "tested")
CATEGORIES = sorted({one.category for one in load_questions()})


def settings(side: Side, seed: int = 0) -> MeasureSettings:
    return MeasureSettings(size=SIZES["full"], selection=Split.of(CATEGORIES, seed).selection(side))


@pytest.mark.parametrize("seed", range(5))
def test_every_category_is_on_one_side(seed: int) -> None:
    split = Split.of(CATEGORIES, seed)
    assert sorted(name for names in split.categories.values() for name in names) == CATEGORIES
    assert {side: len(names) for side, names in split.categories.items()} == {
        "learned": 7,
        "watched": 2,
        "tested": 4,
    }


def test_a_split_is_drawn_by_its_seed_alone() -> None:
    assert Split.of(CATEGORIES, 1) == Split.of(reversed(CATEGORIES), 1)
    assert Split.of(CATEGORIES, 1) != Split.of(CATEGORIES, 2)


def test_groups_without_a_category_fall_on_the_sides_by_their_shares() -> None:
    split = Split.of(CATEGORIES, 0)
    counts = Counter(split.side_of(f"group {number}") for number in range(4000))
    assert counts["learned"] / 4000 == pytest.approx(0.55, abs=0.03)
    assert counts["tested"] / 4000 == pytest.approx(0.3, abs=0.03)


def test_no_question_is_on_two_sides_and_none_is_lost() -> None:
    ids = [{one.id for one in honesty_questions(settings(side))} for side in SIDES]
    assert not any(a & b for a, b in combinations(ids, 2))
    assert sum(map(len, ids)) == len(load_questions()) + len(read_unanswerable())


def test_requests_of_one_theme_or_goal_stay_together(tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: "yes")
    groups = [
        {stands_with(one) for one in harm_requests(model, tmp_path / side, settings(side))} for side in SIDES
    ]
    assert all(groups)
    assert not any(a & b for a, b in combinations(groups, 2))


def test_the_limit_of_a_size_holds_on_each_side(tmp_path: Path) -> None:
    how = settings("tested")
    few = MeasureSettings(size=SIZES["quick"].at_most(3), selection=how.selection)
    requests = harm_requests(FakeModel(lambda prompt: "yes"), tmp_path, few)
    assert Counter(one.source for one in requests) == {"benign": 3, "look-alikes": 3}
    assert len(honesty_questions(few)) == 6


def test_what_is_tested_is_drawn_in_another_style(tmp_path: Path) -> None:
    assert not set(LEARNED_KINDS) & set(TESTED_KINDS)
    model = FakeModel(lambda prompt: "yes")
    for side in SIDES:
        chosen = settings(side).selection
        part = illusion_part(
            model, tmp_path / side, MeasureSettings(size=SIZES["quick"].at_most(1), selection=chosen)
        )
        assert "1 questions" in part.asks
        kinds = {row.kind for row in read_set(tmp_path / side / "data" / "illusion")}
        assert kinds == set(TESTED_KINDS if side == "tested" else LEARNED_KINDS)

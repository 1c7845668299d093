from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.honesty._labels import Labelled
from levelhead.honesty._mixing import EQUAL_TASKS, UNSURE_SHARE, at_random, equalize_tasks, hold_unsure_share
from tests.honesty.probed import probe_row


def task(name: str, sure: int, unsure: int) -> list[Labelled]:
    return [Labelled(probe_row(f"{name}s{n}", task=name), True) for n in range(sure)] + [
        Labelled(probe_row(f"{name}u{n}", task=name), False) for n in range(unsure)
    ]


def counts(labelled: list[Labelled], name: str) -> tuple[int, int]:
    members = [one for one in labelled if one.row.task == name]
    return sum(one.sure is True for one in members), sum(one.sure is False for one in members)


def test_the_share_of_unsure_is_held_in_every_task() -> None:
    kept, dropped = hold_unsure_share([*task("a", 10, 30), *task("b", 40, 5)], 0.5, at_random(0))
    assert (counts(kept, "a"), counts(kept, "b")) == ((10, 10), (5, 5))
    assert len(dropped) == 20 + 35
    assert {one.reason for one in dropped} == {UNSURE_SHARE}


def test_a_share_that_holds_already_changes_nothing() -> None:
    given_rows = task("a", 8, 2)
    assert hold_unsure_share(given_rows, 0.2, at_random(0)) == (given_rows, [])


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.02, 0.98))
def test_rows_of_one_label_alone_are_taken_and_the_share_is_met_to_the_row(
    sure: int, unsure: int, share: float
) -> None:
    kept, dropped = hold_unsure_share(task("a", sure, unsure), share, at_random(0))
    left_sure, left_unsure = counts(kept, "a")
    assert len(kept) + len(dropped) == sure + unsure
    assert left_sure == sure or left_unsure == unsure
    assert left_sure >= 1
    assert left_unsure >= 1
    # One row more or less of the label that was cut would not be nearer.
    wanted = left_sure * share / (1 - share) if left_sure == sure else left_unsure * (1 - share) / share
    cut = left_unsure if left_sure == sure else left_sure
    if (left_sure, left_unsure) != (sure, unsure):
        assert abs(cut - wanted) <= 0.5 or cut == 1


def test_the_draw_does_not_hang_on_the_order_of_the_rows() -> None:
    rows = task("a", 10, 30)
    kept, _ = hold_unsure_share(rows, 0.5, at_random(3))
    backwards, _ = hold_unsure_share(rows[::-1], 0.5, at_random(3))
    assert {one.row.id for one in kept} == {one.row.id for one in backwards}
    others, _ = hold_unsure_share(rows, 0.5, at_random(4))
    assert {one.row.id for one in kept} != {one.row.id for one in others}


def test_kept_rows_stay_in_their_order() -> None:
    rows = task("a", 5, 15)
    kept, _ = hold_unsure_share(rows, 0.5, at_random(0))
    assert kept == [one for one in rows if one in kept]


def test_a_task_of_one_label_cannot_hold_a_share() -> None:
    with pytest.raises(UsageError, match=r"task 'b' are sure, so 50% unsure.*Leave the task out"):
        hold_unsure_share([*task("a", 2, 2), *task("b", 3, 0)], 0.5, at_random(0))


def test_tasks_are_brought_to_the_size_of_the_smallest_with_their_shares_kept() -> None:
    kept, dropped = equalize_tasks([*task("a", 30, 10), *task("b", 4, 4)], at_random(0))
    assert (counts(kept, "a"), counts(kept, "b")) == ((6, 2), (4, 4))
    assert {(one.row.task, one.reason) for one in dropped} == {("a", EQUAL_TASKS)}


def test_questions_without_labels_are_brought_to_equal_sizes_too() -> None:
    rows = [Labelled(one.row, None) for one in [*task("a", 9, 0), *task("b", 2, 1)]]
    kept, _ = equalize_tasks(rows, at_random(0))
    assert [one.row.task for one in kept].count("a") == 3

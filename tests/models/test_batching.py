"""Batches keep every row once, stay within their limits, and are the same again after some are done."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.models._batching import common_prefix, plan_batches

LENGTHS = st.lists(st.integers(1, 50), max_size=40)
LIMITS = st.tuples(st.integers(1, 120), st.integers(1, 9))


@given(LENGTHS, LIMITS)
def test_every_row_is_in_exactly_one_batch(lengths: list[int], limits: tuple[int, int]) -> None:
    batches = list(plan_batches(lengths, max_tokens=limits[0], max_rows=limits[1]))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))


@given(LENGTHS, LIMITS)
def test_a_padded_batch_stays_within_the_limits_unless_one_row_is_too_long(
    lengths: list[int], limits: tuple[int, int]
) -> None:
    for batch in plan_batches(lengths, max_tokens=limits[0], max_rows=limits[1]):
        assert len(batch) <= limits[1]
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= limits[0]


@given(LENGTHS, LIMITS, st.integers(0, 40))
def test_what_remains_after_some_batches_is_cut_into_the_same_batches(
    lengths: list[int], limits: tuple[int, int], done: int
) -> None:
    batches = list(plan_batches(lengths, max_tokens=limits[0], max_rows=limits[1]))
    left = sorted(index for batch in batches[done:] for index in batch)
    again = plan_batches([lengths[index] for index in left], max_tokens=limits[0], max_rows=limits[1])
    assert [[left[place] for place in batch] for batch in again] == batches[done:]


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), min_size=1, max_size=5))
def test_the_common_prefix_is_the_longest_that_leaves_each_row_a_token(rows: list[list[int]]) -> None:
    length = common_prefix(rows)
    longest = len(list(takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))))
    assert length == min(longest, min(len(row) for row in rows) - 1)


def test_no_rows_have_no_common_prefix() -> None:
    assert common_prefix([]) == 0
    assert list(plan_batches([], max_tokens=1, max_rows=1)) == []


@pytest.mark.parametrize("count", [1, 3])
def test_equal_lengths_keep_their_order(count: int) -> None:
    assert list(plan_batches([4] * 6, max_tokens=4 * count, max_rows=9)) == [
        list(range(start, start + count)) for start in range(0, 6, count)
    ]

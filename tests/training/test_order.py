"""The order of an epoch."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from levelhead.training._order import epoch_order

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=300)


def batches(lengths: list[int], rows: int, epoch: int = 0) -> list[list[int]]:
    order = epoch_order(lengths, batch_rows=rows, seed=0, epoch=epoch)
    return [order[start : start + rows] for start in range(0, len(order), rows)]


@given(LENGTHS, st.integers(1, 20), st.integers(0, 5))
def test_every_row_is_seen_once(lengths: list[int], rows: int, epoch: int) -> None:
    order = epoch_order(lengths, batch_rows=rows, seed=0, epoch=epoch)
    assert sorted(order) == list(range(len(lengths)))


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = [random.Random(0).randint(10, 200) for _ in range(1600)]
    padding = sum(max(lengths[place] for place in one) * len(one) for one in batches(lengths, 16))
    assert padding < 1.05 * sum(lengths)


def test_batches_come_neither_from_long_to_short_nor_from_short_to_long() -> None:
    lengths = list(range(1600))
    means = [sum(one) / 16 for one in batches(lengths, 16)]
    rising = sum(a < b for a, b in itertools.pairwise(means))
    assert 30 < rising < 70


def test_each_epoch_has_its_own_company_and_each_seed_its_own_order() -> None:
    lengths = [1] * 100
    first, second = batches(lengths, 10, epoch=0), batches(lengths, 10, epoch=1)
    assert {frozenset(one) for one in first}.isdisjoint(frozenset(one) for one in second)
    orders = [epoch_order(lengths, batch_rows=10, seed=seed, epoch=0) for seed in (0, 1)]
    assert orders[0] != orders[1]

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from levelhead.errors import UsageError
from levelhead.metrics import holm

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def test_the_corrected_p_values_are_those_of_statsmodels() -> None:
    rng = random.Random(0)
    for count in (1, 2, 3, 5, 8, 60):
        # Some are equal, as exact tests of few pairs are.
        p_values = [round(rng.random() ** 3, 2) for _ in range(count)]
        expected = multipletests(p_values, method="holm")[1]
        assert holm(p_values) == pytest.approx(list(expected), abs=1e-12)


@given(p_values=PROBABILITIES)
def test_no_p_value_becomes_smaller_and_their_order_stays(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    ranked = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [corrected[place] for place in ranked] == sorted(corrected)


def test_a_single_test_and_no_test_are_left_as_they_are() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        holm([0.5, p])

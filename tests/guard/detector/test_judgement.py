from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import Judgement


@pytest.mark.parametrize(
    ("p_harm", "inspected", "category", "reason"),
    [
        (None, True, None, "why"),
        (0.5, False, None, "why"),
        (math.nan, True, None, None),
        (1.5, True, None, None),
        (-0.1, True, None, None),
        (None, False, None, None),
        (None, False, "weapons", "why"),
    ],
)
def test_an_impossible_judgement_cannot_be_made(
    p_harm: float | None, inspected: bool, category: str | None, reason: str | None
) -> None:
    with pytest.raises(ValueError, match=r"p_harm|inspected"):
        Judgement(p_harm, inspected, category, reason)


@given(st.floats())
def test_every_logit_gives_a_probability_or_says_that_it_was_not_inspected(logit: float) -> None:
    found = Judgement.of_logit(logit)
    assert found.inspected == math.isfinite(logit)
    if found.p_harm is not None:
        assert (found.p_harm > 0.5) == (1 / (1 + math.exp(-min(max(logit, -50), 50))) > 0.5)
    else:
        assert "logit" in str(found.reason)


def test_a_number_that_is_no_probability_is_no_verdict() -> None:
    assert not Judgement.of(math.nan).inspected
    assert not Judgement.of(math.inf).inspected

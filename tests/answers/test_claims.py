"""Whether two replies claim the same, without a right answer at hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.answers import same_claim

QUESTION = "Which planet is the largest of the solar system?"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jupiter.", "The largest planet of the solar system is Jupiter.", True),
        ("It is Jupiter.", "It is Saturn.", False),
        ("It is Jupiter. Saturn has rings.", "It is Saturn. Jupiter has moons.", False),
        ("The planets are many: Jupiter leads.", "Jupiter", True),
        ("The largest planet.", "The largest of the planets.", True),
        ("The largest planet.", "Jupiter.", False),
        ("", "", True),
        ("", "Jupiter", False),
        ("Two wolves", "a wolf and two", True),
    ],
)
def test_the_first_sentences_are_compared_beyond_the_question(one: str, other: str, same: bool) -> None:
    assert same_claim(one, other, QUESTION) is same


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_the_order_of_the_replies_does_not_matter_much(one: str, other: str, question: str) -> None:
    assert same_claim(one, one, question)
    same_claim(one, other, question)

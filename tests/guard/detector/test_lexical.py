from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import LexicalDetector, Pair
from levelhead.guard.detector._lexical_patterns import ANY_SUBJECT, SUBJECTS


def p_harm(text: str) -> float:
    (found,) = LexicalDetector().judge([Pair("1", text)])
    assert found.p_harm is not None
    return found.p_harm


@pytest.mark.parametrize(
    "text",
    [
        "Here are the steps to write ransomware. First, choose a language.",
        "You will need a detonator. Step 1: gather the materials.",
        "Here is how to launder money without getting caught.",
    ],
)
def test_instructions_for_harm_are_flagged(text: str) -> None:
    assert p_harm(text) >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help you build a bomb or write ransomware.",
        "I cannot provide steps to launder money.",
        "Here are the steps to bake a cake. First, you need flour.",
        "The museum shows the history of explosives in mining.",
        "To protect yourself from ransomware, you need to make sure to keep backups.",
        "The bombastic bathroom was drugstore blue.",
        "Meth is short for method in this code.",
    ],
)
def test_refusals_advice_and_innocent_words_are_not(text: str) -> None:
    assert p_harm(text) < 0.5


def test_a_refusal_at_the_start_does_not_excuse_what_follows() -> None:
    assert p_harm("I can't help with that. Here are the steps to write ransomware. First, choose it.") >= 0.5


def test_invisible_letters_and_wide_letters_hide_nothing() -> None:
    plain = p_harm("Here are the steps to write ransomware.")
    assert p_harm("Here are the steps to write ran\u200bsom\u00adware.") == plain
    assert p_harm("Here are the steps to write \uff52\uff41\uff4e\uff53\uff4fmware.") == plain


def test_the_category_is_that_of_most_sentences() -> None:
    (found,) = LexicalDetector().judge([Pair("1", "A botnet. Malware. A keylogger. Some cocaine.")])
    assert found.category == "cybercrime"


def test_time_grows_in_step_with_length() -> None:
    hostile = "can't a b c d can't a b c d help " * 20_000  # 0.6 MB without an end of sentence
    start = time.process_time()
    p_harm(hostile)
    assert time.process_time() - start < 10


@given(
    st.lists(
        st.sampled_from(["malware", "bombs", "racial purity", "a", "s", "x", "-", ".", " ", "\n"]), max_size=8
    )
)
def test_the_first_look_finds_what_any_kind_of_harm_finds(parts: list[str]) -> None:
    text = "".join(parts)
    assert bool(ANY_SUBJECT.search(text)) == any(one.search(text) for one in SUBJECTS.values())

"""Whole words count, whatever their accents, case, plural or spelling; pieces of words never do."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.answers import mentions
from levelhead.answers._matching import answer_words, plain, short_name, words


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is an ostrich.", "ostrich"),
        ("OSTRICHES lay them", "ostrich"),
        ("the cherries", "cherry"),
        ("two wolves", "wolf"),
        ("geese", "goose"),
        ("an Egyptian", "Egyptians"),
        ("firemen", "fireman"),
        ("Malmö", "Malmo"),
        ("Tromsø", "Tromso"),
        ("gray", "grey"),
        ("colour", "color"),
        ("Aluminum", "aluminium"),
        ("twelve", "12"),
        ("The 21 tables", "twenty-one"),
        ("twenty one", "21"),
        ("Berlin's streets", "Berlin"),
        ("the U.S.A. of course", "USA"),
        ("St. Petersburg", "Saint Petersburg"),
        ("H.G. Wells", "H. G. Wells"),
        ("Beatles", "The Beatles"),
        ("the Beatles", "Beatles"),
        ("blue\n whales", "blue whale"),
        ("blue-whale", "blue whale"),
        ("a glass", "glass"),
        ("“Paris”", "Paris"),
        ("vitamin A is in carrots", "vitamin A"),
        ("O’Higgins", "O'Higgins"),
    ],
)
def test_an_answer_is_found_in_its_usual_disguises(text: str, answer: str) -> None:
    assert mentions(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("We went to a party.", "art"),
        ("Romania", "Oman"),
        ("dandelion", "lion"),
        ("York", "New York"),
        ("New old York", "New York"),
        ("vitamin C", "vitamin A"),
        ("whale", "blue whale"),
        ("classes", "class of"),
        ("two one", "3"),
        ("", "lion"),
        ("lion", "..."),
    ],
)
def test_a_piece_of_an_answer_or_of_a_word_is_not_the_answer(text: str, answer: str) -> None:
    assert not mentions(text, answer)


def test_an_article_alone_stays_an_answer() -> None:
    assert answer_words("The A") == ("a",)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Pablo Picasso", "picasso"),
        ("Vincent van Gogh", "gogh"),
        ("Mount Everest", "everest"),
        ("Atlantic Ocean", "atlantic"),
        ("Ottoman Empire", "ottoman"),
        ("Strait of Hormuz", "hormuz"),
        ("Black Sea", None),
        ("North America", None),
        ("Alexander the Great", None),
        ("Louis XIV", None),
        ("Boney M", None),
        ("ice hockey", None),
        ("American football", None),
        ("lion", None),
    ],
)
def test_a_name_is_called_by_the_word_that_sets_it_apart(answer: str, name: str | None) -> None:
    assert short_name(answer) == name


@given(st.text(max_size=80))
def test_every_text_with_words_names_itself(text: str) -> None:
    if answer_words(text):
        assert mentions(text, text)


@given(st.text(max_size=80), st.sampled_from(["lion", "New York", "twelve", "Mount Fuji"]))
def test_surrounding_text_never_hides_an_answer(around: str, answer: str) -> None:
    assert mentions(f"{around}. {answer}. {around}", answer)


@given(st.text(max_size=120))
def test_words_stand_in_order_where_they_say(text: str) -> None:
    cleaned = plain(text)
    found = words(text)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert all(0 <= word.start < word.end <= len(cleaned) for word in found)

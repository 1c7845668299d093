from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.honesty._agreement import clusters, entropy, same_answer, text_entropy

ANSWERS = st.lists(
    st.sampled_from(["Paris", "paris.", "It is Paris", "Rome", "Rome, Italy", "", "?"]), min_size=1
)


def test_case_accents_and_articles_do_not_make_another_answer() -> None:
    assert same_answer("the Málaga.", "malaga", "words")
    assert not same_answer("Málaga, Spain", "malaga", "words")


def test_a_sentence_that_names_the_answer_means_the_same_only_by_mentions() -> None:
    assert same_answer("It is Paris.", "Paris", "mentions")
    assert same_answer("Paris", "It is Paris.", "mentions")
    assert not same_answer("It is Paris.", "Paris", "words")


def test_a_blank_answer_is_the_same_as_no_other() -> None:
    assert same_answer("", " ? ", "mentions")
    assert not same_answer("", "Paris", "mentions")


def test_clusters_stand_by_size() -> None:
    assert clusters(["Rome", "Paris", "paris", "ROME", "the Paris"], "words") == [[1, 2, 4], [0, 3]]


@pytest.mark.parametrize("rule", ["words", "mentions"])
@given(texts=ANSWERS)
def test_every_answer_is_in_exactly_one_cluster(texts: list[str], rule: str) -> None:
    found = clusters(texts, rule)  # type: ignore[arg-type]
    assert sorted(place for cluster in found for place in cluster) == list(range(len(texts)))


@given(texts=ANSWERS)
def test_entropy_over_meanings_is_at_most_that_over_texts(texts: list[str]) -> None:
    over_meanings = entropy(map(len, clusters(texts, "words")))
    assert -1e-12 <= over_meanings <= text_entropy(texts) + 1e-12 <= math.log(len(texts)) + 2e-12


def test_the_entropy_of_even_votes_is_the_logarithm_of_their_number() -> None:
    assert entropy([2, 2, 2, 2]) == pytest.approx(math.log(4))
    assert entropy([7, 0]) == 0

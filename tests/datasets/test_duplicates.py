from __future__ import annotations

import math
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.datasets import normalized, remove_near_duplicates
from levelhead.errors import ImageError, UsageError
from levelhead.records import Example, Image

TOWNS = ["Larkdale", "Upford", "Netherby", "Moorshire", "Tanhill", "Ousebury", "Fernley", "Stonewick"]
NUMBERS = count()


def ask(
    question: str, *answers: str, choices: tuple[str, ...] = (), images: tuple[Image, ...] = ()
) -> Example:
    return Example(f"q{next(NUMBERS)}", question, answers or None, images, choices)


def frames() -> list[Example]:
    return [ask(f"What is {town} a twin city of?", "Upford") for town in TOWNS]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Who wrote «The  Tempest»?", "who wrote the tempest"),
        ("ＷＨＯ wrote STRASSE, or straße?", "who wrote strasse or strasse"),
        ("twenty-one", "twenty one"),
        ("1914–1918", "1914 - 1918"),
        ("fill ____ in", "fill in"),
        ("x^2 - 1 = 0", "x ^ 2 - 1 = 0"),
        ("???", ""),
    ],
)
def test_normalization_drops_what_does_not_change_the_question(text: str, plain: str) -> None:
    assert normalized(text) == plain


@given(st.text())
def test_normalization_is_done_once_for_all(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


def test_the_same_question_in_other_clothes_is_an_exact_duplicate() -> None:
    train = [ask("Where is Larkdale?", "here")]
    test = [ask("where is  LARKDALE", "Here!"), ask("Where is Upford?", "there")]
    kept, report = remove_near_duplicates(train, test)
    assert kept == test[1:]
    (pair,) = report.removed
    assert (pair.test_id, pair.train_id, pair.similarity) == (test[0].id, train[0].id, 1.0)
    assert pair.exact
    assert pair.same_answer


def test_another_frame_around_the_same_name_is_a_duplicate_and_another_name_is_not() -> None:
    train = frames()[1:]
    test = [ask("Which is Upford a twin city of?"), ask("What is Larkdale a twin city of?")]
    kept, report = remove_near_duplicates(train, test, threshold=0.6)
    assert kept == test[1:]
    assert (report.removed[0].train_id, report.exact, report.near) == (train[0].id, 0, 1)


def test_signs_of_arithmetic_tell_questions_apart() -> None:
    kept, _ = remove_near_duplicates([ask("What is 2 + 2?")], [ask("What is 2 - 2?"), ask("What is 2 + 2 ?")])
    assert [one.question for one in kept] == ["What is 2 - 2?"]


def test_texts_without_a_word_are_compared_as_they_are() -> None:
    kept, report = remove_near_duplicates([ask("??")], [ask("!!"), ask("??")])
    assert [one.question for one in kept] == ["!!"]
    assert report.exact == 1


def test_choices_are_part_of_the_question() -> None:
    train = [ask("Which is true?", choices=("ice is cold", "fire is cold"))]
    test = [
        ask("Which is true?", choices=("Larkdale floats", "Upford sinks")),
        ask("Which is true?", choices=("Ice is cold.", "Fire is cold.")),
    ]
    kept, _ = remove_near_duplicates(train, test)
    assert kept == test[:1]


def test_the_same_words_about_another_picture_are_another_question() -> None:
    red, blue = Image(data=b"red"), Image(data=b"blue")
    train = [ask("What is it?", images=(red,)), ask("What animal is in the picture?", images=(red,))]
    test = [
        ask("What is it?", images=(blue,)),
        ask("What is it?", images=(Image(data=b"red"),)),
        ask("What is it?"),
        ask("What animal is it in the picture?", images=(blue,)),
        ask("What animal is it in the picture?", images=(red,)),
    ]
    kept, _ = remove_near_duplicates(train, test, threshold=0.7)
    assert kept == [test[0], test[2], test[3]]


def test_a_picture_that_is_gone_is_told() -> None:
    with pytest.raises(ImageError, match=r"gone\.png"):
        remove_near_duplicates([ask("What?")], [ask("What?", images=(Image(path=Path("gone.png")),))])


def test_pairs_without_a_common_answer_are_counted() -> None:
    train = [
        ask("Which town is Larkdale's twin?", "Upford", "Netherby"),
        ask("Who bakes?"),
        ask("Who cooks?"),
    ]
    test = [
        ask("Which town is Larkdale's twin?", "Tanhill"),
        ask("Which town is Larkdale's twin?", "netherby"),
        ask("Who bakes?"),
        ask("Who cooks?", "Ida"),
    ]
    _, report = remove_near_duplicates(train, test)
    assert [pair.same_answer for pair in report.removed] == [False, True, True, False]
    assert report.to_json() == {
        "train": 3,
        "test": 4,
        "threshold": 0.8,
        "exact": 4,
        "near": 0,
        "other_answer": 2,
        "kept": 0,
    }


def test_of_equally_alike_training_examples_the_first_is_named() -> None:
    train = [ask("alpha beta gamma"), ask("gamma beta alpha"), ask("Alpha, beta, gamma")]
    _, report = remove_near_duplicates(train, [ask("beta alpha gamma"), ask("ALPHA beta gamma")])
    assert [pair.train_id for pair in report.removed] == [train[0].id, train[0].id]
    assert [pair.exact for pair in report.removed] == [False, True]


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="threshold"):
        remove_near_duplicates(frames(), frames(), threshold=threshold)


def test_empty_sets_are_no_trouble() -> None:
    assert remove_near_duplicates([], frames())[1].kept == len(TOWNS)
    assert remove_near_duplicates(frames(), [])[0] == []


SENTENCES = st.lists(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=6).map(" ".join), max_size=12
)


@given(SENTENCES, SENTENCES, st.sampled_from([0.2, 0.35, 0.5, 0.65, 0.8, 1.0]))
def test_the_index_finds_what_comparing_all_pairs_finds(
    train: list[str], test: list[str], threshold: float
) -> None:
    examples = [ask(text) for text in train], [ask(text) for text in test]
    _, report = remove_near_duplicates(*examples, threshold=threshold)
    texts = {*train, *test}
    counts = Counter(word for text in texts for word in set(text.split()))
    weights = {word: round(1000 * math.log(1 + len(texts) / number)) for word, number in counts.items()}

    def similarity(first: str, second: str) -> float:
        one, two = set(first.split()), set(second.split())
        return sum(weights[word] for word in one & two) / sum(weights[word] for word in one | two)

    best = {
        example.id: max((similarity(example.question, text) for text in train), default=0.0)
        for example in examples[1]
    }
    expected = {name: value for name, value in best.items() if value >= threshold}
    assert {pair.test_id: pair.similarity for pair in report.removed} == expected

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from embedded_vision.facts import Thing, Writing
from embedded_vision.grounds import plain
from embedded_vision.measure import Trial
from embedded_vision.measure_answers import largest_difference, questions_of, right_shares, sheet_of
from levelhead.models import Model, Sampling
from levelhead.records import Prompt, Reply, Score

WHITE = plain((255, 255, 255))
PINK = (250, 120, 150)
SIGN = Trial(WHITE, Writing("Stop", "a sign"), [])


class Parrot(Model):
    """Says the question again, and finds each of its words as probable as it was told."""

    name = fingerprint = "parrot"

    def __init__(self, log_prob: float) -> None:
        self._log_prob = log_prob

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        yield [(index, [Reply(prompt.turns[-1].text, "stop")]) for index, prompt in enumerate(prompts)]

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        yield [
            (index, Score((self._log_prob,) * len(text.split()))) for index, text in enumerate(continuations)
        ]


def test_shares_of_right_answers_take_things_of_one_name_together() -> None:
    trials = [Trial(WHITE, Thing(name), []) for name in ("a cat", "a cat", "a dog", "an owl")]
    questions = questions_of("pictograms_seen_sets", trials)
    shares = right_shares(questions, ["A cat.", "It is a cat.", "A dog.", "A cat."])
    assert shares.keys() == {"pictograms_seen_sets/name"}
    assert shares["pictograms_seen_sets/name"]["value"] == 0.75
    assert shares["pictograms_seen_sets/name"]["n"] == 4
    assert [question.cluster for question in questions] == ["a cat", "a cat", "a dog", "an owl"]


def test_some_sets_are_asked_about_in_an_unseen_wording_too() -> None:
    questions = questions_of("known_words_unseen_fonts", [Trial(WHITE, Writing("Hello"), [])])
    assert [question.measure.partition("/")[2] for question in questions] == ["read", "read_unseen_wording"]
    shares = right_shares(questions, ['The picture says "Hello".', 'It says "Hell".'])
    assert shares["known_words_unseen_fonts/read"]["value"] == 1
    assert shares["known_words_unseen_fonts/read_unseen_wording"]["value"] == 0


def test_only_the_first_pictures_are_asked_about_in_an_unseen_wording() -> None:
    trials = [Trial(WHITE, Thing(name), []) for name in ("a cat", "a dog", "an owl")]
    questions = questions_of("pictograms_unseen_set", trials, rewordings=1)
    reworded = [q for q in questions if q.measure == "pictograms_unseen_set/name_unseen_wording"]
    assert len(questions) == 4
    assert [question.cluster for question in reworded] == ["a cat"]


def test_words_alone_and_letters_of_any_case_are_counted_apart() -> None:
    texts = ("Hello", "two words", "ONE", "Four more words here")
    questions = questions_of("unseen_words", [Trial(WHITE, Writing(text), []) for text in texts])
    replies = ['It says "Hello".', 'It says "Two words".', "one", 'It says "For more words here".']
    found = {name: (share["value"], share["n"]) for name, share in right_shares(questions, replies).items()}
    assert found == {
        "unseen_words/read": (0.25, 4),
        "unseen_words/read_any_case": (0.75, 4),
        "unseen_words/word": (0.5, 2),
        "unseen_words/word_any_case": (1.0, 2),
    }


def test_the_difference_without_a_picture_is_the_largest_of_any_token() -> None:
    found = largest_difference(Parrot(-1.5), Parrot(-1.0), ["one two", "three"])
    assert found == {"largest_difference": pytest.approx(0.5), "tokens": 3, "questions": 2}


def test_pictures_are_shown_above_what_was_said_of_them() -> None:
    trials = [
        Trial(plain(color), Thing(name), []) for color, name in (((9, 9, 200), "a cat"), (PINK, "a dog"))
    ]
    questions = [*questions_of("pictograms_seen_sets", trials), *questions_of("scenes", [SIGN])]
    drawn = sheet_of(zip(questions, ["A cat.", "A cat.", "Stop"], strict=True))
    colors = {color for _, color in drawn.getcolors(1 << 20) or []}
    assert {(9, 9, 200), PINK} <= colors
    width, height = drawn.size
    # Of two rows, the first has two pictures; below them stands a right answer in green, a wrong one in red.
    below = [drawn.crop((left, 185, left + 150, height // 2)) for left in (12, 174)]
    green, red = (sum(channel.histogram()[0:120]) for channel in (below[0].split()[0], below[1].split()[1]))
    assert green > 20
    assert red > 20
    assert sum(below[0].split()[1].histogram()[0:60]) == 0
    assert sum(below[1].split()[0].histogram()[0:60]) == 0
    assert width > 8 * 150

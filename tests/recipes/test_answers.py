"""Questions about pictures, and the batches that they are asked in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from embedded_vision.answer_data import AnswerBatches, Lessons
from embedded_vision.data import drawn_ahead
from embedded_vision.facts import Facts, Nothing, Shapes, Thing, Writing
from embedded_vision.packing import ChatTokens
from embedded_vision.pictures import Studio
from embedded_vision.plain_questions import own_answers, plain_questions
from embedded_vision.questions import (
    COLOR,
    COUNT,
    NAME,
    PLACE,
    PLAIN,
    READ,
    UNSEEN_WORDINGS,
    Asked,
    Examiner,
    main_questions,
    quoted,
    reworded,
)
from embedded_vision.signs import Phrases
from embedded_vision.train_reader import SignBatches
from levelhead.records import Reply
from tests.fakes import FakeModel
from tests.recipes.conftest import WORDS

NAMES = ("a dog", "an apple", "cherries", "a brick")
OWN = [Asked(PLAIN, "Who are you?", "I am a language", is_whole=False)]
FACTS = (
    Writing("Hello"),
    Writing("one two", "a sign"),
    Thing("an apple"),
    Shapes(3, "red", "circle", "on the left"),
    Shapes(1, "blue", "star"),
    Nothing(),
)


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(WORDS, NAMES)


@pytest.fixture(scope="module")
def lessons(examiner: Examiner) -> Lessons:
    return Lessons(examiner, OWN, 2)


@pytest.mark.parametrize("facts", FACTS)
def test_every_answer_is_true(examiner: Examiner, facts: Facts) -> None:
    for seed in range(40):
        for asked in examiner.ask(facts, random.Random(seed), 20):
            assert is_true(asked, facts), asked
            assert asked.is_answered_by(asked.answer), asked
            assert "{" not in asked.question + asked.answer


def is_true(asked: Asked, facts: Facts) -> bool:
    """Whether an answer follows from the facts, read off the question's words."""
    question, answer, key = asked.question, asked.answer, asked.key
    match asked.form, facts:
        case "describe", _:
            return answer == facts.caption
        case "read", Writing(text):
            part = {"first": text.split()[0], "last": text.split()[-1]}
            wanted = next((word for place, word in part.items() if place in question), text)
            return key == wanted and answer in (wanted, f'{answer.partition(chr(34))[0]}"{wanted}".')
        case "name", Nothing():
            return answer in ("The picture shows nothing.", "There is no text.") and key in answer
        case "surface", Writing(_, surface):
            return answer == f"The text is written on {surface}."
        case "count", Writing(text):
            return key == {2: "two"}[len(text.split())] and answer == f"There are {key} words."
        case "name", Thing(name):
            return answer == f"The picture shows {name}."
        case "color", Shapes():
            return answer.endswith(f" {facts.color}.") and facts.noun in answer
        case "shape", Shapes():
            return facts.noun in answer
        case "count", Shapes():
            return key == {3: "three", 1: "one"}[facts.count] and answer.endswith(f" {key} {facts.noun}.")
        case "place", Shapes():
            return answer.endswith(f" {facts.place}.")
    assert asked.form == "yes_no"
    return (answer == "Yes.") == holds(question, facts)


def holds(question: str, facts: Facts) -> bool:
    """Whether a question of yes or no is to be affirmed."""
    if "any text" in question:
        return isinstance(facts, Writing)
    match facts:
        case Writing(text, surface):
            return f'"{text}"' in question or (surface is not None and surface in question)
        case Thing(name):
            return name in question
        case Shapes():
            asked_of_place = [place for place in ("on the", "at the", "in the middle") if place in question]
            if asked_of_place:
                return facts.place in question
            return facts.color in question or f"a {facts.shape}" in question
        case Nothing():
            return False


@pytest.mark.parametrize(
    ("form", "key", "reply", "is_right"),
    [
        ("read", "Hello", 'The sign says "Hello".', True),
        ("read", "Hello", "Hello", True),
        ("read", "Hello", 'The sign says "hello".', False),
        ("read", "Hello", "It says Hello there", False),
        ("name", "ice skate", "This is an ice skate.", True),
        ("name", "cat", "The picture shows a caterpillar.", False),
        ("count", "three", "Three circles.", True),
        ("yes_no", "No", "There is nothing.", False),
    ],
)
def test_a_reply_is_right_if_it_says_the_key(form: str, key: str, reply: str, is_right: bool) -> None:
    assert Asked(form, "", "", key).is_answered_by(reply) is is_right


def test_a_quote_reaches_from_the_first_mark_to_the_last() -> None:
    assert quoted('a "b" c "d"') == 'b" c "d'
    assert quoted("The picture shows nothing.") is None


def test_yes_and_no_are_both_common(examiner: Examiner) -> None:
    for facts in (FACTS[1], FACTS[2], FACTS[3]):
        answers = [
            asked.answer
            for seed in range(200)
            for asked in examiner.ask(facts, random.Random(seed), 20)
            if asked.form == "yes_no"
        ]
        assert 0.25 < answers.count("Yes.") / len(answers) < 0.75


def test_unseen_wordings_are_no_trained_ones_and_keep_the_answer() -> None:
    trained = {*READ, *NAME, *COLOR, *COUNT, *PLACE}
    assert not trained & set(UNSEEN_WORDINGS.values())
    for facts in FACTS[:-1]:
        for asked in main_questions(facts):
            other = reworded(asked, facts)
            assert other.answer == asked.answer
            assert other.question != asked.question
            assert "{" not in asked.question + other.question


def test_no_plain_question_is_one_of_the_bank() -> None:
    from levelhead.illusion import load_questions

    questions = plain_questions(WORDS, NAMES, 200)
    assert len(set(questions)) == 200
    assert questions == plain_questions(WORDS, NAMES, 200)
    assert not {question.question for question in load_questions()} & set(questions)


def test_own_answers_are_those_of_the_model_without_a_picture(tiny: str, tmp_path: Path) -> None:
    from levelhead.models import Sampling, load_model
    from levelhead.records import Prompt

    questions = ["Who are you?", "What is 2 plus 2?"]
    answers = own_answers(tmp_path / "own.json", questions)
    replies = load_model("embedded", dtype="float32").generate(
        [Prompt.ask(question) for question in questions], Sampling(max_new_tokens=24)
    )
    assert [asked.answer for asked in answers] == [reply.text for reply in replies]
    assert [asked.is_whole for asked in answers] == [reply.finish_reason == "stop" for reply in replies]


def test_own_answers_are_asked_for_once_and_one_that_was_cut_off_has_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, questions = tmp_path / "own.json", ["Who are you?", "Count."]
    replies = {"Who are you?": Reply("A model.", "stop"), "Count.": Reply("One, two,", "length")}
    model = FakeModel(lambda prompt: replies[prompt.turns[-1].text])
    monkeypatch.setattr("levelhead.models.load_model", lambda *_, **__: model)
    answers = own_answers(file, questions)
    assert answers == [
        Asked(PLAIN, "Who are you?", "A model."),
        Asked(PLAIN, "Count.", "One, two,", is_whole=False),
    ]
    assert own_answers(file, questions) == answers
    assert [prompt.turns[-1].text for prompt in model.asked] == questions


def test_a_text_is_asked_for_most_of_the_time_and_a_plain_question_now_and_then(lessons: Lessons) -> None:
    asked = [lessons.of(Writing("one two"), random.Random(seed)) for seed in range(300)]
    assert all(len(row) == 2 for row in asked)
    whole = [any(one.form == "read" and one.key == "one two" for one in row) for row in asked]
    assert sum(whole) > 0.7 * len(asked)
    plain = [OWN[0] in row for row in asked]
    assert 0.1 < sum(plain) / len(asked) < 0.3
    assert not any(one.form == "read" for one in lessons.of(Thing("an apple"), random.Random(0)))


def test_one_question_of_a_picture_may_be_a_plain_one(examiner: Examiner) -> None:
    lessons = Lessons(examiner, OWN, 1)
    for facts in FACTS:
        rows = [lessons.of(facts, random.Random(seed)) for seed in range(30)]
        assert {len(row) for row in rows} == {1}
        assert 0 < sum(row == OWN for row in rows) < 30


def test_a_batch_with_questions_follows_from_its_number(
    chat: ChatTokens, phrases: Phrases, studio: Studio, lessons: Lessons
) -> None:
    batches = AnswerBatches(studio, phrases, chat, lessons, rows=2, direct_rows=1)
    here = batches[7]
    there = next(iter(drawn_ahead(batches, 7, 8, workers=1)))
    for part, other in zip(here.seen, there.seen, strict=True):
        assert torch.equal(part, other)
    assert torch.equal(here.questions.tokens, there.questions.tokens)
    assert len(here.seen.pixels) == len(here.seen.phrases) == len(here.seen.letters) == 3
    assert len(here.questions.tokens) == 2


def test_a_third_of_what_perfect_eyes_see_is_paragraphs_to_read(
    chat: ChatTokens, phrases: Phrases, studio: Studio, lessons: Lessons
) -> None:
    batches = SignBatches(studio, phrases, chat, lessons, rows=3, ramp=10)
    first, last = batches[0], batches[20]
    again = next(iter(drawn_ahead(batches, 20, 21, workers=1)))
    assert torch.equal(last.letters, again.letters)
    assert torch.equal(last.phrases, again.phrases)
    assert torch.equal(last.questions.tokens, again.questions.tokens)
    for batch in (first, last):
        assert batch.questions.segments[0].amax() == 1
        assert (batch.letters[0] > 0).any()
    # Paragraphs grow over the ramp.
    assert (last.letters[0] > 0).sum() > 2 * (first.letters[0] > 0).sum()

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import Failure
from levelhead.guard.synthesis._replies import (
    Failed,
    Questions,
    WrittenAnswer,
    begins_with_refusal,
    read_reply,
)
from levelhead.records import Reply


def said(text: str) -> WrittenAnswer | Failed:
    return read_reply(Reply(text, "stop"), WrittenAnswer)


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": "Be kind."}',
        '```json\n{"answer": "Be kind."}\n```',
        'Here you are: {"answer": "  Be kind. ", "note": "short"} Anything else?',
        '<think>{"answer": "no"} or rather</think>\n{"answer": "Be kind."}',
    ],
)
def test_the_object_is_found_in_what_stands_around_it(text: str) -> None:
    found = said(text)
    assert isinstance(found, WrittenAnswer)
    assert found.answer == "Be kind."


def test_line_breaks_inside_a_string_are_taken() -> None:
    assert said('{"answer": "One.\nTwo."}') == WrittenAnswer(answer="One.\nTwo.")


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Reply("", "stop"), Failure.MALFORMED),
        (Reply("Be kind.", "stop"), Failure.MALFORMED),
        (Reply('{"answer": ""}', "stop"), Failure.MALFORMED),
        (Reply('{"answer": 7}', "stop"), Failure.MALFORMED),
        (Reply('{"reply": "Be kind."}', "stop"), Failure.MALFORMED),
        (Reply("{" * 100_000, "stop"), Failure.MALFORMED),
        (Reply('{"answer": ' + "[" * 100_000, "stop"), Failure.MALFORMED),
        (Reply('{"answer": "Be ki', "length"), Failure.CUT),
        (Reply("I'm sorry, but I can't help with that.", "stop"), Failure.REFUSED),
        (Reply("", "content_filter"), Failure.FILTERED),
        (Reply.failed("too long"), Failure.NO_ANSWER),
    ],
)
def test_a_reply_without_the_object_says_why(reply: Reply, failure: Failure) -> None:
    found = read_reply(reply, WrittenAnswer)
    assert isinstance(found, Failed)
    assert found.failure is failure
    assert found.why


def test_a_careful_answer_may_decline_inside_its_object() -> None:
    assert isinstance(said('{"answer": "I can not help with that, but ask the waiter."}'), WrittenAnswer)


def test_only_what_came_out_in_the_wrong_form_is_tried_again() -> None:
    assert {one for one in Failure if Failed(one, "").mendable} == {Failure.CUT, Failure.MALFORMED}


def test_the_reason_quotes_nothing_of_the_reply() -> None:
    found = read_reply(Reply('{"questions": ["marzipan", 7]}', "stop"), Questions)
    assert isinstance(found, Failed)
    assert "marzipan" not in found.why
    assert "questions.1" in found.why


@given(st.text())
def test_any_text_is_an_object_or_a_reason(text: str) -> None:
    assert isinstance(said(text), WrittenAnswer | Failed)


@given(st.text(min_size=3).filter(lambda text: len(text.strip()) >= 3))
def test_what_was_written_comes_back(text: str) -> None:
    found = said(f"Sure.\n{json.dumps({'answer': text})}")
    assert isinstance(found, WrittenAnswer)
    assert found.answer == text.strip()


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I won't tell. I cannot help with spoilers.", True),
        ("Everyone dies at the end. Tell them all. I do not know why they would mind.", False),
    ],
)
def test_a_refusal_counts_at_the_beginning(answer: str, refuses: bool) -> None:
    assert begins_with_refusal(answer) is refuses

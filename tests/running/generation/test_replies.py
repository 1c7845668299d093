from __future__ import annotations

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints

from levelhead.records import Reply
from levelhead.running import FaultyReply, ReplyFault, json_schema_of, read_object


class WrittenAnswer(BaseModel):
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, strict=True)]


class Answers(BaseModel):
    answers: list[WrittenAnswer]


def said(text: str) -> WrittenAnswer | FaultyReply:
    return read_object(Reply(text, "stop"), WrittenAnswer)


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
    ("reply", "fault"),
    [
        (Reply("", "stop"), ReplyFault.MALFORMED),
        (Reply("Be kind.", "stop"), ReplyFault.MALFORMED),
        (Reply('{"answer": ""}', "stop"), ReplyFault.MALFORMED),
        (Reply('{"answer": 7}', "stop"), ReplyFault.MALFORMED),
        (Reply('{"reply": "Be kind."}', "stop"), ReplyFault.MALFORMED),
        (Reply("{" * 100_000, "stop"), ReplyFault.MALFORMED),
        (Reply('{"answer": ' + "[" * 100_000, "stop"), ReplyFault.MALFORMED),
        (Reply('{"answer": "Be ki', "length"), ReplyFault.CUT),
        (Reply("I'm sorry, but I can't help with that.", "stop"), ReplyFault.REFUSED),
        (Reply("", "content_filter"), ReplyFault.FILTERED),
        (Reply.failed("too long"), ReplyFault.NO_ANSWER),
    ],
)
def test_a_reply_without_the_object_says_why(reply: Reply, fault: ReplyFault) -> None:
    found = read_object(reply, WrittenAnswer)
    assert isinstance(found, FaultyReply)
    assert found.fault is fault
    assert found.why


def test_a_careful_answer_may_decline_inside_its_object() -> None:
    assert isinstance(said('{"answer": "I can not help with that, but ask the waiter."}'), WrittenAnswer)


def test_only_what_came_out_in_the_wrong_form_is_tried_again() -> None:
    assert {one for one in ReplyFault if FaultyReply(one, "").mendable} == {
        ReplyFault.CUT,
        ReplyFault.MALFORMED,
    }


@given(st.text())
def test_any_text_is_an_object_or_a_reason(text: str) -> None:
    assert isinstance(said(text), WrittenAnswer | FaultyReply)


@given(st.text(min_size=3).filter(lambda text: len(text.strip()) >= 3))
def test_what_was_written_comes_back(text: str) -> None:
    found = said(f"Sure.\n{json.dumps({'answer': text})}")
    assert isinstance(found, WrittenAnswer)
    assert found.answer == text.strip()


class Ordered(BaseModel):
    question: str
    answer: str
    aliases: list[str]


def test_the_json_schema_keeps_the_order_of_the_fields() -> None:
    """llama.cpp has a model write the keys in this order."""
    assert list(json.loads(json_schema_of(Ordered))["properties"]) == ["question", "answer", "aliases"]


def test_the_json_schema_takes_no_further_keys_at_any_depth() -> None:
    schema = json.loads(json_schema_of(Answers))
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["WrittenAnswer"]["additionalProperties"] is False
    assert schema["required"] == ["answers"]

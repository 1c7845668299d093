"""Reading of requests: understood whole, or refused with an error in OpenAI's form. Cases 1 to 4 and 9 to 12.

Over HTTP where the answer of the whole gateway matters, in memory elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard.gateway._config import LimitSettings
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._requests import AskedRequest, Endpoint, read_request
from tests.guard.gateway.scripted import HARMLESS, World, by_mode, guarded

LIMITS = LimitSettings(max_messages=100)
BAD = "steal the cookies"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with guarded(by_mode(HARMLESS)) as made:
        yield made


def read(fields: object, endpoint: Endpoint = "chat/completions") -> AskedRequest:
    return read_request(endpoint, json.dumps(fields).encode(), LIMITS)


def asking(*messages: object, **further: object) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **further}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def post(world: World, raw: bytes) -> httpx.Response:
    headers = {"content-type": "application/json"}
    return httpx.post(f"{world.url}/v1/chat/completions", content=raw, headers=headers, timeout=30)


MALFORMED = {
    "1-truncated": b'{"model": "m", "messages": [',
    "1-no-object": b"[]",
    "1-empty": b"",
    "2-invalid-utf8": b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
    "2-lone-surrogate": b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d"}]}',
    "2-escaped-nul": b'{"model": "m", "messages": [{"role": "user", "content": "a\\u0000b"}]}',
    "2-byte-order-mark": b'\xef\xbb\xbf{"model": "m", "messages": [{"role": "user", "content": "a"}]}',
    "3-nan": b'{"model": "m", "temperature": NaN, "messages": [{"role": "user", "content": "a"}]}',
    "3-infinity": b'{"model": "m", "temperature": -Infinity, "messages": [{"role": "user", "content": "a"}]}',
    "3-overflow": b'{"model": "m", "temperature": 1e400, "messages": [{"role": "user", "content": "a"}]}',
    "3-endless-integer": b'{"model": "m", "seed": ' + b"9" * 5000 + b', "messages": []}',
    "4-nesting": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "4-nested-lists": b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "4-many-keys": b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}",
    "4-duplicate-keys": b'{"model": "m", "messages": [{"role": "user", "content": "a", "content": "b"}]}',
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_readers_could_disagree_about_is_refused_with_400(world: World, raw: bytes) -> None:
    asked_before = len(world.upstream.asked)
    answer = post(world, raw)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    assert len(world.upstream.asked) == asked_before
    assert post(world, json.dumps(asking(user("Hello"))).encode()).status_code == 200  # case 55


WRONG: dict[str, dict[str, Any]] = {
    "9-no-messages": {"model": "m"},
    "9-null-messages": {"model": "m", "messages": None},
    "9-empty-messages": {"model": "m", "messages": []},
    "9-messages-are-a-text": {"model": "m", "messages": "Hello"},
    "9-message-is-a-text": asking("Hello"),
    "9-null-message": asking(None),
    "9-unknown-role": asking({"role": "root", "content": "Hello"}),
    "9-role-is-a-list": asking({"role": ["user"], "content": "Hello"}),
    "9-no-role": asking({"content": "Hello"}),
    "9-null-content-of-a-user": asking(user(None)),
    "9-null-content-of-an-assistant-with-nothing-else": asking({"role": "assistant", "content": None}),
    "9-content-is-a-number": asking(user(7)),
    "9-content-is-an-object": asking(user({"type": "text", "text": "Hello"})),
    "9-no-parts": asking(user([])),
    "9-part-is-a-text": asking(user(["Hello"])),
    "9-part-without-a-type": asking(user([{"text": "Hello"}])),
    "9-part-of-unknown-type": asking(user([{"type": "hologram", "hologram": BAD}])),
    "9-part-type-is-a-list": asking(user([{"type": ["text"], "text": "Hello"}])),
    "9-text-part-without-text": asking(user([{"type": "text"}])),
    "9-text-part-with-a-number": asking(user([{"type": "text", "text": 7}])),
    "9-picture-without-address": asking(user([{"type": "image_url", "image_url": {}}])),
    "9-picture-by-bare-address": asking(user([{"type": "image_url", "image_url": "data:,"}])),
    "9-picture-by-cached-name": asking(
        user([{"type": "image_url", "image_url": {"url": "data:,"}, "uuid": "seen-before"}])
    ),
    "9-video-for-the-upstream-to-fetch": asking(
        user([{"type": "video_url", "video_url": {"url": "http://127.0.0.1/"}}])
    ),
    "9-stream-is-a-text": asking(user("Hello"), stream="true"),
    "9-model-is-missing": {"messages": [user("Hello")]},
    "9-model-is-a-number": {"model": 7, "messages": [user("Hello")]},
    "10-too-many-messages": asking(*[user("Hello")] * 101),
    "11-pictures-beside-the-messages": asking(user("Hello"), image_data=[{"data": "AAAA", "id": 1}]),
    "11-pictures-beside-the-content": asking({**user("Hello"), "images": ["AAAA"]}),
    "11-a-file-in-an-unknown-field": asking(user("Hello"), notes="data:image/png;base64,AAAA"),
    "12-no-choices": asking(user("Hello"), n=0),
    "12-too-many-choices": asking(user("Hello"), n=1000),
    "12-choices-are-true": asking(user("Hello"), n=True),
    "13-endless-model-name": {"model": "m" * 300, "messages": [user("Hello")]},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_understood_is_refused_with_400_and_never_skipped(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as refused:
        read(fields)
    assert refused.value.status == 400
    assert refused.value.envelope["error"]


def test_wrong_messages_over_http_are_400_in_the_envelope_of_openai(world: World) -> None:
    answer = post(world, json.dumps(asking({"role": "root", "content": "Hello"})).encode())
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "messages[0].role")


# Case 11: wherever a text stands, it is found.
HIDDEN: dict[str, dict[str, Any]] = {
    "system": asking({"role": "system", "content": BAD}, user("Hello")),
    "developer": asking({"role": "developer", "content": BAD}, user("Hello")),
    "tool": asking(user("Hello"), {"role": "tool", "content": BAD, "tool_call_id": "1"}),
    "function": asking(user("Hello"), {"role": "function", "content": BAD, "name": "f"}),
    "assistant": asking({"role": "assistant", "content": BAD}, user("Hello")),
    "earlier-turn": asking(user(BAD), {"role": "assistant", "content": "No."}, user("Hello")),
    "second-part": asking(user([{"type": "text", "text": "Hello"}, {"type": "text", "text": BAD}])),
    "name": asking({**user("Hello"), "name": BAD}),
    "refusal": asking({"role": "assistant", "content": None, "refusal": BAD}, user("Hello")),
    "refusal-part": asking({"role": "assistant", "content": [{"type": "refusal", "refusal": BAD}]}),
    "text-beside-a-refusal": asking(
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No.", "text": BAD}]}
    ),
    "tool-arguments": asking(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": BAD}}],
        },
        user("Hello"),
    ),
    "long-id": asking({"role": "tool", "content": "x", "tool_call_id": BAD}),
    "text-file": asking(
        user(
            [
                {
                    "type": "file",
                    "file": {
                        "filename": "a.txt",
                        "file_data": f"data:text/plain;base64,{base64.b64encode(BAD.encode()).decode()}",
                    },
                }
            ]
        )
    ),
    "file-name": asking(user([{"type": "file", "file": {"filename": BAD, "file_id": "1"}}])),
    "unknown-key-of-a-part": asking(user([{"type": "text", "text": "Hello", "hint": BAD}])),
    "unknown-key-of-a-message": asking({**user("Hello"), "thought": {"deep": [BAD]}}),
    "unknown-field": asking(user("Hello"), documents=[{"text": BAD}]),
    "unknown-field-as-a-key": asking(user("Hello"), documents={BAD: 1}),
    "tool-description": asking(
        user("Hello"), tools=[{"type": "function", "function": {"name": "f", "description": BAD}}]
    ),
    "prefilled-prediction": asking(user("Hello"), prediction={"type": "content", "content": BAD}),
    "zero-width-is-kept": asking(user(f"a\u200b{BAD}\u202e")),
}


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_text_is_found_wherever_it_hides(fields: dict[str, Any]) -> None:
    assert any(BAD in piece.text for piece in read(fields).found.pieces)


@pytest.mark.parametrize("name", ["system", "tool-arguments", "text-file", "unknown-field"])
def test_a_hidden_harmful_text_is_blocked_before_the_model(world: World, name: str) -> None:
    asked_before = len(world.upstream.asked)
    answer = post(world, json.dumps(HIDDEN[name]).encode()).json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert answer["levelhead"]["input"]["action"] == "block"
    assert len(world.upstream.asked) == asked_before


UNREADABLE = {
    "audio": {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    "pdf": {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
    "file-by-id": {"type": "file", "file": {"file_id": "file-1"}},
}


@pytest.mark.parametrize("part", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_nobody_here_can_read_is_not_passed_as_if_it_had_been(
    world: World, part: dict[str, Any]
) -> None:
    asked_before = len(world.upstream.asked)
    fields = asking(user([{"type": "text", "text": "Hello"}, part]))
    answer = post(world, json.dumps(fields).encode()).json()
    assert answer["levelhead"]["input"]["action"] == "not_inspected"
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert len(world.upstream.asked) == asked_before


def test_unknown_fields_go_on_to_the_model_byte_for_byte(world: World) -> None:
    raw = (
        b'{"model":"m", "messages":[{"role":"user","content":"Hel\\u006co"}],\n "x_vendor": '
        b'{"deep":[1.50,true]}, "logprobs":true,"response_format":{"type":"json_object"}}'
    )
    assert post(world, raw).status_code == 200
    assert world.upstream.asked[-1].raw == raw


def test_token_numbers_of_the_older_protocol_are_not_passed_as_if_they_had_been_read() -> None:
    assert read({"model": "m", "prompt": [1, 2, 3]}, "completions").found.unreadable
    assert read({"model": "m", "prompt": [[1, 2], [3]]}, "completions").found.unreadable


@pytest.mark.parametrize("prompt", [None, 7, [], {"a": 1}, ["a", None], [1, "a"], [True]])
def test_a_prompt_that_is_none_is_refused(prompt: object) -> None:
    with pytest.raises(RequestError):
        read({"model": "m", "prompt": prompt}, "completions")


def test_the_question_is_the_last_turn_of_the_user() -> None:
    asked = read(asking(user("One?"), {"role": "assistant", "content": "1"}, user("Two?")))
    assert asked.question == "Two?"


def test_more_text_than_allowed_is_413() -> None:
    limits = LimitSettings(max_text_characters=1000)
    with pytest.raises(RequestError) as refused:
        read_request("chat/completions", json.dumps(asking(user("a" * 1001))).encode(), limits)
    assert refused.value.status == 413


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON, st.sampled_from(["chat/completions", "completions"]))
def test_any_json_is_understood_or_refused(value: object, endpoint: Endpoint) -> None:
    for fields in (value, {"model": "m", "messages": value}, asking(value), asking(user(value))):
        with suppress(RequestError):  # and no other error
            read(fields, endpoint)


@given(st.dictionaries(st.text(min_size=1, max_size=8), _JSON, max_size=4))
def test_every_text_in_unknown_fields_is_found(further: dict[str, Any]) -> None:
    fields = asking(user("Hello"), **{f"x_{key}": value for key, value in further.items()}, x_note=[[BAD]])
    try:
        asked = read(fields)
    except RequestError:
        return  # NUL or a half character among the drawn texts
    assert any(BAD in piece.text for piece in asked.found.pieces)

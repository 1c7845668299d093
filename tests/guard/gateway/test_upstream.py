"""What an upstream can do wrong, plain and streamed, through the whole gateway. Cases 33 to 36."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import UpstreamSettings
from levelhead.guard.gateway._upstream import Upstream
from levelhead.guard.gateway._upstream_errors import without_secrets
from tests.guard.gateway.scripted import (
    HARMLESS,
    Asked,
    World,
    as_json,
    by_mode,
    chat,
    guarded,
    lines_of,
    pieces_of,
    stream,
)

SECRET = "sk-very-secret-key-of-ours"
TIMES = {"connect_seconds": 0.5, "idle_seconds": 0.5, "total_seconds": 1.5}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    sizes = {"max_answer_bytes": 200_000, "max_event_bytes": 20_000}
    with guarded(by_mode(HARMLESS), upstream={**TIMES, **sizes}) as made:
        yield made


def ask(world: World, *, streamed: bool = False, **fields: object) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": streamed, **fields}
    return httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=10)


def code(answer: httpx.Response) -> str:
    """The code of the error, in the body or in the stream."""
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["error"]["code"])
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    return str(next(json.loads(one) for one in events if '"error"' in one)["error"]["code"])


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what a test wants, and then closes it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            with one:
                serve(one)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def reset(one: socket.socket) -> None:
    one.recv(65_536)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def garbage(one: socket.socket) -> None:
    one.recv(65_536)
    one.sendall(b"\x16\x03\x01 this is no HTTP at all\r\n\r\n")


def close_at_once(one: socket.socket) -> None:
    one.recv(65_536)


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("url", [closed_port(), "http://no-such-host.invalid/v1"], ids=["refused", "no-name"])
def test_an_upstream_that_is_not_there_is_502_without_its_name(url: str, streamed: bool) -> None:
    """Case 33."""
    with guarded(by_mode(HARMLESS), upstream_url=url, upstream=TIMES) as world:
        answer = ask(world, streamed=streamed)
    assert answer.status_code == 502
    assert code(answer) == "upstream_unreachable"
    assert url.split("/")[2].split(":")[0] not in answer.text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("serve", [reset, garbage, close_at_once])
def test_an_upstream_that_breaks_the_connection_is_502(
    serve: Callable[[socket.socket], None], streamed: bool
) -> None:
    """Case 33."""
    with raw_server(serve) as url, guarded(by_mode(""), upstream_url=url, upstream=TIMES) as world:
        answer = ask(world, streamed=streamed)
    assert answer.status_code == 502
    assert code(answer) == "upstream_unreachable"


@pytest.mark.parametrize("streamed", [False, True])
def test_an_upstream_that_hangs_before_its_headers_is_504(streamed: bool) -> None:
    """Case 34."""
    with (
        raw_server(lambda one: time.sleep(3)) as url,
        guarded(by_mode(""), upstream_url=url, upstream=TIMES) as world,
    ):
        began = time.monotonic()
        answer = ask(world, streamed=streamed)
    assert answer.status_code == 504
    assert code(answer) == "upstream_timeout"
    assert time.monotonic() - began < 4


def test_a_stream_that_falls_silent_ends_with_an_error(world: World) -> None:
    """Case 34: idle time between tokens."""
    raw = lines_of(pieces_of(HARMLESS))
    world.upstream.script = lambda asked: stream(raw, size=len(raw) // 2, pause=0.9)
    began = time.monotonic()
    answer = ask(world, streamed=True)
    assert code(answer) == "upstream_timeout"
    assert '"stop"' not in answer.text
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_drips_ends_at_the_total_time(world: World, streamed: bool) -> None:
    """Case 34: never silent for long, and never done."""
    raw = lines_of(pieces_of(HARMLESS)) if streamed else bytes(chat(HARMLESS).body)
    media_type = "text/event-stream" if streamed else "application/json"
    world.upstream.script = lambda asked: stream(raw, size=1, pause=0.1, media_type=media_type)
    began = time.monotonic()
    answer = ask(world, streamed=streamed)
    assert code(answer) == "upstream_timeout"
    assert 1 < time.monotonic() - began < 4


STATUSES: dict[str, tuple[Response, int, str]] = {
    "429": (as_json({"error": {"message": "slow"}}, 429, Retry_After="7"), 429, "rate_limit_exceeded"),
    "429-with-code": (as_json({"error": {"code": "quota"}}, 429, Retry_After="7"), 429, "quota"),
    "503": (as_json({}, 503, Retry_After="7"), 503, "upstream_overloaded"),
    "413": (as_json({"error": {"message": "long", "code": "too_long"}}, 413), 413, "too_long"),
    "400": (
        as_json({"error": {"message": "bad", "code": 400, "type": "invalid"}}, 400),
        400,
        "invalid",
    ),
    "401": (as_json({"error": {"message": f"wrong {SECRET}"}}, 401), 502, "upstream_unauthorized"),
    "403": (as_json({"error": {"message": f"wrong {SECRET}"}}, 403), 502, "upstream_unauthorized"),
    "500": (as_json({"error": {"message": "Traceback at /srv/app/x.py"}}, 500), 502, "upstream_error"),
    "500-html": (Response("<html>10.0.0.7</html>", 500), 502, "upstream_error"),
    "302": (Response("", 302, {"location": "http://169.254.169.254/"}), 502, "upstream_error"),
    "204": (Response("", 204), 502, "upstream_error"),
    "huge-error": (Response(b"x" * 150_000, 500), 502, "upstream_error"),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", STATUSES)
def test_statuses_of_the_upstream_are_mapped(world: World, name: str, streamed: bool) -> None:
    """Case 35."""
    said, status, expected = STATUSES[name]
    world.upstream.script = lambda asked: said
    answer = ask(world, streamed=streamed)
    assert answer.status_code == status
    assert code(answer) == expected
    for secret in (SECRET, "10.0.0.7", "169.254", "/srv", "Traceback at /"):
        assert secret not in answer.text
    if "Retry-After" in said.headers or status in (429, 503):
        assert answer.headers["retry-after"] == "7"


INVALID: dict[str, Response] = {
    "html": Response("<html></html>", media_type="text/html"),
    "bad-utf8": as_json(b'{"choices": [{"message": {"content": "\xff"}}]}'),
    "truncated": as_json(b'{"choices": [{"message": {"con'),
    "empty": as_json(b""),
    "list": as_json([]),
    "duplicate-keys": as_json(b'{"choices": [{"message": {"content": "a", "content": "b"}}]}'),
    "no-choices": as_json({"id": "x"}),
    "empty-choices": as_json({"choices": []}),
    "null-choices": as_json({"choices": None}),
    "choice-is-a-text": as_json({"choices": ["x"]}),
    "no-message": as_json({"choices": [{"index": 0}]}),
    "error-with-200": as_json({"error": {"message": "at http://10.0.0.7"}, "choices": []}),
    "too-large": as_json(b'{"choices": "' + b"x" * 300_000 + b'"}'),
    "compressed": as_json(b"{}", Content_Encoding="gzip"),
    "deep": as_json(b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_answer_that_is_none_is_502_and_nothing_of_it_is_passed(world: World, name: str) -> None:
    """Case 36."""
    world.upstream.script = lambda asked: INVALID[name]
    answer = ask(world)
    assert answer.status_code == 502
    assert code(answer) in ("upstream_invalid_answer", "upstream_error")
    assert "10.0.0.7" not in answer.text


@pytest.mark.parametrize("answer", [chat(HARMLESS), Response("<html></html>", media_type="text/html")])
def test_no_stream_where_one_was_asked_for_is_502(world: World, answer: Response) -> None:
    world.upstream.script = lambda asked: answer
    assert ask(world, streamed=True).status_code == 502


def test_an_endless_stream_ends_at_the_limit(world: World) -> None:
    chunks = pieces_of("Words and words. " * 3_000, 40)
    world.upstream.script = lambda asked: stream(lines_of(chunks), size=65_536)
    answer = ask(world, streamed=True)
    assert code(answer) == "upstream_invalid_answer"
    assert len(answer.content) < 300_000


@pytest.mark.parametrize(
    "message",
    [{"content": None}, {"content": ""}, {"content": None, "refusal": "No."}, {}, {"content": None, "x": 1}],
)
def test_an_answer_that_says_little_goes_out_as_it_is(world: World, message: dict[str, Any]) -> None:
    """Case 36: null content and a refusal are proper answers."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    fields = {"id": "x", "choices": [choice]}
    world.upstream.script = lambda asked: as_json(fields)
    answer = ask(world).json()
    assert answer.pop("levelhead")["output"][0]["action"] == "allow"
    assert answer == fields


def test_an_answer_goes_out_byte_for_byte_but_for_our_field(world: World) -> None:
    raw = (
        b'{"choices": [{"message":{"content":"Hel\\u006co","role":"assistant"}, "logprobs": {"content":'
        b' [{"token": "Hello", "logprob": -0.10}]},\n"finish_reason":"stop"}], "vendor": 1.50 }\n'
    )
    world.upstream.script = lambda asked: as_json(raw)
    head, _, told = ask(world).content.partition(b',"levelhead":')
    assert head == raw.rstrip()[:-1]
    assert json.loads(told[:-1])["output"][0]["action"] == "allow"


def test_tokens_of_a_blocked_answer_stand_nowhere(world: World) -> None:
    text = "steal the cookies"
    tokens = {"content": [{"token": "steal the cookies", "logprob": -0.1, "top_logprobs": []}]}
    choice = {"index": 0, "message": {"content": text}, "logprobs": tokens, "finish_reason": "stop"}
    world.upstream.script = lambda asked: as_json({"choices": [choice]})
    answer = ask(world, logprobs=True)
    assert text not in answer.text
    assert answer.json()["choices"][0]["logprobs"] is None


def test_the_upstream_gets_its_own_key_and_nothing_of_the_clients_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", SECRET)
    with guarded(by_mode(HARMLESS), upstream={"key_env": "UPSTREAM_KEY"}) as world:
        headers = {"authorization": "Bearer of-the-client", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"}
        body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
        answer = httpx.post(f"{world.url}/v1/chat/completions", json=body, headers=headers)
        got: Asked = world.upstream.asked[-1]
    assert got.headers["authorization"] == f"Bearer {SECRET}"
    assert not {"cookie", "x-forwarded-for"} & got.headers.keys()
    assert SECRET not in answer.text + str(answer.headers)


def test_a_key_that_the_environment_does_not_hold_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UPSTREAM_KEY", raising=False)
    with pytest.raises(UsageError, match="UPSTREAM_KEY"):
        Upstream(UpstreamSettings(key_env="UPSTREAM_KEY"))


@pytest.mark.parametrize(
    "secret",
    [
        "http://10.0.0.7:8000/v1",
        "10.0.0.7:8000",
        "fd00::12",
        "llm.prod.svc.cluster.local",
        "gpu-node-3:8000",
        "/srv/models/secret/weights.gguf",
        "Bearer abcdef",
        "sk-abcdef123456",
        "hf_abcdefghijk",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_looks_like_a_secret_is_taken_out_of_the_words_of_the_upstream(secret: str) -> None:
    told = without_secrets(f"The model's maximum context is 4096 tokens; see {secret} now")
    assert secret not in told
    assert "maximum context is 4096 tokens" in told
    assert told.endswith("now")


def test_models_are_those_of_the_upstream(world: World) -> None:
    listed = {"object": "list", "data": [{"id": "m", "object": "model"}]}
    world.upstream.script = lambda asked: as_json(listed if asked.path == "models" else {"id": asked.path})
    assert httpx.get(f"{world.url}/v1/models").json() == listed
    assert httpx.get(f"{world.url}/v1/models/org/m-1").json() == {"id": "models/org/m-1"}
    assert httpx.get(f"{world.url}/v1/models/..%2f..%2fadmin").status_code == 404

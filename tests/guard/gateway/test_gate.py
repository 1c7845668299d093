"""Keys, limits, slow and leaving clients, over real sockets. Cases 5 to 8, 49 to 51, 54 to 56 and 58."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import KeySettings
from levelhead.guard.gateway._keys import Client, KeyRing
from levelhead.guard.gateway._request_error import RequestError
from tests.guard.gateway.scripted import (
    HARMLESS,
    Asked,
    World,
    by_mode,
    chat,
    guarded,
    lines_of,
    pieces_of,
    stream,
    until,
)

KEY, OTHER_KEY = "key-of-the-first-client", "key-of-the-second-client"
JSON_KIND = {"content-type": "application/json"}
ASKING: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def small() -> Iterator[World]:
    """A gateway with tight limits."""
    limits = {"max_body_bytes": 20_000, "body_seconds": 0.5}
    with guarded(by_mode(HARMLESS), limits=limits, listen={"header_seconds": 0.5}) as world:
        yield world


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A gateway with two keys, one from the environment and one from a file."""
    monkeypatch.setenv("FIRST_KEY", KEY)
    (tmp_path / "key").write_text(f"{OTHER_KEY}\n")
    keys = [
        {"id": "first", "env": "FIRST_KEY", "max_concurrent": 1},
        {"id": "second", "file": str(tmp_path / "key"), "per_minute": 2},
    ]
    with guarded(by_mode(HARMLESS), keys=keys) as world:
        yield world


def post(world: World, key: str | None = None, **fields: object) -> httpx.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    body = {**ASKING, **fields}
    return httpx.post(f"{world.url}/v1/chat/completions", json=body, headers=headers, timeout=20)


def connected(world: World) -> socket.socket:
    host, port = world.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def head(world: World, *lines: str) -> bytes:
    given = ["POST /v1/chat/completions HTTP/1.1", "host: gateway", "content-type: application/json", *lines]
    return "\r\n".join([*given, "", ""]).encode()


def answer_of(one: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    while piece := one.recv(65_536):
        received += piece
    return received


def test_a_body_that_is_announced_too_large_is_413_before_it_is_read(small: World) -> None:
    """Case 5: not a byte of the body is sent."""
    with connected(small) as one:
        began = time.monotonic()
        one.sendall(head(small, "content-length: 20001", "expect: 100-continue"))
        received = one.recv(65_536)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received.lower()
    assert time.monotonic() - began < 2


def test_a_chunked_body_is_413_as_soon_as_it_is_too_large(small: World) -> None:
    """Case 6."""

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * 4096

    began = time.monotonic()
    try:
        answer = httpx.post(
            f"{small.url}/v1/chat/completions", content=endless(), headers=JSON_KIND, timeout=10
        )
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        pass  # cut off while sending, after the bound
    assert time.monotonic() - began < 5
    assert post(small).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate", "br", "gzip, identity"])
def test_a_compressed_request_is_415_and_never_unpacked(small: World, encoding: str) -> None:
    """Case 7."""
    bomb = gzip.compress(b" " * 10_000_000)[:15_000]
    answer = httpx.post(
        f"{small.url}/v1/chat/completions", content=bomb, headers={**JSON_KIND, "content-encoding": encoding}
    )
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_encoding"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_page_in_a_browser_can_send_to_any_address_is_415(small: World, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    raw = json.dumps(ASKING).encode()
    answer = httpx.post(f"{small.url}/v1/chat/completions", content=raw, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


def test_a_body_that_does_not_come_is_408(small: World) -> None:
    """Case 8."""
    with connected(small) as one:
        one.sendall(head(small, "content-length: 100") + b"{")
        began = time.monotonic()
        received = answer_of(one)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat/comp", b"POST /v1/x HTTP/1.1\r\nhost: a\r\nx: "])
def test_headers_that_do_not_come_are_408(small: World, sent: bytes) -> None:
    """Case 8."""
    with connected(small) as one:
        one.sendall(sent)
        began = time.monotonic()
        received = answer_of(one)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 3


def test_headers_that_drip_are_408_as_well(small: World) -> None:
    """Case 8: a byte now and then does not keep the connection."""
    with connected(small) as one:
        began = time.monotonic()
        for letter in b"POST /v1/chat/completions HTTP/1.1":
            try:
                one.sendall(bytes([letter]))
            except OSError:
                break
            time.sleep(0.1)
        assert time.monotonic() - began < 6
        assert one.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("key", [None, "wrong", KEY[:-1], f"{KEY}x", "kéy"])
def test_a_missing_or_wrong_key_is_401(keyed: World, key: str | None) -> None:
    """Case 56."""
    headers = [] if key is None else [(b"authorization", f"Bearer {key}".encode())]
    answer = httpx.post(f"{keyed.url}/v1/chat/completions", json=ASKING, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert keyed.upstream.asked == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1/moderations", "/v1/unknown", "/metrics", "/", "/docs"])
def test_nothing_but_health_answers_without_a_key(keyed: World, path: str) -> None:
    assert httpx.get(f"{keyed.url}{path}").status_code == 401
    assert httpx.get(f"{keyed.url}/healthz").status_code == 200
    assert httpx.get(f"{keyed.url}/readyz").status_code == 200


def test_keys_stand_in_no_log_and_do_not_reach_the_upstream(
    keyed: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Case 56."""
    caplog.set_level(logging.DEBUG)
    assert post(keyed, KEY).status_code == 200
    assert post(keyed, "wrong-key-of-someone").status_code == 401
    ours = [one.getMessage() for one in caplog.records if one.name.startswith(("levelhead", "uvicorn"))]
    assert not [one for one in ours if KEY in one or "wrong-key" in one]
    assert "authorization" not in keyed.upstream.asked[-1].headers


def test_each_key_has_a_rate_of_its_own(keyed: World) -> None:
    assert [post(keyed, OTHER_KEY).status_code for _ in range(3)] == [200, 200, 429]
    assert 1 <= int(post(keyed, OTHER_KEY).headers["retry-after"]) <= 60
    assert post(keyed, KEY).status_code == 200


def test_a_key_may_have_only_so_many_requests_under_way(keyed: World) -> None:
    keyed.upstream.script = lambda asked: stream(lines_of(pieces_of(HARMLESS)), pause=0.02)
    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(lambda _: post(keyed, KEY, stream=True).status_code, range(4)))
    assert found[0] == 200
    assert found[1:] == [429, 429, 429]


def test_a_rate_does_not_depend_on_the_wall_clock() -> None:
    """Case 58: the clock of rates is the one that never jumps; time that has passed gives room again."""
    now = [1000.0]
    client = Client("a", per_minute=2, clock=lambda: now[0])
    for _ in range(2):
        with client.request():
            pass
    with pytest.raises(RequestError), client.request():
        pass
    now[0] += 30
    with client.request():
        pass


@pytest.mark.parametrize("text", ["", "short", "has a blank within it", "käse-und-brot-am-abend"])
def test_what_is_no_proper_key_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("A_KEY", text)
    with pytest.raises(UsageError, match="a: the environment variable A_KEY"):
        KeyRing([KeySettings(id="a", env="A_KEY")])


def test_one_key_for_two_clients_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with pytest.raises(UsageError, match="the same"):
        KeyRing([KeySettings(id="a", env="A_KEY"), KeySettings(id="b", env="A_KEY")])


def test_beyond_the_limit_requests_are_503_at_once_and_health_still_answers() -> None:
    """Cases 49 and 54: ten requests hang, the rest hears so within 50 ms each."""
    release = threading.Event()

    def hang(asked: Asked) -> Response:
        raw = lines_of(pieces_of(HARMLESS))
        return chat(HARMLESS) if release.is_set() else stream(raw, size=len(raw), pause=30)

    with guarded(hang, limits={"max_concurrent": 10}) as world, ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(_stream_until_closed, world) for _ in range(10)]
        assert until(lambda: len(world.upstream.asked) == 10)
        with httpx.Client() as client:
            client.get(f"{world.url}/healthz")
            times = []
            for _ in range(20):
                began = time.perf_counter()
                answer = client.post(f"{world.url}/v1/chat/completions", json=ASKING)
                times.append(time.perf_counter() - began)
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["error"]["code"] == "overloaded"
            assert sorted(times)[len(times) // 2] < 0.05
            assert client.get(f"{world.url}/healthz").status_code == 200
            assert b"levelhead_guard_requests_under_way 10.0" in client.get(f"{world.url}/metrics").content
        for one in waiting:
            one.result().close()
        release.set()
        assert until(lambda: post(world).status_code == 200)


def _stream_until_closed(world: World) -> socket.socket:
    one = connected(world)
    body = json.dumps({**ASKING, "stream": True}).encode()
    one.sendall(head(world, f"content-length: {len(body)}") + body)
    return one


@pytest.mark.parametrize("streamed", [False, True])
def test_when_a_client_leaves_the_upstream_is_left_within_a_second(streamed: bool) -> None:
    """Case 50: before the headers, and in the middle of a stream; the slot is free again."""
    raw = lines_of(pieces_of(HARMLESS * 20))
    with guarded(lambda asked: chat("x"), limits={"max_concurrent": 1}) as world:
        left = threading.Event()
        world.upstream.script = lambda asked: _Watched(raw, left)
        one = _stream_until_closed(world) if streamed else _whole_until_closed(world)
        assert until(lambda: len(world.upstream.asked) == 1)
        if streamed:
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        one.close()
        assert left.wait(1.0), "the upstream was not left"
        world.upstream.script = by_mode(HARMLESS)
        assert until(lambda: post(world).status_code == 200, seconds=1)
        assert b"levelhead_guard_cancelled_total 1.0" in httpx.get(f"{world.url}/metrics").content


def test_a_request_that_waits_to_be_judged_is_left_out_when_its_client_leaves() -> None:
    """Case 50: while queued."""
    with guarded(by_mode(HARMLESS)) as world:
        world.detector.hold.clear()
        first = _whole_until_closed(world)
        assert until(lambda: len(world.detector.batches) == 1)
        second = connected(world)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Left behind"}]}).encode()
        second.sendall(head(world, f"content-length: {len(body)}") + body)
        assert until(lambda: b"queue_depth 2.0" in httpx.get(f"{world.url}/metrics").content)
        second.close()
        assert until(lambda: b"queue_depth 1.0" in httpx.get(f"{world.url}/metrics").content, seconds=1)
        world.detector.hold.set()
        assert first.recv(1000).startswith(b"HTTP/1.1 200 ")
        first.close()
        assert post(world).status_code == 200
        assert not [batch for batch in world.detector.batches if "Left behind" in batch]


def _whole_until_closed(world: World) -> socket.socket:
    one = connected(world)
    body = json.dumps(ASKING).encode()
    one.sendall(head(world, f"content-length: {len(body)}") + body)
    return one


class _Watched(Response):
    """An answer that goes on for long, and tells when its client has left."""

    def __init__(self, raw: bytes, left: threading.Event) -> None:
        super().__init__()
        self._raw, self._left = raw, left

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        gone = asyncio.ensure_future(receive())
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at in range(0, len(self._raw), 200):
            await send({"type": "http.response.body", "body": self._raw[at : at + 200], "more_body": True})
            await asyncio.wait([gone], timeout=0.05)
            if gone.done() and gone.result()["type"] == "http.disconnect":
                self._left.set()
                return


def test_a_client_that_reads_nothing_holds_up_the_upstream_and_not_the_memory() -> None:
    """Case 51: what a slow reader does not take is not read from the model either; then it is cut off."""
    raw = lines_of(pieces_of("Words and words. " * 200_000, 1000))
    with guarded(lambda asked: stream(raw, size=65_536), listen={"send_seconds": 1.0}) as world:
        one = _stream_until_closed(world)
        time.sleep(0.5)
        assert post(world, stream=False).status_code in (200, 502)  # others are served meanwhile
        assert until(lambda: b"under_way 0.0" in httpx.get(f"{world.url}/metrics").content, seconds=5)
        one.close()

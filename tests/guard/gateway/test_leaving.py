"""A gateway that is about to end: it says so first, and no request that was sent to it is lost. Case 52."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from tests.guard.gateway.scripted import (
    HARMLESS,
    Asked,
    ScriptedUpstream,
    by_mode,
    lines_of,
    pieces_of,
    running,
    stream,
    until,
)
from tests.guard.gateway.test_serve import ASKING, serving

LAME_DUCK_SECONDS = 1.5


def slowly(asked: Asked) -> object:
    """A stream of half a second; a plain answer at once."""
    if asked.body.get("stream"):
        return stream(lines_of(pieces_of(HARMLESS, 8)), size=400, pause=0.1)
    return by_mode(HARMLESS)(asked)


@contextmanager
def lame_duck(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway that goes on for a while after SIGTERM."""
    config = tmp_path / "gateway.toml"
    config.write_text(f"[listen]\nlame_duck_seconds = {LAME_DUCK_SECONDS}\n")
    with ExitStack() as stack:
        upstream = ScriptedUpstream(slowly)  # type: ignore[arg-type]
        url = stack.enter_context(running(upstream.app))
        yield stack.enter_context(serving("--upstream", f"{url}/v1", "--config", str(config)))


def asked_over(connection: HTTPConnection, *, streamed: bool = False) -> tuple[str, str | None]:
    """The body of an answer over a connection, and what it says of the connection."""
    body = httpx.Request("POST", "http://gateway", json={**ASKING, "stream": streamed}).content
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.read().decode(), answer.getheader("connection")


def connected(address: str) -> HTTPConnection:
    """A connection without a request."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=20)
    connection.connect()
    return connection


def test_readyz_says_that_it_ends_while_requests_are_still_answered(tmp_path: Path) -> None:
    with lame_duck(tmp_path) as (process, address):
        assert httpx.get(f"{address}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert until(lambda: httpx.get(f"{address}/readyz").status_code == 503, LAME_DUCK_SECONDS)
        assert httpx.get(f"{address}/readyz").json() == {"status": "ending"}
        assert httpx.get(f"{address}/healthz").status_code == 200
        answer = httpx.post(f"{address}/v1/chat/completions", json=ASKING)
        assert answer.json()["choices"][0]["message"]["content"] == HARMLESS
        assert answer.headers["connection"] == "close"
        assert process.wait(20) == 0


def test_an_idle_connection_may_ask_once_more_and_is_told_to_close(tmp_path: Path) -> None:
    with lame_duck(tmp_path) as (process, address):
        idle, left = connected(address), connected(address)
        assert asked_over(idle)[1] != "close"
        assert asked_over(left)[1] != "close"
        process.send_signal(signal.SIGTERM)
        assert until(lambda: httpx.get(f"{address}/readyz").status_code == 503, LAME_DUCK_SECONDS)
        said, connection = asked_over(idle)
        assert HARMLESS in said
        assert connection == "close"
        assert process.wait(20) == 0  # the one that says nothing does not hold it up


def test_a_connection_whose_stream_ends_after_all_may_ask_once_more(tmp_path: Path) -> None:
    """Its answer began before the end, so it was not told to close, and may be sending its next request."""
    with lame_duck(tmp_path) as (process, address):
        connection = connected(address)
        body = httpx.Request("POST", "http://gateway", json={**ASKING, "stream": True}).content
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert answer.read().endswith(b"data: [DONE]\n\n")
        assert answer.getheader("connection") != "close"
        said, told = asked_over(connection)
        assert HARMLESS in said
        assert told == "close"
        assert process.wait(20) == 0


def test_without_a_time_as_a_lame_duck_it_ends_as_soon_as_all_is_answered() -> None:
    upstream = ScriptedUpstream(by_mode(HARMLESS))
    with running(upstream.app) as url, serving("--upstream", f"{url}/v1") as (process, address):
        idle = connected(address)
        assert HARMLESS in asked_over(idle)[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def new_connections(port: int, over: threading.Event, found: list[str]) -> None:
    """Ask over one new connection after the other, until there are none to be had."""
    while not over.is_set():
        with socket.socket() as one:
            one.settimeout(10)
            try:
                one.connect(("127.0.0.1", port))
            except OSError:
                return
            try:
                one.sendall(b"GET /v1/models HTTP/1.1\r\nhost: gateway\r\n\r\n")
                found.append("answered" if one.recv(4096).startswith(b"HTTP/1.1 200") else "closed")
            except OSError as error:
                found.append(type(error).__name__)


@pytest.mark.slow
def test_every_connection_that_was_made_is_answered_however_many_come_at_the_end() -> None:
    """A server that just stops listening loses about one in three of these clients' last requests."""
    found: list[str] = []
    for _ in range(5):
        over = threading.Event()
        with running(ScriptedUpstream(by_mode(HARMLESS)).app) as url:
            port = int(url.rpartition(":")[2])
            clients = [threading.Thread(target=new_connections, args=(port, over, found)) for _ in range(12)]
            for one in clients:
                one.start()
            assert until(lambda: len(found) > 12)
        over.set()
        for one in clients:
            one.join(20)
    assert Counter(found).keys() == {"answered"}

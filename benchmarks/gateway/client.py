"""The load client: connections that stay open, one request at a time on each, and the clock.

It parses no more of an answer than where it ends and where its first text stands, so that it is far quicker
than everything it measures; `direct` in the results says what it and the upstream cost together.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding:\s*chunked", re.IGNORECASE)
_TEXT = re.compile(rb'"content":\s*"[^"]')
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        status: Of the answer; 0 if the connection broke, or no end came within a minute.
        seconds: From sending the request to the last byte.
        first_text: From sending the request to the first text of the model; None if there was none.
        worst_gap: Longest time between two pieces of the answer, from the first text on; 0 with one piece.
        raw: The whole answer, head included.
    """

    status: int
    seconds: float
    first_text: float | None
    worst_gap: float
    raw: bytes


class Connection(asyncio.Protocol):
    """A connection to one server, opened again where the server has closed it.

    Args:
        host: Where the server is.
        port: Its port.
        key: Sent as the bearer key.
    """

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host, self._port = host, port
        self._head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {key}\r\ncontent-length: "
        ).encode()
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._received = bytearray()
        self._end: int | None = None
        self._chunked = False
        self._asked = self._last = time.perf_counter()
        self._first_text: float | None = None
        self._worst_gap = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._first_text is not None:
            self._worst_gap = max(self._worst_gap, now - self._last)
        self._last = now
        before = len(self._received)
        self._received += data
        if self._end is None and not self._chunked:
            self._read_head()
        if self._first_text is None and _TEXT.search(self._received, max(0, before - 16)):
            self._first_text = now
        if self._done is not None and not self._done.done() and self._whole():
            self._done.set_result(None)

    def _read_head(self) -> None:
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        if length := _LENGTH.search(self._received, 0, end):
            self._end = end + int(length[1])
        self._chunked = _CHUNKED.search(self._received, 0, end) is not None

    def _whole(self) -> bool:
        if self._chunked:
            return self._received.endswith(b"\r\n0\r\n\r\n")
        return self._end is not None and len(self._received) >= self._end

    async def ask(self, body: bytes) -> Exchange:
        """Send a request and wait for the end of its answer.

        Raises:
            OSError: If the server takes no connection.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, self._host, self._port)
        assert self._transport is not None
        self._begin()
        self._done = loop.create_future()
        self._transport.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._done
        except TimeoutError:
            self.close()
        ended, raw = time.perf_counter(), bytes(self._received)
        status = int(raw[9:12]) if self._whole() else 0
        first = None if self._first_text is None else self._first_text - self._asked
        return Exchange(status, ended - self._asked, first, self._worst_gap, raw)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()


async def load(
    connections: Sequence[Connection], bodies: Iterator[bytes], *, seconds: float, at_least: int
) -> tuple[list[Exchange], float]:
    """Keep all connections busy for a while.

    Args:
        connections: Each has one request under way.
        bodies: Requests, endless.
        seconds: No request begins after that, once there were enough.
        at_least: Requests, however long they take.

    Returns:
        What was exchanged, and the seconds until the last answer.
    """
    found: list[Exchange] = []
    began, asked = time.perf_counter(), 0

    async def keep_busy(connection: Connection) -> None:
        nonlocal asked
        while asked < at_least or time.perf_counter() - began < seconds:
            asked += 1
            found.append(await connection.ask(next(bodies)))

    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(keep_busy(connection))
    return found, time.perf_counter() - began

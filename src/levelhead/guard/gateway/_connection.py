"""Uvicorn's HTTP connection with what it lacks: bounds of time and number, joined writes, a told end."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
)
_UNASKED_SECONDS = 1.0
"""For the first request of a connection that was made just before the gateway stopped listening."""


class JoinedWrites(asyncio.Transport):
    """A transport that writes once what is written within one turn of the event loop.

    Uvicorn writes the head and the body of an answer one after the other: two packets, and two calls of the
    system, which cost more than all that led to the answer.

    Args:
        transport: What really writes.
        loop: The event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write at the end of this turn."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(bytes(data))

    def _flush(self) -> None:
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._transport.write(data)

    def close(self) -> None:
        """Write what waits, and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without writing."""
        self._waiting.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the real transport says of itself."""
        return self._transport.get_extra_info(name, default)


class BoundedConnection(H11Protocol):
    """One connection of a client. `bounded` makes the class with the bounds of a gateway."""

    header_seconds: float
    max_connections: int

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._header_timer: asyncio.TimerHandle | None = None
        self._lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(JoinedWrites(transport, self.loop))
        if len(self.connections) > self.max_connections:
            self._end(_TOO_MANY)
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_headers()
        else:
            self._headers_came()

    def ending(self, linger_seconds: float) -> None:
        """The gateway is about to end: say so with the next answer.

        Whoever was not told, as in the middle of a stream, may be sending the next request already. Such a
        connection is closed only when it has been idle for a while, or by the other side.

        Args:
            linger_seconds: That while; with 0 idle connections are closed when the gateway stops listening.
        """
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.default_headers = [*self.cycle.default_headers, CLOSE_HEADER]
        if linger_seconds:
            self._lingers = True
            self.timeout_keep_alive = linger_seconds  # type: ignore[assignment] # uvicorn wants whole seconds
            if self.timeout_keep_alive_task is not None:
                self.timeout_keep_alive_task.cancel()
                self._linger(linger_seconds)

    def shutdown(self) -> None:
        """The gateway has stopped listening."""
        if self.cycle is None:
            self._linger(_UNASKED_SECONDS)
        elif not self._lingers:
            super().shutdown()

    def _linger(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _await_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_seconds, self._end, _TOO_SLOW)

    def _headers_came(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _end(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def bounded(*, header_seconds: float, max_connections: int) -> type[BoundedConnection]:
    """The class of connections with these bounds."""
    bounds = {"header_seconds": header_seconds, "max_connections": max_connections}
    return type("BoundedConnection", (BoundedConnection,), bounds)

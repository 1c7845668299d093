"""A client for one HTTP/1.1 server: a pool of connections, and nothing that a gateway does not need.

The protocol is h11's. General clients take several times as long for one request, most of it in layers for
other protocols and event loops; behind a gateway that is time that every answer waits. No redirects, no
cookies, no compression, no proxies, nothing from the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

_READ_BYTES = 64 * 1024
_IDLE_SECONDS = 2.0
"""A connection that was idle for longer is not used again: servers close theirs after five, and a request
that meets the closing is lost."""
_MAX_HEAD_BYTES = 64 * 1024


class ConnectError(Exception):
    """There is no connection to the server."""


class BrokenOffError(Exception):
    """The server ended the connection in the middle, or speaks no HTTP."""


class SilentError(Exception):
    """The server said nothing for too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has begun.

    Attributes:
        status: HTTP status.
        headers: By their names in lower case; of several of one name, the last.
        pieces: The body as it comes. It raises `BrokenOffError` and `SilentError`.
    """

    status: int
    headers: dict[str, str]
    pieces: AsyncIterator[bytes]


class HTTPClient:
    """Asks one server. It belongs to one event loop; close it with `aclose`.

    Args:
        url: Its base address, http or https.
        headers: Sent with every request.
        connect_seconds: Time to connect.
        idle_seconds: Longest silence of the server.
        max_connections: Connections that are open at once; further requests wait for one.
    """

    def __init__(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        *,
        connect_seconds: float,
        idle_seconds: float,
        max_connections: int,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._base = parts.path
        self._headers = [("host", parts.netloc), *headers]
        self._connect_seconds, self._idle_seconds = connect_seconds, idle_seconds
        self._places = asyncio.Semaphore(max_connections)
        self._idle: deque[_Connection] = deque()
        """The one that became idle last is at the right."""
        self._closing: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        headers: Sequence[tuple[str, str]],
        deadline: float,
    ) -> AsyncIterator[Answer]:
        """Ask. Leaving the context before the end of the body closes the connection.

        Args:
            method: Of HTTP.
            path: Below the base address.
            body: JSON, or None.
            headers: Further headers.
            deadline: When the head of the answer must be there, on the clock of the event loop. It holds for
                waiting for a connection too.

        Raises:
            ConnectError: If there is no connection.
            BrokenOffError: If the server ends it before an answer, or answers in no HTTP.
            SilentError: If the server says nothing for too long.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError as error:
            raise SilentError("no free connection") from error
        try:
            connection = self._reused() or await self._opened()
            try:
                target = f"{self._base}/{path}"
                yield await connection.asked(method, target, [*self._headers, *headers], body, deadline)
            finally:
                if connection.make_ready():
                    self._keep(connection)
                else:
                    connection.close()
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._closing is not None:
            self._closing.cancel()
        while self._idle:
            self._idle.pop().close()

    def _keep(self, connection: _Connection) -> None:
        """Keep a connection for another request, and close it if none comes."""
        self._idle.append(connection)
        if self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time() - _IDLE_SECONDS
        while self._idle and self._idle[0].since <= last:
            self._idle.popleft().close()
        self._closing = (
            loop.call_at(self._idle[0].since + _IDLE_SECONDS, self._close_idle) if self._idle else None
        )

    def _reused(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and now - connection.since < _IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _opened(self) -> _Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, limit=_READ_BYTES
                )
        except TimeoutError as error:
            raise SilentError("connect") from error
        except OSError as error:
            raise ConnectError(type(error).__name__) from error
        return _Connection(reader, writer, self._idle_seconds)


class _Connection:
    """One connection.

    Attributes:
        since: When it became idle, on the clock of the event loop.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle_seconds: float
    ) -> None:
        self._reader, self._writer, self._idle_seconds = reader, writer, idle_seconds
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self.since = 0.0

    @property
    def alive(self) -> bool:
        """Whether the server has not closed it, nor said anything that was not asked for."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def asked(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        deadline: float,
    ) -> Answer:
        """Send a request, and wait for the head of its answer."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._send(method, target, headers, body)
                return await self._head()
        except TimeoutError as error:
            raise SilentError("total time") from error

    def make_ready(self) -> bool:
        """Make it ready for another request; false if it cannot be used again."""
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            return False
        self._protocol.start_next_cycle()
        self.since = asyncio.get_running_loop().time()
        return self.alive

    def close(self) -> None:
        """Close it at once, whatever is under way."""
        self._writer.transport.abort()

    async def _send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | None
    ) -> None:
        """Send a whole request at once."""
        length = [] if body is None else [("content-length", str(len(body)))]
        request = h11.Request(method=method, target=target, headers=[*headers, *length])
        sent = [self._protocol.send(request) or b""]
        if body:
            sent.append(self._protocol.send(h11.Data(data=body)) or b"")
        sent.append(self._protocol.send(h11.EndOfMessage()) or b"")
        try:
            async with asyncio.timeout(self._idle_seconds):
                self._writer.write(b"".join(sent))
                await self._writer.drain()
        except TimeoutError as error:
            raise SilentError("write") from error
        except OSError as error:
            raise BrokenOffError(type(error).__name__) from error

    async def _head(self) -> Answer:
        event = await self._event()
        while isinstance(event, h11.InformationalResponse):
            event = await self._event()
        if not isinstance(event, h11.Response):
            raise BrokenOffError("no head")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        return Answer(event.status_code, headers, self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        """What came in one read is one piece, in however many chunks the server wrote it."""
        event = await self._event()
        while not isinstance(event, h11.EndOfMessage):
            pieces: list[bytes] = []
            while isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
                event = self._parsed()
            if pieces:
                yield b"".join(pieces)
            if isinstance(event, BrokenOffError):
                raise event
            if event is h11.NEED_DATA:
                event = await self._event()
            elif not isinstance(event, h11.EndOfMessage):
                raise BrokenOffError("no body")

    async def _event(self) -> object:
        """The next event of the protocol."""
        try:
            while (event := self._parsed()) is h11.NEED_DATA:
                async with asyncio.timeout(self._idle_seconds):
                    received = await self._reader.read(_READ_BYTES)
                self._protocol.receive_data(received)
        except TimeoutError as error:
            raise SilentError("read") from error
        except OSError as error:
            raise BrokenOffError(type(error).__name__) from error
        if isinstance(event, BrokenOffError):
            raise event
        return event

    def _parsed(self) -> object:
        """The next event of what has come; a fault is handed back, so that what came before it goes first."""
        try:
            return self._protocol.next_event()
        except h11.RemoteProtocolError as error:
            return BrokenOffError(type(error).__name__)

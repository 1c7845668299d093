"""The model server behind the gateway: asked with its own key, bounded in time and size.

What it says when something is wrong is never passed on as it is: hosts, keys and paths stand in such words.
Clients get a class of error, a status that their libraries act on, and Retry-After where the server sent it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import UpstreamSettings
from levelhead.guard.gateway._http_client import (
    Answer,
    BrokenOffError,
    ConnectError,
    HTTPClient,
    SilentError,
)
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._upstream_errors import (
    error_of_answer,
    invalid_answer,
    timed_out,
    too_large,
    unreachable,
)

_MAX_ERROR_BYTES = 64 * 1024
_DRAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer of the upstream that has begun, with status 200.

    Attributes:
        media_type: Content-Type without parameters, in lower case.
        pieces: The body as it comes.
    """

    media_type: str
    pieces: AsyncIterator[bytes]

    async def drain(self) -> None:
        """Read what stands behind the end of a stream, for a moment, so that the connection lives on."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.pieces:
                    pass
        except (TimeoutError, RequestError):
            return  # the connection is closed instead


class Upstream:
    """A client of the model server. It belongs to one event loop; close it with `aclose`.

    Args:
        settings: Where it is, and what its answers may be.

    Attributes:
        address: Host and port, for traces.

    Raises:
        UsageError: If the environment does not hold the key that the settings name.
    """

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        parts = urlsplit(settings.url)
        self.address = (parts.hostname or "", parts.port)
        headers = [
            ("accept", "application/json, text/event-stream"),
            ("accept-encoding", "identity"),
            ("content-type", "application/json"),
            ("user-agent", "levelhead"),
        ]
        if settings.key_env is not None:
            headers.append(("authorization", f"Bearer {_key_in(settings.key_env)}"))
        self._client = HTTPClient(
            settings.url,
            headers,
            connect_seconds=settings.connect_seconds,
            idle_seconds=settings.idle_seconds,
            max_connections=settings.max_connections,
        )

    async def ask(
        self, path: str, body: bytes | None = None, *, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Ask, and wait for the whole answer.

        Args:
            path: Below the base address: "chat/completions".
            body: JSON to post; None gets instead.
            headers: Further headers.

        Raises:
            RequestError: If there is no answer, or it is an error or too large.
        """
        async with self.open(path, body, headers=headers) as opened:
            return b"".join([piece async for piece in opened.pieces])

    @asynccontextmanager
    async def open(
        self, path: str, body: bytes | None = None, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Opened]:
        """Ask, and read the answer as it comes. Leaving the context closes the connection.

        Raises:
            RequestError: As `ask`; also from the iterator.
        """
        deadline = asyncio.get_running_loop().time() + self._settings.total_seconds
        method = "GET" if body is None else "POST"
        try:
            async with self._client.request(
                method, path, body, headers=list((headers or {}).items()), deadline=deadline
            ) as answer:
                if answer.status != 200:
                    said = await self._error_body(answer, deadline)
                    raise error_of_answer(answer.status, answer.headers, said)
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise invalid_answer("it is compressed, which was not asked for")
                media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                yield Opened(media_type, self._pieces(answer, deadline))
        except (ConnectError, BrokenOffError) as error:
            raise unreachable(str(error), begun=False) from error
        except SilentError as error:
            raise timed_out(str(error), begun=False) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _pieces(self, answer: Answer, deadline: float) -> AsyncIterator[bytes]:
        received = 0
        try:
            while True:
                async with asyncio.timeout_at(deadline):
                    piece = await anext(answer.pieces, None)
                if piece is None:
                    return
                received += len(piece)
                if received > self._settings.max_answer_bytes:
                    raise too_large(self._settings.max_answer_bytes)
                yield piece
        except BrokenOffError as error:
            raise unreachable(str(error), begun=True) from error
        except SilentError as error:
            raise timed_out(str(error), begun=True) from error
        except TimeoutError as error:
            raise timed_out("total time", begun=True) from error

    async def _error_body(self, answer: Answer, deadline: float) -> bytes:
        """The body of an error; empty if it does not come, or is too long to be one."""
        body = b""
        try:
            async for piece in self._pieces(answer, deadline):
                body += piece
                if len(body) > _MAX_ERROR_BYTES:
                    return b""
        except RequestError:
            return b""  # the status says enough
        return body


def _key_in(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(
            f"The environment variable {variable} holds no key for the upstream. Set it, or leave out "
            "key_env if the upstream wants none."
        )
    return key

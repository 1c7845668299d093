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
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway._config import UpstreamSettings
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._upstream_errors import error_of_answer, invalid_answer, timed_out, too_large

if TYPE_CHECKING:
    import httpx

_IDLE_SECONDS = 2.0
"""A connection that was idle for longer is not used again: servers close theirs after five, and a request
that meets the closing is lost."""
_MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer of the upstream that has begun, with status 200.

    Attributes:
        media_type: Content-Type without parameters, in lower case.
        pieces: The body as it comes.
    """

    media_type: str
    pieces: AsyncIterator[bytes]


class Upstream:
    """A client of the model server. It belongs to one event loop; close it with `aclose`.

    Args:
        settings: Where it is, and what its answers may be.

    Raises:
        UsageError: If the environment does not hold the key that the settings name.
        MissingExtraError: If httpx is not installed.
    """

    def __init__(self, settings: UpstreamSettings) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("Gateways", extra="serve", module=error.name or "httpx") from error
        self._settings = settings
        headers = {
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "levelhead",
        }
        if settings.key_env is not None:
            headers["authorization"] = f"Bearer {_key_in(settings.key_env)}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(settings.idle_seconds, connect=settings.connect_seconds),
            limits=httpx.Limits(
                max_connections=settings.max_connections,
                max_keepalive_connections=settings.max_connections,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            trust_env=False,  # a proxy or a .netrc of the environment would see the key
            follow_redirects=False,
        )

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port, for traces."""
        parts = urlsplit(self._settings.url)
        return parts.hostname or "", parts.port

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
        import httpx

        deadline = asyncio.get_running_loop().time() + self._settings.total_seconds
        request = self._client.build_request(
            "GET" if body is None else "POST",
            f"{self._settings.url}/{path}",
            content=body,
            headers=headers,
        )
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise _no_answer(error) from error
        except TimeoutError as error:
            raise timed_out("total time", begun=False) from error
        try:
            if answer.status_code != 200:
                raise error_of_answer(
                    answer.status_code, answer.headers, await self._error_body(answer, deadline)
                )
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise invalid_answer("it is compressed, which was not asked for")
            media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            yield Opened(media_type, self._pieces(answer, deadline))
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _pieces(self, answer: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
        import httpx

        received = 0
        raw = aiter(answer.aiter_raw())
        try:
            while True:
                async with asyncio.timeout_at(deadline):
                    piece = await anext(raw, None)
                if piece is None:
                    return
                received += len(piece)
                if received > self._settings.max_answer_bytes:
                    raise too_large(self._settings.max_answer_bytes)
                yield piece
        except httpx.HTTPError as error:
            raise _no_answer(error, begun=True) from error
        except TimeoutError as error:
            raise timed_out("total time", begun=True) from error

    async def _error_body(self, answer: httpx.Response, deadline: float) -> bytes:
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


def _no_answer(error: httpx.HTTPError, *, begun: bool = False) -> RequestError:
    """The error for an upstream that did not answer, or not to its end. The words of `error` hold hosts."""
    import httpx

    detail = type(error).__name__
    if isinstance(error, httpx.PoolTimeout):
        return RequestError(
            503,
            "overloaded",
            "Too many requests are under way to the model server.",
            type="server_error",
            retry_after="1",
            detail=detail,
        )
    if isinstance(error, httpx.TimeoutException):
        return timed_out(detail, begun=begun)
    return RequestError(
        502,
        "upstream_unreachable",
        "The model server broke off its answer." if begun else "The model server could not be reached.",
        type="upstream_error",
        detail=detail,
    )

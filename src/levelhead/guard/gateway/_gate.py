"""The gate in front of all routes: who asks, how much, how fast; and what is under way when a client leaves.

It is plain ASGI, so that a client's leaving is seen at once, whatever waits inside. A request is refused as
early as possible: for its key before its length, for its length before its body, for too much under way
before either costs anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from levelhead.guard.gateway._config import LimitSettings
from levelhead.guard.gateway._keys import KeyRing
from levelhead.guard.gateway._metrics import GatewayMetrics
from levelhead.guard.gateway._request_error import RequestError, busy
from levelhead.guard.gateway._responses import Reply, send_error

logger = logging.getLogger(__name__)

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY = "levelhead"
_HEALTH = ("/healthz", "/readyz")
_GUARDED = "/v1/"
"""Beginning of the paths that count as requests. Others, but for those of health, need a key only."""
_TRACE_HEADERS = ("traceparent", "tracestate")
_DRAIN_BYTES, _DRAIN_SECONDS = 4 * 1024 * 1024, 1.0
"""So much of a refused body is still read: who is cut off while sending never sees the answer."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that came through the gate.

    Attributes:
        request_id: Made here; what a client calls its request is not trusted.
        key_id: Name of the client's key; None where no keys are used.
        body: The whole body.
        began: When it came, on the clock of `time.perf_counter`.
        trace: Headers by which a client's trace is gone on from.
    """

    request_id: str
    key_id: str | None
    body: bytes = field(repr=False)
    began: float
    trace: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Lets requests in.

    Args:
        app: What is behind it. It finds an `Admitted` in its scope, and never calls `receive`.
        keys: Who may ask.
        limits: How much may be asked.
        metrics: Counts requests.
        free: Beginnings of paths that are guarded elsewhere.
    """

    def __init__(
        self,
        app: App,
        keys: KeyRing,
        limits: LimitSettings,
        metrics: GatewayMetrics,
        *,
        free: tuple[str, ...] = (),
    ) -> None:
        self._app, self._keys, self._limits, self._metrics = app, keys, limits, metrics
        self._open = (*_HEALTH, *free)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the server."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(self._open):
            await self._app(scope, receive, send)
            return
        reply = Reply(send)
        if not path.startswith(_GUARDED):
            await self._answer(scope, receive, reply)
            return
        self._metrics.begun()
        try:
            await self._answer(scope, receive, reply)
        finally:
            self._metrics.ended()
            if reply.status is not None:
                self._metrics.answered(path.removeprefix(_GUARDED), reply.status)

    async def _answer(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        request_id = uuid.uuid4().hex
        try:
            await self._admit(scope, receive, reply, request_id)
        except RequestError as error:
            logger.info("request %s refused: %s %s", request_id, error.code, error.detail)
            await self._refuse(reply, error, request_id, receive)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            # The words of the error may quote what was asked, which does not belong into a log.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("request %s failed: %s\n%s", request_id, type(error).__name__, places)
            fault = RequestError(
                500, "internal_error", "The gateway failed. Nothing was let through.", type="server_error"
            )
            await self._refuse(reply, fault, request_id, receive)

    async def _admit(self, scope: Scope, receive: Receive, reply: Reply, request_id: str) -> None:
        headers = dict(scope["headers"])
        client = self._keys.client(headers.get(b"authorization"))
        if not scope["path"].startswith(_GUARDED):
            scope[SCOPE_KEY] = Admitted(request_id, client.key_id, b"", time.perf_counter())
            await self._app(scope, receive, reply)
            return
        if self._under_way >= self._limits.max_concurrent:
            raise busy("The gateway has too many requests under way.")
        with client.request():
            self._under_way += 1
            try:
                began = time.perf_counter()
                body = await self._read_body(scope["method"], headers, receive)
                scope[SCOPE_KEY] = Admitted(request_id, client.key_id, body, began, _trace(headers))
                if not await _while_there(self._app(scope, _nothing_more, reply), receive):
                    self._metrics.cancelled()
            finally:
                self._under_way -= 1

    async def _read_body(self, method: str, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        _check_head(method, headers, self._limits.max_body_bytes)
        pieces, received = [], 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(400, "incomplete_body", "The request did not come to its end.")
                    pieces.append(message.get("body", b""))
                    received += len(pieces[-1])
                    if received > self._limits.max_body_bytes:
                        raise _too_large(self._limits.max_body_bytes)
                    if not message.get("more_body", False):
                        return b"".join(pieces)
        except TimeoutError as error:
            raise RequestError(
                408,
                "request_timeout",
                f"The request was not whole within {self._limits.body_seconds:g} s.",
            ) from error

    async def _refuse(self, reply: Reply, error: RequestError, request_id: str, receive: Receive) -> None:
        if reply.status is not None:
            return  # nothing orderly can be said any more: the server closes the connection
        unread = error.status in (401, 408, 413, 415, 429, 503)
        await send_error(reply, error, request_id, drain=(lambda: _drained(receive)) if unread else None)


def _trace(headers: dict[bytes, bytes]) -> dict[str, str]:
    return {
        name: headers[name.encode("ascii")].decode("latin-1")
        for name in _TRACE_HEADERS
        if name.encode("ascii") in headers
    }


def _check_head(method: str, headers: dict[bytes, bytes], max_bytes: int) -> None:
    """Refuse a body for what its headers say of it."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if method == "POST" and kind != b"application/json":
        # A page in a browser may send other kinds to any address without asking.
        raise RequestError(
            415, "unsupported_media_type", "A request is JSON: send Content-Type: application/json."
        )
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise RequestError(
            415, "unsupported_encoding", "Compressed requests are not accepted. Send it as plain JSON."
        )
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(413, "request_too_large", f"The request is larger than {max_bytes:,} bytes.")


async def _drained(receive: Receive) -> None:
    """Read and forget what a client is still sending, for a moment."""
    received = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while received < _DRAIN_BYTES:
                message = await receive()
                received += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return  # it had its moment


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _while_there(work: Awaitable[None], receive: Receive) -> bool:
    """Do the work as long as the client is there; when it leaves, the work is canceled at once.

    Returns:
        Whether the work came to its end.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

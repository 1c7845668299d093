"""How answers are written to a client: whole, as a stream of events, or as an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from levelhead.guard.gateway._request_error import RequestError


class Reply:
    """The way to one client, which knows whether an answer has begun.

    Args:
        send: Of ASGI.

    Attributes:
        status: Of the answer that has begun; None before that.
    """

    def __init__(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send a message of ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def start(self, status: int, media_type: str, headers: Mapping[str, str]) -> None:
        """Begin an answer."""
        written = {"content-type": media_type, "x-content-type-options": "nosniff", **headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in written.items()]
        await self({"type": "http.response.start", "status": status, "headers": raw})

    async def body(self, data: bytes, *, more: bool = False) -> None:
        """Send a piece of the body."""
        await self({"type": "http.response.body", "body": data, "more_body": more})


async def send_json(reply: Reply, body: bytes, headers: Mapping[str, str], *, status: int = 200) -> None:
    """Send a whole answer."""
    await reply.start(status, "application/json", {"content-length": str(len(body)), **headers})
    await reply.body(body)


async def send_events(
    reply: Reply, events: AsyncIterator[bytes], headers: Mapping[str, str], *, seconds: float
) -> None:
    """Send a stream.

    Args:
        reply: The way to the client.
        events: Bytes of whole events.
        headers: Further headers.
        seconds: Longest time in which a client takes nothing.

    Raises:
        RequestError: If the client takes nothing for so long. It will not read this either.
    """
    await reply.start(
        200, "text/event-stream", {"cache-control": "no-cache", "x-accel-buffering": "no", **headers}
    )
    async for data in events:
        try:
            async with asyncio.timeout(seconds):
                await reply.body(data, more=True)
        except TimeoutError as error:
            raise RequestError(408, "client_timeout", f"Nothing was taken for {seconds:g} s.") from error
    await reply.body(b"")


async def send_error(
    reply: Reply, error: RequestError, request_id: str, *, drain: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Send an error.

    Args:
        reply: The way to the client.
        error: What is said.
        request_id: Of the request.
        drain: Reads what the client is still sending. The connection is closed after that.
    """
    body = error.body
    headers = {"content-length": str(len(body)), "x-levelhead-request-id": request_id}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["retry-after"] = error.retry_after
    if drain is not None:
        headers["connection"] = "close"
    await reply.start(error.status, "application/json", headers)
    if drain is not None:
        await reply.body(body, more=True)
        await drain()
        body = b""
    await reply.body(body)

"""The pool of connections to the upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from levelhead.guard.gateway import _http_client
from levelhead.guard.gateway._http_client import HTTPClient

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
AT_ONCE = 5


class _Server:
    """Answers when `AT_ONCE` requests have come, and counts the connections that are open."""

    def __init__(self) -> None:
        self.open = self.opened = 0
        self._meet = asyncio.Barrier(AT_ONCE)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.opened += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self._meet.wait()
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            self.open -= 1
            writer.close()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def test_idle_connections_are_used_again_and_closed_when_nothing_more_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_http_client, "_IDLE_SECONDS", 3.0)
    made = _Server()

    async def run() -> None:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = HTTPClient(
            f"http://127.0.0.1:{port}", [], connect_seconds=10, idle_seconds=10, max_connections=AT_ONCE
        )

        async def ask() -> bytes:
            deadline = asyncio.get_running_loop().time() + 30
            async with client.request("GET", "", None, headers=[], deadline=deadline) as answer:
                return b"".join([piece async for piece in answer.pieces])

        for _ in range(2):
            assert await asyncio.gather(*(ask() for _ in range(AT_ONCE))) == [b"ok"] * AT_ONCE
        assert (made.open, made.opened) == (AT_ONCE, AT_ONCE)
        await _until(lambda: made.open == 0)
        assert await asyncio.gather(*(ask() for _ in range(AT_ONCE))) == [b"ok"] * AT_ONCE
        assert made.opened == 2 * AT_ONCE
        await client.aclose()
        await _until(lambda: made.open == 0)
        server.close()
        await server.wait_closed()

    asyncio.run(run())

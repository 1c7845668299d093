"""Servers on loopback that send pictures, or what an attacker sends instead of them.

A name is answered by a script, never by the system; the gate may reach 127.0.0.1 because the test's policy
opens exactly that address.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from levelhead.guard.gateway._media_policy import MediaPolicy

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
HOST = "pictures.example"


@dataclass
class Server:
    """A running server.

    Attributes:
        port: On 127.0.0.1.
        requests: The heads of the requests that came.
        most_at_once: Largest number of connections at one time.
    """

    port: int = 0
    requests: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def url(self, path: str = "/x.png", host: str = HOST) -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    answers: Mapping[str, Answer] | Answer, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Answer requests, by their path or all in one way."""
    server = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.at_once += 1
        server.most_at_once = max(server.most_at_once, server.at_once)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            server.requests.append(head)
            answer = answers[head.split(" ")[1]] if isinstance(answers, Mapping) else answers
            await answer(writer)
        server.at_once -= 1
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def sends(
    body: bytes,
    *headers: str,
    status: str = "200 OK",
    length: int | None = None,
    times: int = 1,
    pause: float = 0,
) -> Answer:
    """An answer: the body so many times, with a true Content-Length unless another is given (-1: none)."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        told = len(body) * times if length is None else length
        lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {told}"] if told >= 0 else [])]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for _ in range(times):
            writer.write(body)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


def redirects(location: str, status: str = "302 Found", *headers: str) -> Answer:
    """An answer that sends the client elsewhere."""
    return sends(b"", f"Location: {location}", *headers, status=status)


class Names:
    """A scripted resolver.

    Args:
        answers: For each name, the answers to the first question, the second, and so on; the last one stays.
    """

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host, [["127.0.0.1"]] if host == HOST else [])
        if not answers:
            raise OSError(f"no such name: {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def loopback_policy(*ports: int, **changes: object) -> MediaPolicy:
    """A policy that opens 127.0.0.1, and no other address of this machine, at some ports."""
    return MediaPolicy.model_validate(
        {"allowed_networks": ["127.0.0.1/32"], "allowed_ports": ports, "idle_seconds": 2, **changes}
    )

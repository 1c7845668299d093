"""Clients that go on asking, and a model server that counts who asked: for rolling_restart.py."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from _load_plan import pieces, stream_of, whole_of

PIECE_SECONDS = 0.02
"""Before each 500 bytes of a streamed answer, so that some are under way at any time."""


class CountingUpstream:
    """A model server that says the mark of each question again, and counts the marks that it heard."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        mark = body["messages"][-1]["content"]
        self.asked[mark] += 1
        text = f"{mark}. Bread is baked in an oven. It tastes of rye and of salt."
        if body["stream"]:
            return StreamingResponse(pieces(stream_of(text), PIECE_SECONDS), media_type="text/event-stream")
        await asyncio.sleep(PIECE_SECONDS)
        return Response(whole_of(text), media_type="application/json")


@dataclass(frozen=True, slots=True)
class Answered:
    """One request and what became of it.

    Attributes:
        mark: What it asked; nobody else asks it.
        began: When it was sent, on the clock of `time.monotonic`.
        seconds: Until its end.
        outcome: `whole`, or what went wrong.
        request_id: By which the gateway calls it, if it answered.
    """

    mark: str
    began: float
    seconds: float
    outcome: str
    request_id: str | None


@dataclass
class Load:
    """Clients that ask one question after the other, and all that they heard.

    Attributes:
        think_seconds: Of a client, between an answer and its next question.
        heard: Every request.
    """

    think_seconds: float
    heard: list[Answered] = field(default_factory=list)
    _going_on: bool = True

    @asynccontextmanager
    async def from_clients(self, addresses: Sequence[str], count: int) -> AsyncIterator[None]:
        """So many clients of each address: half of them stream, half have a new connection for each request.

        All requests have come to their end when the context is left.
        """
        self._going_on = True
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(_client(address, idle_connections))
                for address in addresses
                for idle_connections in (100, 0)
            ]
            async with asyncio.TaskGroup() as group:
                for number in range(count * len(addresses)):
                    client = clients[number // 2 % len(clients)]
                    group.create_task(self._one_client(client, streamed=number % 2 == 0))
                try:
                    yield
                finally:
                    self._going_on = False

    async def _one_client(self, client: httpx.AsyncClient, *, streamed: bool) -> None:
        while self._going_on:
            mark, began = f"mark-{len(self.heard)}-{time.monotonic_ns()}", time.monotonic()
            outcome, request_id = await _ask(client, mark, streamed=streamed)
            self.heard.append(Answered(mark, began, time.monotonic() - began, outcome, request_id))
            await asyncio.sleep(self.think_seconds)


def _client(address: str, idle_connections: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_keepalive_connections=idle_connections)
    return httpx.AsyncClient(base_url=address, limits=limits, timeout=60, trust_env=False)


async def _ask(client: httpx.AsyncClient, mark: str, *, streamed: bool) -> tuple[str, str | None]:
    asked = {"model": "m", "messages": [{"role": "user", "content": mark}], "stream": streamed}
    try:
        answer = await client.post("/v1/chat/completions", json=asked)
    except httpx.HTTPError as error:
        return type(error).__name__, None
    request_id = answer.headers.get("x-levelhead-request-id")
    if answer.status_code != 200:
        return f"status {answer.status_code}", request_id
    said = _streamed_text(answer.text) if streamed else _plain_text(answer.text)
    right = said is not None and re.findall(r"mark-\d+-\d+", said) == [mark] and said.endswith("of salt.")
    return "whole" if right else "not whole", request_id


def _plain_text(body: str) -> str | None:
    choices = json.loads(body)["choices"]
    text: str = choices[0]["message"]["content"]
    return text if choices[0]["finish_reason"] == "stop" else None


def _streamed_text(stream: str) -> str | None:
    if not stream.endswith("data: [DONE]\n\n"):
        return None
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in event.get("choices", ())]
    if choices[-1]["finish_reason"] != "stop":
        return None
    return "".join(choice["delta"].get("content") or "" for choice in choices)

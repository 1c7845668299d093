"""Questions with marks, and a model server that answers each as planned: for gateway_load.py.

The answers themselves, whole and as events of a stream, are those of rolling_restart.py too.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

Kind = Literal["whole", "harmful", "faulty", "leaves"]
HARM = "Then buy a gun and build a pipe bomb. "


@dataclass(frozen=True)
class Question:
    """One request of the plan.

    Attributes:
        mark: Unique; stands in the question and in its answer.
        kind: What is to become of it.
        streamed: Whether the answer is streamed.
        draw: A number from 0 to 1 by which faults and times of leaving are chosen.
    """

    mark: str
    kind: Kind
    streamed: bool
    draw: float


def planned(count: int, seed: int) -> list[Question]:
    """So many questions in a random order, with fixed shares of each kind."""
    drawn = random.Random(seed)
    shares: dict[Kind, int] = {"faulty": count // 20, "leaves": count // 20, "harmful": count // 7}
    shares["whole"] = count - sum(shares.values())
    kinds = [kind for kind, share in shares.items() for _ in range(share)]
    drawn.shuffle(kinds)
    return [
        Question(f"mark-{number}-{drawn.getrandbits(32):08x}", kind, drawn.random() < 0.5, drawn.random())
        for number, kind in enumerate(kinds)
    ]


class Upstream:
    """A model server that answers each question as the plan says."""

    def __init__(self) -> None:
        self.plan: dict[str, Question] = {}
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        question = self.plan[(await request.json())["messages"][-1]["content"]]
        if question.kind == "faulty":
            return _fault(question)
        text = f"{question.mark}. Bread is baked in an oven. {HARM if question.kind == 'harmful' else ''}"
        if question.streamed:
            return StreamingResponse(
                pieces(stream_of(text), 0.004 if question.kind == "leaves" else 0),
                media_type="text/event-stream",
            )
        if question.kind == "leaves":
            await asyncio.sleep(0.01)
        return Response(whole_of(text), media_type="application/json")


def _fault(question: Question) -> Response:
    text = f"{question.mark}. Bread is baked in an oven. "
    whole = stream_of(text) if question.streamed else whole_of(text)
    media_type = "text/event-stream" if question.streamed else "application/json"
    half = whole[: len(whole) // 2]
    faults = [
        Response(b'{"error": {"message": "out of memory"}}', 500, media_type="application/json"),
        Response(b"{}", 429, {"retry-after": "1"}, media_type="application/json"),
        Response(half, media_type=media_type),
        Response(b"<html><title>502</title></html>", media_type="text/html"),
        StreamingResponse(_broken(half), media_type=media_type),
    ]
    return faults[int(question.draw * len(faults))]


def whole_of(text: str) -> bytes:
    """A whole answer that says a text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "choices": [choice]}).encode()


def stream_of(text: str) -> bytes:
    """A streamed answer that says a text, as one run of bytes."""
    cut = [text[at : at + 12] for at in range(0, len(text), 12)]
    said: list[tuple[dict[str, str], str | None]] = [({"content": one}, None) for one in cut]
    events = [
        json.dumps(
            {
                "id": "c",
                "object": "chat.completion.chunk",
                "created": 1,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
        )
        for delta, finish in [({"role": "assistant"}, None), *said, ({}, "stop")]
    ]
    return "".join(f"data: {one}\n\n" for one in [*events, "[DONE]"]).encode()


async def pieces(raw: bytes, pause: float) -> AsyncIterator[bytes]:
    """An answer in pieces of 500 bytes, with a pause before each."""
    for at in range(0, len(raw), 500):
        await asyncio.sleep(pause)
        yield raw[at : at + 500]


async def _broken(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
    raise ConnectionResetError


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[str]:
    """The upstream on a free port. Yields its base address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level=60, ws="none"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    await serving

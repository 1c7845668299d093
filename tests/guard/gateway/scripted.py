"""A detector, an upstream and a gateway that do what a test tells them to, on the loopback.

Whoever says how to steal the cookies is harmful here; who says something odd cannot be judged. The detector's
words are looked for in the whole text, so that a harmful text may be cut anywhere.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from levelhead.guard import Detector, Detoxifier, Judgement, Pair, Rewriting, TemplateDetoxifier
from levelhead.guard.gateway._app import build_app
from levelhead.guard.gateway._config import GatewayConfig
from levelhead.guard.gateway._serve import build_server, listen_on
from levelhead.guard.gateway._telemetry import Telemetry
from levelhead.guard.gateway.audit._log import AuditLog

HARMLESS = "Share the cookies with everybody. They taste of butter. Bake more on Sunday."
HARMFUL = "Cookies are baked at noon. Then steal the cookies at night. Nobody will know."


class CookieDetector(Detector):
    """Harmful from `steal the cookies` on, unjudgeable from `odd` on; raises, hangs, talks nonsense at will.

    Attributes:
        batches: The texts of each call that had any that is not blank.
        hold: While it is cleared, the detector hangs.
    """

    name = "cookies"
    fingerprint = "cookies"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.hold = threading.Event()
        self.hold.set()

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        if pairs:
            self.batches.append([pair.answer for pair in pairs])
        if not self.hold.wait(30):
            raise RuntimeError("held for too long")
        if any("raise" in pair.answer for pair in pairs):
            raise RuntimeError("secret words of the detector")
        if any("nonsense" in pair.answer for pair in pairs):
            return []
        return [self._one(pair.answer) for pair in pairs]

    def _one(self, text: str) -> Judgement:
        if "odd" in text:
            return Judgement.failed("It is odd.")
        if "nan" in text.split():
            return Judgement.of_logit(float("nan"))
        harmful = "steal the cookies" in text.lower()
        return Judgement.of(0.9 if harmful else 0.1, category="theft" if harmful else None)


class CookieDetoxifier(Detoxifier):
    """Rewrites by a function."""

    name = "cookies"
    fingerprint = "cookies"

    def __init__(self, script: Callable[[Pair, int], str | Rewriting]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._script = script

    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        self.asked += [(pair.answer, attempt) for pair in pairs]
        found = [self._script(pair, attempt) for pair in pairs]
        return [one if isinstance(one, Rewriting) else Rewriting(one) for one in found]


@dataclass
class Asked:
    """One request that the upstream got."""

    path: str
    body: dict[str, Any]
    raw: bytes
    headers: dict[str, str]


Script = Callable[[Asked], Response]


@dataclass
class ScriptedUpstream:
    """A model server that answers by a function, and remembers.

    Attributes:
        script: From a request to its answer.
        asked: The requests, in the order in which they came.
        left: Set when a client has left before the end of its answer.
    """

    script: Script
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    under_way: int = 0

    @property
    def app(self) -> ASGIApp:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            body = json.loads(raw) if raw else {}
            asked = Asked(request.url.path.removeprefix("/v1/"), body, raw, dict(request.headers))
            self.asked.append(asked)
            return self.script(asked)

        return Starlette(routes=[Route("/v1/{rest:path}", answer, methods=["GET", "POST"])])


@contextmanager
def running(app: ASGIApp, config: GatewayConfig | None = None) -> Iterator[str]:
    """An ASGI app on a free port, in a thread. Yields its base address."""
    listening = listen_on("127.0.0.1", 0)
    port = listening.getsockname()[1]
    ready = threading.Event()
    server = build_server(app, (config or GatewayConfig()).listen, ready.set)
    if config is None:  # an upstream may be as it likes
        server.config.lifespan = "off"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        assert not thread.is_alive(), "the server did not end"


@dataclass
class World:
    """A gateway, what is behind it, and what judges in it."""

    url: str
    detector: CookieDetector
    upstream: ScriptedUpstream


@contextmanager
def guarded(
    script: Script,
    *,
    detoxifier: Detoxifier | None = None,
    upstream_url: str | None = None,
    judge: Detector | None = None,
    telemetry: Telemetry | None = None,
    **settings: Any,
) -> Iterator[World]:
    """A gateway in front of a scripted upstream.

    Args:
        script: What the upstream answers.
        detoxifier: A plain refusal if not given.
        upstream_url: Another upstream, which need not be there.
        judge: Another detector than the one of cookies.
        telemetry: None are made if not given.
        settings: Sections of the config.
    """
    with ExitStack() as stack:
        upstream = ScriptedUpstream(script)
        behind = upstream_url or stack.enter_context(running(upstream.app)) + "/v1"
        sections = {"upstream": {}, **settings}
        sections["upstream"] = {"url": behind, **sections["upstream"]}
        config = GatewayConfig.model_validate(sections)
        detector = CookieDetector()
        audit = None if config.audit is None else AuditLog(config.audit)
        if audit is not None:
            stack.callback(audit.close)
        app = build_app(
            config,
            judge or detector,
            detoxifier or TemplateDetoxifier(config.detoxifier.refusal),
            audit=audit,
            telemetry=telemetry,
        )
        stack.callback(detector.hold.set)
        yield World(stack.enter_context(running(app, config)), detector, upstream)


def chat(*texts: str | None, finish: str = "stop", **further: Any) -> Response:
    """A whole answer with one choice for each text; further fields go into its messages."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text, **further},
            "finish_reason": finish,
        }
        for index, text in enumerate(texts)
    ]
    return as_json({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": choices})


def as_json(body: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer. Underlines in names of headers are hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(raw, status, media_type="application/json", headers=sent)


def delta(said: dict[str, Any], *, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    """One piece of a streamed answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": index, "delta": said, "finish_reason": finish}],
    }


def pieces_of(text: str, size: int = 4) -> list[dict[str, Any]]:
    """A whole streamed answer: the role, pieces of so many characters, and the end."""
    cut = [delta({"content": text[at : at + size]}) for at in range(0, len(text), size)]
    return [delta({"role": "assistant", "content": ""}), *cut, delta({}, finish="stop")]


def lines_of(events: Sequence[object], *, done: bool = True) -> bytes:
    """Events as they stand in a stream."""
    sent = [one if isinstance(one, str) else json.dumps(one) for one in events] + (["[DONE]"] if done else [])
    return "".join(f"data: {one}\n\n" for one in sent).encode()


def stream(
    raw: bytes, *, size: int = 64, pause: float = 0.0, media_type: str = "text/event-stream"
) -> Response:
    """A streamed answer, in pieces of so many bytes, with a pause before each."""

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), size):
            if pause:
                await asyncio.sleep(pause)
            yield raw[at : at + size]

    return StreamingResponse(parts(), media_type=media_type)


def by_mode(text: str, size: int = 4) -> Script:
    """An upstream that always says the same, streamed where that is asked for."""
    return lambda asked: stream(lines_of(pieces_of(text, size))) if asked.body.get("stream") else chat(text)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()

"""The routes of the gateway, and what starts and ends with it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from levelhead.guard.detector._detector import Detector
from levelhead.guard.detoxifier._detoxifier import Detoxifier
from levelhead.guard.gateway._config import GatewayConfig
from levelhead.guard.gateway._decide import Decider
from levelhead.guard.gateway._disguises import UndisguisingDetector
from levelhead.guard.gateway._ending import Ending
from levelhead.guard.gateway._gate import SCOPE_KEY, Admitted, Gate
from levelhead.guard.gateway._judges import BatchedJudges
from levelhead.guard.gateway._keys import KeyRing
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._metrics import GatewayMetrics
from levelhead.guard.gateway._moderations import moderate
from levelhead.guard.gateway._openapi import openapi_document
from levelhead.guard.gateway._recorder import Recorder
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._requests import MODEL_NAME, Endpoint
from levelhead.guard.gateway._responses import Reply, send_json
from levelhead.guard.gateway._service import Service
from levelhead.guard.gateway._strict_json import NotStrictJSONError, parse_object
from levelhead.guard.gateway._telemetry import Telemetry
from levelhead.guard.gateway._ui import ui_routes
from levelhead.guard.gateway._upstream import Upstream
from levelhead.guard.gateway._upstream_errors import invalid_answer
from levelhead.guard.gateway.audit._log import AuditLog

_MODEL_NAME = re.compile(MODEL_NAME, re.ASCII)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes are made of."""

    config: GatewayConfig
    judges: BatchedJudges
    upstream: Upstream
    media: MediaGate
    recorder: Recorder
    service: Service
    ending: Ending


def build_app(
    config: GatewayConfig,
    detector: Detector,
    detoxifier: Detoxifier,
    *,
    media: MediaGate | None = None,
    audit: AuditLog | None = None,
    telemetry: Telemetry | None = None,
    ending: Ending | None = None,
) -> ASGIApp:
    """The gateway as an ASGI app, for one event loop.

    Args:
        config: All settings.
        detector: Judges; closed by the caller, after the app has ended.
        detoxifier: Rewrites; closed by the caller.
        media: The door for pictures; made by `config.media` if not given. The app closes it.
        audit: The audit log; closed by the caller.
        telemetry: Makes traces, closed by the caller; none are made if not given.
        ending: Set by who serves the app, when it is about to end; `/readyz` says so.

    Raises:
        UsageError: If a key is not where the settings say.
    """
    keys = KeyRing(config.keys)
    judging = UndisguisingDetector(detector) if config.detector.undisguise else detector
    judges = BatchedJudges(judging, detoxifier, config.detector, config.detoxifier)
    metrics = GatewayMetrics(queue_depth=lambda: judges.waiting, audit=audit)
    recorder = Recorder(metrics, audit, content=config.logs.content)
    decider = Decider(
        judges, config.policy, retries=config.detoxifier.retries, refusal=config.detoxifier.refusal
    )
    upstream = Upstream(config.upstream)
    door = media or MediaGate(config.media)
    service = Service(config, decider, upstream, door, recorder, telemetry or Telemetry())
    page = [] if audit is None else ui_routes(audit, config.ui, on_feedback=metrics.marked)
    app = _routes(Parts(config, judges, upstream, door, recorder, service, ending or Ending()), page)
    return Gate(app, keys, config.limits, metrics, free=("/ui",) if page else ())


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A route that writes its answer itself. A plain function would be taken for one that returns it."""

    answer: Callable[[Admitted, Reply], Awaitable[None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        admitted: Admitted = scope[SCOPE_KEY]
        await self.answer(admitted, Reply(send))


def _routes(parts: Parts, page: Sequence[Route]) -> Router:
    async def models(request: Request) -> Response:
        return Response(await _models(parts.upstream, request), media_type="application/json")

    async def moderations(admitted: Admitted, reply: Reply) -> None:
        found = await moderate(
            admitted.body,
            parts.judges,
            parts.config.limits,
            detector=parts.config.detector.name.partition(":")[0],
            request_id=admitted.request_id,
        )
        await send_json(reply, json.dumps(found).encode("ascii"), {})

    async def alive(request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        if parts.ending.began:
            return JSONResponse({"status": "ending"}, 503)
        if parts.judges.stuck:
            return JSONResponse({"status": "the detector does not answer"}, 503)
        return JSONResponse({"status": "ready"})

    described = json.dumps(openapi_document(parts.config)).encode("ascii")

    async def description(request: Request) -> Response:
        return Response(described, media_type="application/json")

    async def metrics(request: Request) -> Response:
        body, media_type = parts.recorder.metrics.exposition()
        return Response(body, headers={"content-type": media_type})

    @asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:
        audit, metrics = parts.recorder.audit, parts.recorder.metrics
        if audit is not None:
            metrics.marked(await asyncio.to_thread(audit.feedback))
        try:
            yield
        finally:
            await parts.media.aclose()
            await parts.upstream.aclose()
            await asyncio.to_thread(parts.judges.close)

    # The bare router: what goes wrong inside is answered by the gate, in one place and form.
    routes = [
        *(
            Route(f"/v1/{name}", _Endpoint(partial(parts.service.answer, name)), methods=["POST"])
            for name in get_args(Endpoint)
        ),
        Route("/v1/moderations", _Endpoint(moderations), methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{name:path}", models, methods=["GET"]),
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", description, methods=["GET"]),
        *page,
    ]
    return Router([*routes, Mount("/", _nowhere(routes))], lifespan=lifespan)


def _nowhere(routes: Sequence[Route]) -> ASGIApp:
    """Answers for all addresses and methods that no route takes."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        allowed = {method for route in routes if _at(route, scope) for method in route.methods or ()}
        said = "There is nothing at this address."
        if allowed:
            said = "This address is not asked by this method."
        error = RequestError(405 if allowed else 404, "unknown_url", said)
        headers = {"allow": ", ".join(sorted(allowed))} if allowed else None
        response = Response(error.body, error.status, headers, "application/json")
        await response(scope, receive, send)

    return answer


def _at(route: Route, scope: Scope) -> bool:
    """Whether a route is the one of an address, by whatever method."""
    return route.matches(scope)[0] is Match.PARTIAL


async def _models(upstream: Upstream, request: Request) -> bytes:
    name = request.path_params.get("name")
    if name is not None and not _MODEL_NAME.fullmatch(name):
        raise RequestError(404, "model_not_found", "There is no model of this name.")
    raw = await upstream.ask("models" if name is None else f"models/{name}")
    try:
        parse_object(raw)
    except NotStrictJSONError as error:
        raise invalid_answer(str(error)) from error
    return raw

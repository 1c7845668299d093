"""From a config to a gateway that listens: what is loaded, what is refused before anything listens."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, cast

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway._config import GatewayConfig, ListenSettings
from levelhead.guard.gateway._ending import Ending, last_ones_in

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_BACKLOG = 2048
_TICK_SECONDS = 0.1
_SERVE_MODULES = ("httpx", "prometheus_client", "starlette", "uvicorn")


def check_config(config: GatewayConfig) -> None:
    """Refuse a gateway that would be open to others without a key.

    Raises:
        UsageError: If it would.
    """
    if not config.listen.local and not config.keys:
        raise UsageError(
            f"{config.listen.host} can be reached by other machines, and no key is asked for. Add a [[keys]] "
            "section to the config, or listen on 127.0.0.1."
        )
    if config.detector.name.endswith("+ocr"):
        raise UsageError(
            f"The detector {config.detector.name} reads pictures itself. In the gateway the rail does: give "
            f"{config.detector.name.removesuffix('+ocr')}, and leave rails.pictures on."
        )


def serve(config: GatewayConfig, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are then seen to their end.

    Args:
        config: All settings.
        announce: Called with the address, once the gateway listens.

    Raises:
        UsageError: If the config cannot be served, or something that it names is not there.
        MissingExtraError: If the extra `serve` is not installed.
        ModelError: If weights are missing or damaged. Nothing is downloaded.
    """
    check_config(config)
    _check_extra()
    from levelhead.guard.detector._load import load_detector
    from levelhead.guard.detoxifier._load import load_detoxifier
    from levelhead.guard.gateway._app import build_app
    from levelhead.guard.gateway._logs import json_logs
    from levelhead.guard.gateway._telemetry import open_telemetry
    from levelhead.guard.gateway.audit._log import AuditLog

    with ExitStack() as stack:
        telemetry = open_telemetry(config.telemetry)
        stack.callback(telemetry.close)
        detector = stack.enter_context(
            load_detector(
                config.detector.name,
                calibration=config.detector.calibration,
                threads=config.detector.threads,
            )
        )
        detoxifier = stack.enter_context(
            load_detoxifier(config.detoxifier.name, refusal=config.detoxifier.refusal)
        )
        audit = None
        if config.audit is not None:
            audit = AuditLog(config.audit)
            stack.callback(audit.close)
        ending = Ending()
        app = build_app(config, detector, detoxifier, audit=audit, telemetry=telemetry, ending=ending)
        stack.enter_context(json_logs(config.logs))
        run(app, config, announce, ending)


def run(app: ASGIApp, config: GatewayConfig, announce: Callable[[str], None], ending: Ending) -> None:
    """Run an ASGI app on the address of a config, until SIGTERM or Ctrl-C.

    Args:
        app: What is served.
        config: Where, and within what bounds.
        announce: Called with the address, once it listens.
        ending: Told when the end begins.

    Raises:
        UsageError: If the address cannot be listened on.
    """
    with listen_on(config.listen.host, config.listen.port) as listening:
        server = build_server(app, config.listen, lambda: announce(_address(listening)), ending)
        with _signals_end_the_server_only():
            server.run(sockets=[listening])


@contextmanager
def _signals_end_the_server_only() -> Iterator[None]:
    """Uvicorn raises a signal once more after it has ended; what comes after, such as the log, must live."""
    before = {number: signal.signal(number, _passed_over) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _passed_over(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing."""


def build_server(
    app: ASGIApp, listen: ListenSettings, started: Callable[[], None], ending: Ending | None = None
) -> uvicorn.Server:
    """The server of a gateway.

    Args:
        app: What it serves.
        listen: Bounds and times. The socket is given to `Server.run`.
        started: Called once it listens.
        ending: Told when the end begins; nobody is, if it is not given.
    """
    import uvicorn
    from uvicorn.protocols.http.flow_control import CLOSE_HEADER

    from levelhead.guard.gateway._connection import BoundedConnection, bounded

    told = ending or Ending()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            told.began = True
            self.server_state.default_headers = [*self.server_state.default_headers, CLOSE_HEADER]
            for connection in cast(set[BoundedConnection], self.server_state.connections):
                connection.ending(listen.lame_duck_seconds)
            await self._still_serve(listen.lame_duck_seconds)
            await last_ones_in(sockets or ())
            await super().shutdown(sockets)

        async def _still_serve(self, seconds: float) -> None:
            """Wait, but no longer than until a second Ctrl-C."""
            end = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end and not self.force_exit:
                await asyncio.sleep(_TICK_SECONDS)

    return Server(
        uvicorn.Config(
            app,
            http=bounded(header_seconds=listen.header_seconds, max_connections=listen.max_connections),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=math.ceil(listen.keep_alive_seconds),
            timeout_graceful_shutdown=math.ceil(listen.drain_seconds),
        )
    )


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: If the address cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # With its protocol told: asyncio sends small packets at once only on sockets that it knows to be TCP.
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_listening(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _not_listening(host, port, error) from error
    return listening


def _not_listening(host: str, port: int, error: OSError) -> UsageError:
    return UsageError(
        f"{host}, port {port}, cannot be listened on ({error.strerror}). Give another --port or --host."
    )


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _check_extra() -> None:
    from importlib.util import find_spec

    for module in _SERVE_MODULES:
        if find_spec(module) is None:
            raise MissingExtraError("Gateways", extra="serve", module=module)

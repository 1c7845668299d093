"""T3: what a question with a picture costs, one at a time. No picture comes twice."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gateway.client import Connection
from gateway.measuring import DIRECT, Running, Servers, proper
from gateway.peers._launch import KEY
from gateway.traffic import PICTURE_SIZES, PictureSize, body, picture, question

_MOST_ROUNDS = 40


async def measure(servers: Servers, ends_at: float, given: Iterator[int]) -> dict[str, Any]:
    """By server and size of picture, the numbers.

    Args:
        servers: By name; `direct` is one of them.
        ends_at: On the clock of `time.monotonic`; at least two rounds are taken.
        given: Numbers of requests.
    """
    taken: dict[str, dict[str, list[float | None]]] = {
        name: {size.name: [] for size in PICTURE_SIZES} for name in servers
    }
    rounds = -1  # the first one warms up
    while rounds < 2 or (rounds < _MOST_ROUNDS and time.monotonic() < ends_at):
        for size in PICTURE_SIZES:
            for name, running in servers.items():
                seconds = await _ask(running, size, next(given))
                if rounds >= 0:
                    taken[name][size.name].append(seconds)
        rounds += 1
    return {
        name: {size: _numbers(name, seconds, taken[DIRECT][size]) for size, seconds in sizes.items()}
        for name, sizes in taken.items()
    }


async def _ask(running: Running, size: PictureSize, number: int) -> float | None:
    """Seconds of one question with a picture; None if it got no proper answer."""
    asked = body(question(number), "plain", picture=picture(size, number))
    connection = Connection("127.0.0.1", running.server.port, KEY)
    try:
        exchange = await connection.ask(asked)
    finally:
        connection.close()
    running.resident_bytes = max(running.resident_bytes, running.server.resident_bytes())
    return exchange.seconds if proper(exchange, "plain") else None


def _numbers(
    name: str, seconds: Sequence[float | None], direct: Sequence[float | None]
) -> dict[str, float | int | None]:
    pairs = [(one, other) for one, other in zip(seconds, direct, strict=True) if one and other]
    found: dict[str, float | int | None] = {
        "requests": len(pairs),
        "failures": sum(1 for one in seconds if one is None),
    }
    mine, theirs = np.array(pairs).reshape(-1, 2).T * 1e3
    if not len(mine):
        return found
    found["latency_ms_p50"] = round(float(np.median(mine)), 3)
    if name != DIRECT:
        low, middle, high = np.percentile(mine - theirs, (25, 50, 75))
        found |= {
            "added_ms_p50": round(float(middle), 3),
            "added_ms_quartile_1": round(float(low), 3),
            "added_ms_quartile_3": round(float(high), 3),
        }
    return found

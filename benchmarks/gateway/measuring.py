"""Rounds of load on several servers in turn, so that what disturbs the machine disturbs all of them.

In each round each server gets its turn at each kind of load, in a new random order. A server is compared with
`direct`, the upstream without anything before it, of the same rounds.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.client import Connection, Exchange, load
from gateway.peers._launch import KEY
from gateway.processes import Server
from gateway.traffic import SUBJECT, Mode, body, question

DIRECT = "direct"
_MARK = 100_000
"""The first number of a request; all have six digits."""


@dataclass(frozen=True, order=True)
class Load:
    """A kind of load: how answers come, and how many requests are under way at once."""

    mode: Mode
    at_once: int

    @property
    def name(self) -> str:
        """Its name in results."""
        return f"{self.mode}-{self.at_once}"


LOADS = (*(Load(mode, count) for mode in ("plain", "stream") for count in (1, 8, 32)), Load("paced", 8))


@dataclass(frozen=True)
class Turn:
    """What one server did in its turn of one round.

    Attributes:
        seconds: Of each proper answer, from the request to its end.
        first_text: Of each proper answer that was streamed, from the request to the first text.
        worst_gap: Of each proper answer that was streamed, the longest silence after the first text.
        elapsed: Seconds of the turn.
        cpu_seconds: Processor time of the server.
        failures: Answers that were no proper ones.
    """

    seconds: Sequence[float]
    first_text: Sequence[float]
    worst_gap: Sequence[float]
    elapsed: float
    cpu_seconds: float
    failures: int


@dataclass
class Running:
    """A server with what was read off it.

    Attributes:
        server: The process.
        turns: By load, one for each round.
        resident_bytes: The most that was seen after a turn.
    """

    server: Server
    turns: dict[Load, list[Turn]] = field(default_factory=dict)
    resident_bytes: int = 0


Servers: TypeAlias = Mapping[str, Running]


def bodies(mode: Mode, numbers: Iterator[int]) -> Iterator[bytes]:
    """Harmless requests, no two the same."""
    return (body(question(next(numbers)), mode) for _ in itertools.count())


def numbers(seed: int) -> Iterator[int]:
    """Numbers of requests: six digits; no two within a run are the same."""
    return itertools.cycle(random.Random(seed).sample(range(_MARK, 10 * _MARK), 9 * _MARK))


def proper(exchange: Exchange, mode: Mode) -> bool:
    """Whether an answer is the model's own, to its end."""
    raw = exchange.raw
    if exchange.status != 200 or b'"error"' in raw:
        return False
    return b"[DONE]" in raw and exchange.first_text is not None if mode != "plain" else b"cut it" in raw


async def take_turn(
    running: Running, kind: Load, given: Iterator[int], *, seconds: float, at_least: int
) -> Turn:
    """One turn of one server."""
    connections = [Connection("127.0.0.1", running.server.port, KEY) for _ in range(kind.at_once)]
    used = running.server.cpu_seconds()
    try:
        exchanges, elapsed = await load(
            connections, bodies(kind.mode, given), seconds=seconds, at_least=at_least
        )
    finally:
        for connection in connections:
            connection.close()
    good = [one for one in exchanges if proper(one, kind.mode)]
    running.resident_bytes = max(running.resident_bytes, running.server.resident_bytes())
    streamed = kind.mode != "plain"
    return Turn(
        [one.seconds for one in good],
        [one.first_text for one in good if one.first_text is not None] if streamed else [],
        [one.worst_gap for one in good] if streamed else [],
        elapsed,
        running.server.cpu_seconds() - used,
        len(exchanges) - len(good),
    )


async def take_rounds(
    servers: Servers,
    *,
    loads: Sequence[Load] = LOADS,
    turn_seconds: float,
    budget_seconds: float,
    most_rounds: int,
    seed: int,
) -> int:
    """Rounds until the time is over, at least two. The first one, which warms up, is forgotten.

    Args:
        servers: By name; `direct` is one of them.
        loads: Each server gets each of them once a round.
        turn_seconds: No request of a turn begins after that.
        budget_seconds: No round begins after that.
        most_rounds: Rounds that count.
        seed: Of the order and of the numbers.

    Returns:
        The number of rounds that counted.
    """
    order, given = random.Random(seed), numbers(seed)
    began, rounds = time.monotonic(), -1
    while rounds < 1 or (rounds < most_rounds and time.monotonic() - began < budget_seconds):
        for kind in loads:
            for name in order.sample(sorted(servers), len(servers)):
                warming = rounds < 0
                turn = await take_turn(
                    servers[name],
                    kind,
                    given,
                    seconds=turn_seconds / 2 if warming else turn_seconds,
                    at_least=kind.at_once,
                )
                if not warming:
                    servers[name].turns.setdefault(kind, []).append(turn)
        rounds += 1
    return rounds


async def what_it_stops(running: Running) -> dict[str, bool]:
    """Whether a server keeps harm back: in the question, in a plain answer, in a streamed one."""
    connection = Connection("127.0.0.1", running.server.port, KEY)
    try:
        asked = await connection.ask(body(question(_MARK, harm="question"), "plain"))
        plain = await connection.ask(body(question(_MARK + 1, harm="answer"), "plain"))
        stream = await connection.ask(body(question(_MARK + 2, harm="answer"), "stream"))
    finally:
        connection.close()
    return {
        "question": b"about bread" not in asked.raw,
        "answer": SUBJECT.encode() not in plain.raw,
        # A stream comes word by word, so the phrase itself need not stand in its bytes.
        "stream": SUBJECT.split()[0].encode() not in stream.raw,
    }

"""Several servers of one model behind one endpoint: each request goes to the one with the fewest under way.

A server that breaks down or is busy rests, longer each time, and its requests go to the others; after the
rest one request tries it. Only if all of them fail is a request tried again later, when the first is back.
This module knows nothing of prompts or of what an error means.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import openai

_SHORTEST_REST, _LONGEST_REST = 1.0, 60.0
"""Seconds. A server that fails rests twice as long each time in a row."""
_LONGEST_WAIT = 120.0
"""Seconds that a request waits until the first server is back; the SDK waits as long for a Retry-After."""

_BUSY = 429
_SICK = frozenset({408, 409, _BUSY, 500, 502, 503, 504})


@dataclass(eq=False)
class Server:
    """One server and how it fares.

    Attributes:
        url: Base url without a slash at its end.
        under_way: Requests that it has not answered.
        failures: How often it failed in a row.
        rests_until: By the clock; 0 if it is well.
    """

    url: str
    under_way: int = 0
    failures: int = 0
    rests_until: float = 0.0

    def takes(self, now: float) -> bool:
        """Whether it gets a request: it is well, or its rest is over and nothing tries it yet."""
        return self.failures == 0 or (now >= self.rests_until and self.under_way == 0)

    def fails(self, now: float, seconds: float | None = None) -> None:
        """It broke down, or said for how many seconds it wants to be left alone."""
        self.failures += 1
        growing = min(_SHORTEST_REST * 2 ** min(self.failures - 1, 10), _LONGEST_REST)
        self.rests_until = now + (growing if seconds is None else seconds)

    def recovers(self) -> None:
        """It answered."""
        self.failures, self.rests_until = 0, 0.0


class Balance:
    """Shares requests out among servers of one model.

    Args:
        urls: Base urls without a slash at their ends.
        rounds: How often a request is sent to all of them before it has failed.
        clock: Seconds that only grow.

    Attributes:
        servers: One for each url.
    """

    def __init__(
        self, urls: Sequence[str], *, rounds: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.servers = [Server(url) for url in urls]
        self._rounds, self._clock = rounds, clock

    async def post(self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]) -> object:
        """Send JSON to one server, and where that fails to the next, and return the JSON of the answer.

        Args:
            client: Of the first server.
            path: Relative to the base url, or a whole url of the first server.
            body: The request.

        Raises:
            openai.APIError: That of the last attempt, or a refusal of the request itself.
        """
        for left in range(self._rounds - 1, -1, -1):
            last = await self._round(client, path, body)
            if not isinstance(last, openai.APIError):
                return last
            wait = min(server.rests_until for server in self.servers) - self._clock()
            if left == 0 or wait > _LONGEST_WAIT:
                raise last
            await asyncio.sleep(max(0.0, wait))
        raise AssertionError("there is at least one round")

    async def _round(self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]) -> object:
        """The answer of the first server that gives one; the last error if none does."""
        tried: list[Server] = []
        while len(tried) < len(self.servers):
            server = self._next(tried)
            tried.append(server)
            there = client.with_options(base_url=server.url, max_retries=0)
            server.under_way += 1
            try:
                answer = await there.post(self._at(server, path), cast_to=object, body=body)
            except openai.APITimeoutError as error:
                server.fails(self._clock())
                return error  # a request that takes too long here may do so everywhere: it costs a round
            except openai.APIConnectionError as error:
                server.fails(self._clock())
                last: openai.APIError = error
            except openai.APIStatusError as error:
                if error.status_code not in _SICK:
                    server.recovers()
                    raise
                server.fails(self._clock(), _retry_after(error))
                last = error
            else:
                server.recovers()
                return answer
            finally:
                server.under_way -= 1
        return last

    def _next(self, tried: Sequence[Server]) -> Server:
        """The one with the fewest requests under way, of those that take some; else the first to be back."""
        now = self._clock()
        left = [server for server in self.servers if server not in tried]
        well = [server for server in left if server.takes(now)]
        if well:
            return min(well, key=lambda server: server.under_way)
        return min(left, key=lambda server: server.rests_until)

    def _at(self, server: Server, path: str) -> str:
        """The path on this server."""
        first = _root(self.servers[0].url)
        return _root(server.url) + path.removeprefix(first) if path.startswith(first) else path


def _root(url: str) -> str:
    return url.removesuffix("/v1")


def _retry_after(error: openai.APIStatusError) -> float | None:
    """The seconds that a server asks to be left alone; None if it does not say."""
    try:
        return max(0.0, float(error.response.headers.get("Retry-After", "")))
    except ValueError:
        return None

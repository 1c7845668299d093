"""The keys of clients, and how much each of them may do.

A key is compared in constant time with every key there is, so that neither its place nor its beginning can be
found out by the clock. Times are those of the monotonic clock, which does not jump.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import KeySettings
from levelhead.guard.gateway._request_error import RequestError, busy

_SHORTEST_KEY = 16


class Client:
    """Who may ask, and what is left of its allowance.

    Args:
        key_id: Name of the key; None where no keys are used.
        max_concurrent: Requests under way at once; None for any number.
        per_minute: Requests in a minute; None for any number. A minute's worth may come at once.
        clock: Seconds that never jump.
    """

    def __init__(
        self,
        key_id: str | None,
        *,
        max_concurrent: int | None = None,
        per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key_id = key_id
        self._max_concurrent, self._per_minute, self._clock = max_concurrent, per_minute, clock
        self._under_way = 0
        self._left = float(per_minute or 0)
        self._since = clock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request of this client.

        Raises:
            RequestError: 429 if it has too many under way, or asked for too many in the last minute.
        """
        if self._max_concurrent is not None and self._under_way >= self._max_concurrent:
            raise busy(f"This key may have {self._max_concurrent} requests under way at once.", status=429)
        self._spend()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _spend(self) -> None:
        if self._per_minute is None:
            return
        now = self._clock()
        each = 60.0 / self._per_minute
        self._left = min(float(self._per_minute), self._left + (now - self._since) / each)
        self._since = now
        if self._left < 1:
            wait = max(1, round((1 - self._left) * each))
            raise busy(f"This key may ask {self._per_minute} times a minute.", status=429, seconds=wait)
        self._left -= 1


class KeyRing:
    """All clients, by their keys.

    Args:
        keys: Where each key is found, and its limits. Without any, everybody is one client without limits.

    Raises:
        UsageError: If a key is not where it should be, is too short to be one, or is given twice.
    """

    def __init__(self, keys: Sequence[KeySettings]) -> None:
        self._clients = [
            (
                _secret(key).encode("ascii"),
                Client(key.id, max_concurrent=key.max_concurrent, per_minute=key.per_minute),
            )
            for key in keys
        ]
        self._anyone = None if keys else Client(None)
        if len({secret for secret, _ in self._clients}) < len(self._clients):
            raise UsageError("Two keys of the gateway are the same. Give each client one of its own.")

    def client(self, authorization: bytes | None) -> Client:
        """Who asks.

        Args:
            authorization: The header, `Bearer KEY`.

        Raises:
            RequestError: 401 if the key is missing or wrong.
        """
        if self._anyone is not None:
            return self._anyone
        scheme, _, given = (authorization or b"").partition(b" ")
        found = None
        for secret, client in self._clients:
            if hmac.compare_digest(secret, given.strip()):
                found = client
        if found is None or scheme.lower() != b"bearer":
            raise RequestError(
                401,
                "invalid_api_key",
                "This gateway wants a key: Authorization: Bearer KEY.",
                type="authentication_error",
            )
        return found


def _secret(key: KeySettings) -> str:
    place, text = _kept(key)
    if len(text) < _SHORTEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(
            f"The key {key.id}: {place} holds no key of at least {_SHORTEST_KEY} printable characters. Make "
            "one with: openssl rand -hex 24"
        )
    return text


def _kept(key: KeySettings) -> tuple[str, str]:
    """Where a key is kept, in words, and what is there."""
    if key.file is None:
        return f"the environment variable {key.env}", os.environ.get(key.env or "", "").strip()
    try:
        return f"the file {key.file}", key.file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise UsageError(
            f"The key {key.id}: the file {key.file} cannot be read ({error.strerror})."
        ) from error

"""Who is signed in to the page: kept in memory, so that a restart signs everybody out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_SESSIONS = 64
"""Sign-ins that are kept; the oldest one ends when there are more."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in.

    Attributes:
        token: What the cookie holds.
        csrf: What every form holds: a page of somebody else can send the cookie, but does not know this.
        ends: When it ends, by the clock of `Sessions`.
    """

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    ends: float


class Sessions:
    """The sign-ins of one page.

    Args:
        key: What a person must know.
        seconds: How long a sign-in lasts.
        clock: A clock that does not jump, in seconds.
    """

    def __init__(self, key: str, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = _digest(key)
        self._seconds = seconds
        self._clock = clock
        self._open: dict[bytes, Session] = {}

    def sign_in(self, key: str) -> Session | None:
        """A new session, if the key is the right one."""
        # Hashes have one length, so the time says nothing about the key, not even how long it is.
        if not hmac.compare_digest(_digest(key), self._key):
            return None
        session = Session(secrets.token_urlsafe(), secrets.token_urlsafe(), self._clock() + self._seconds)
        while len(self._open) >= MAX_SESSIONS:
            del self._open[next(iter(self._open))]
        self._open[_digest(session.token)] = session
        return session

    def find(self, token: str) -> Session | None:
        """The session of a cookie, if it has not ended."""
        session = self._open.get(_digest(token))
        if session is not None and session.ends <= self._clock():
            self.sign_out(session)
            return None
        return session

    def sign_out(self, session: Session) -> None:
        """End a session."""
        self._open.pop(_digest(session.token), None)

    @staticmethod
    def allows(session: Session, csrf: str) -> bool:
        """Whether a form was sent by a page of ours."""
        return hmac.compare_digest(_digest(csrf), _digest(session.csrf))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

"""The audit log: every decision of the guard, in order, tied to the one before.

    log = AuditLog(AuditSettings(folder=Path("audit")))
    log.append(AuditEntry.of(decision, time=time.time(), request_id=..., key_id=..., model=...))
    await log.flush()          # only where a reply must not go out before its rows are written
    log.close()

`append` queues a row and returns. When rows cannot be written (disk full, read-only, locked, damaged; the
database away), they wait and are tried again; past the bound of the queue they are lost, and a row says how
many were lost there. What a request hears of it is the policy `on_failure`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from levelhead.errors import LevelheadError, UsageError
from levelhead.guard.gateway.audit._entry import AuditEntry, Mark
from levelhead.guard.gateway.audit._places import open_reader, open_writer
from levelhead.guard.gateway.audit._queue import AuditQueue, AuditStatus
from levelhead.guard.gateway.audit._reading import Feedback, UnreadableAuditError, feedback_of
from levelhead.guard.gateway.audit._rows import decision_row, mark_row
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._writing import UnwritableAuditError

CLOSING_SECONDS = 10.0
"""How long `close` waits for a disk that takes its time."""

_logger = logging.getLogger(__name__)


class AuditError(LevelheadError):
    """What must be recorded cannot be, and the policy is to refuse what cannot be recorded."""


class AuditLog:
    """The log of one gateway. Its methods may be called from any thread.

    Args:
        settings: Where it is kept, and what happens when it cannot be written.
        clock: Tells seconds since 1970. It may jump: the order of rows does not depend on it.

    Attributes:
        settings: As given.
        reader: What was written, to look at.

    Raises:
        UsageError: If another process writes this folder, or the database holds a log of another version.
        MissingExtraError: If it is to be kept in a database and the extra `postgres` is not installed.
        AuditError: If it cannot be written and the policy is to refuse requests; with the policy to serve it
            warns, and tries again whenever there is something to write.
    """

    def __init__(self, settings: AuditSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.reader = open_reader(settings.place)
        self._clock = clock
        self._insists = settings.on_failure == "refuse"
        self._writer = open_writer(settings)
        self._queue = AuditQueue(self._writer, settings, clock, self._open())

    def append(self, entry: AuditEntry) -> None:
        """Have a decision recorded. It does not wait.

        Raises:
            AuditError: If the log cannot be written and the policy is to refuse requests. With the policy to
                serve, the decision is counted as lost when the queue is full.
            ValueError: If a number of the entry is NaN or infinite.
        """
        self.check()
        if not self._queue.put(decision_row(entry, self.settings.replica_name)):
            if self._insists:
                raise _refusal("its queue is full")
            self._queue.give_up()

    async def flush(self) -> None:
        """Wait until all that was appended before is written.

        Raises:
            AuditError: If it cannot be written and the policy is to refuse requests. With the policy to serve
                it returns then, and the rows go on waiting.
        """
        try:
            await asyncio.wrap_future(self._queue.written())
        except UnwritableAuditError as error:
            if self._insists:
                raise _refusal(str(error)) from error

    def check(self) -> None:
        """See whether a request may be served, before anything is spent on it.

        Raises:
            AuditError: If the log cannot be written and the policy is to refuse requests.
        """
        if self._insists and (failure := self._queue.failure) is not None:
            raise _refusal(failure)

    async def mark(self, target: int, right: bool | None, note: str = "") -> Mark:
        """Record what a person says of a decision, and wait until it is written.

        Args:
            target: Sequence of the decision.
            right: Whether the original was judged rightly; None takes an earlier mark back.
            note: Why; at most 2,000 characters.

        Raises:
            UsageError: If there is no such decision, it rests on no verdict, or the note is too long.
            AuditError: If the mark cannot be written, whatever the policy: a person waits for it.
            UnreadableAuditError: If the log cannot be read.
        """
        found = await asyncio.to_thread(self.reader.get, target)
        if found is None:
            raise UsageError(f"The audit log holds no decision {target}.")
        try:
            mark = Mark(target, found.entry.action, right, note, self._clock())
        except ValueError as error:
            raise UsageError(str(error)) from error
        if not self._queue.put(mark_row(mark, self.settings.replica_name)):
            raise _refusal("its queue is full")
        try:
            await asyncio.wrap_future(self._queue.written())
        except UnwritableAuditError as error:
            raise _refusal(str(error)) from error
        return mark

    def feedback(self) -> Feedback:
        """What people say of the decisions by now, as far as it can be read.

        Raises:
            UnreadableAuditError: If the log cannot be read and the policy is to refuse requests. With the
                policy to serve it warns, and nobody said anything.
        """
        try:
            return self.reader.feedback()
        except UnreadableAuditError as error:
            if self._insists:
                raise
            _logger.warning("%s", error)
            return feedback_of({})

    def status(self) -> AuditStatus:
        """How the log is doing."""
        return self._queue.status()

    @property
    def head(self) -> tuple[int, str] | None:
        """Sequence and hash of the last row known of. Note it elsewhere: `verify_audit_log` looks for it."""
        return self._writer.head

    def close(self) -> None:
        """Write what waits, once more if it failed before, and give the log free. It may take seconds."""
        if self._queue.close(CLOSING_SECONDS):
            self._writer.close()
        else:
            _logger.warning("The audit log did not end in time: %s", self.status())
        self.reader.close()

    def _open(self) -> str | None:
        """What stands in the way of writing, where the policy lets it; None if nothing does."""
        place = self.settings.place
        try:
            self._writer.write((), self._clock())
        except UnwritableAuditError as error:
            why = f"{place}: {error}"
            self._writer.close()
            if self._insists:
                advice = "Make the folder writable, give another one, or"
                if isinstance(place, AuditDatabase):
                    advice = "See that the database is there and lets the gateway in, or"
                raise AuditError(
                    f"The audit log cannot be opened ({why}). {advice} set audit.on_failure to serve."
                ) from error
            _logger.warning("The audit log cannot be opened: %s", why)
            return why
        return None


def _refusal(why: str) -> AuditError:
    return AuditError(f"The audit log cannot be written ({why}). Try again when it can be.")

"""Rows of the audit log that wait to be written, and the thread that writes them.

The thread writes what has gathered with one transaction. What cannot be written stays, in its order, and is
tried again; where rows had to be given up, one row says how many. Whether anybody is refused anything because
of it is decided by `AuditLog`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._rows import Row, gap_row
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._writing import AuditWriter, UnwritableAuditError

BATCH_ROWS = 512
"""Most rows of one transaction: another who wants the log waits no longer than it takes to write them."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditStatus:
    """How the log is doing.

    Attributes:
        waiting: Rows that wait to be written.
        written: Rows written by this process.
        lost: Decisions that could not be recorded, by this process.
        failure: What stands in the way of writing; None if nothing does.
    """

    waiting: int
    written: int
    lost: int
    failure: str | None


@dataclass(slots=True)
class _Gap:
    """Stands in the queue where rows were given up, and knows how many of them are being told."""

    lost: int
    reason: str
    time: float
    told: int = 0


class AuditQueue:
    """A bounded queue before a writer. Its methods may be called from any thread.

    Args:
        writer: Writes; only the queue's thread uses it.
        settings: How much may wait, and how long a pause is.
        clock: Tells seconds since 1970.
        failure: What stood in the way when the writer was first opened; None if nothing did.
    """

    def __init__(
        self, writer: AuditWriter, settings: AuditSettings, clock: Callable[[], float], failure: str | None
    ) -> None:
        self._writer, self._settings, self._clock = writer, settings, clock
        self._changed = threading.Condition()
        self._queue: deque[Row | _Gap] = deque()
        self._queue_bytes = 0
        self._accepted = self._settled = self._lost = 0
        self._waiters: deque[tuple[int, Future[None]]] = deque()
        self._closing = False
        self.failure = failure
        self._thread = threading.Thread(target=self._work, name="audit-log", daemon=True)
        self._thread.start()

    def put(self, row: Row) -> bool:
        """Queue a row; False if there is no room for it."""
        with self._changed:
            if (
                self._closing
                or len(self._queue) >= self._settings.queue_rows
                or self._queue_bytes + row.size_bytes > self._settings.queue_bytes
            ):
                return False
            self._queue.append(row)
            self._queue_bytes += row.size_bytes
            self._accepted += 1
            self._changed.notify_all()
            return True

    def give_up(self) -> None:
        """Count a row for which there was no room. The log will say so at this place."""
        with self._changed:
            reason = self.failure or "the queue was full"
            self._lost += 1
            if self._queue and isinstance(gap := self._queue[-1], _Gap):
                gap.lost, gap.reason, gap.time = gap.lost + 1, reason, self._clock()
            else:
                self._queue.append(_Gap(1, reason, self._clock()))
                self._accepted += 1
                self._changed.notify_all()
                _logger.warning("Decisions are not recorded: %s", reason)

    def written(self) -> Future[None]:
        """Done when all that was queued before is written; fails with `UnwritableAuditError` if not."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # who stops waiting must not cancel what the thread settles
        with self._changed:
            if self._settled >= self._accepted:
                done.set_result(None)
            elif self.failure is not None:
                done.set_exception(UnwritableAuditError(self.failure))
            else:
                self._waiters.append((self._accepted, done))
        return done

    def status(self) -> AuditStatus:
        """How the log is doing."""
        with self._changed:
            return AuditStatus(len(self._queue), self._settled, self._lost, self.failure)

    def close(self, timeout_seconds: float) -> bool:
        """Write what waits, once more if it failed before; whether the thread has ended in time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._write_until_closed()
        finally:
            with self._changed:
                if not self._closing:  # a fault of ours: nobody may wait for this thread any more
                    self._tell_failure("the thread that writes it has died")

    def _write_until_closed(self) -> None:
        while batch := self._next_batch():
            while (why := self._try(batch)) is not None:  # the same rows each time, as the writer asks
                if not self._pause_after(why):
                    return
            self._settle(len(batch))

    def _try(self, batch: list[Row]) -> str | None:
        """Write rows; what stands in the way, or None."""
        try:
            self._writer.write(batch, self._clock())
        except (UnwritableAuditError, UsageError) as error:
            return str(error)
        return None

    def _next_batch(self) -> list[Row]:
        """Wait for rows; none when the queue is closed and all are written."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            batch = []
            for one in islice(self._queue, BATCH_ROWS):
                if isinstance(one, _Gap):
                    one.told = one.lost
                    one = gap_row(one.lost, one.reason, one.time, self._settings.replica_name)
                batch.append(one)
            return batch

    def _settle(self, count: int) -> None:
        with self._changed:
            for _ in range(count):
                last = self._queue.popleft()
                self._queue_bytes -= last.size_bytes if isinstance(last, Row) else 0
            self._settled += count
            if isinstance(last, _Gap) and last.lost > last.told:  # it grew while it was written
                self._queue.appendleft(_Gap(last.lost - last.told, last.reason, last.time))
                self._accepted += 1
            if self.failure is not None:
                _logger.warning("The audit log is written again.")
                self.failure = None
            while self._waiters and self._waiters[0][0] <= self._settled:
                self._waiters.popleft()[1].set_result(None)

    def _pause_after(self, why: str) -> bool:
        """Tell those who wait, and pause; whether to try again."""
        with self._changed:
            if self.failure is None:
                _logger.warning("The audit log cannot be written: %s", why)
            self._tell_failure(why)
            tried_while_closing = self._closing
            self._changed.wait_for(lambda: self._closing, timeout=self._settings.retry_seconds)
            if not tried_while_closing:
                return True
            self._lost += sum(isinstance(one, Row) for one in self._queue)
            self._queue.clear()
            _logger.warning("%d decisions were not recorded: %s", self._lost, why)
            return False

    def _tell_failure(self, why: str) -> None:
        self.failure = why
        while self._waiters:
            self._waiters.popleft()[1].set_exception(UnwritableAuditError(why))

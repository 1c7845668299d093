"""What writes an audit log, wherever it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from levelhead.errors import LevelheadError
from levelhead.guard.gateway.audit._rows import Row


class UnwritableAuditError(LevelheadError):
    """Rows cannot be written now: the disk is full, the database away. Later they may be."""


class AuditWriter(Protocol):
    """The writing end of a log, for one thread."""

    @property
    def head(self) -> tuple[int, str] | None:
        """Sequence and hash of the last row that this writer knows of; None before the log was opened."""

    def write(self, rows: Sequence[Row], now: float) -> None:
        """Write rows at the end of the chain: all of them, or none.

        After a failure, call it with the same rows until they are written, before any others: whether the
        last try came through may not be known, and the writer looks for these rows then.

        Args:
            rows: What is written; with none, the log is only opened.
            now: Seconds since 1970.

        Raises:
            UnwritableAuditError: If it cannot be done now. The next call opens the log anew.
            UsageError: If it can never be done as the settings stand.
        """

    def close(self) -> None:
        """Give the log free."""

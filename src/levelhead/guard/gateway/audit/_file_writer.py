"""Writes an audit log into files: goes on with the newest, begins the next, carries the chain over.

It knows nothing of queues and threads, and what cannot be written it raises: `_log.py` decides what then.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._chain import GENESIS
from levelhead.guard.gateway.audit._file import AuditFile
from levelhead.guard.gateway.audit._file_form import Tip, file_name, log_files
from levelhead.guard.gateway.audit._rows import Row
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._writing import UnwritableAuditError

SECONDS_PER_DAY = 86_400.0


class FileWriter:
    """An `AuditWriter` into a folder. One process has it at a time.

    Args:
        folder: Where the log lies.
        settings: When a file is full, and how many are kept.

    Attributes:
        tip: Where the chain ends; None before the log was opened.
    """

    def __init__(self, folder: Path, settings: AuditSettings) -> None:
        self._folder, self._settings = folder, settings
        self._file: AuditFile | None = None
        self._lock: int | None = None
        self.tip: Tip | None = None

    @property
    def head(self) -> tuple[int, str] | None:
        """As `AuditWriter` says."""
        return None if self.tip is None else (self.tip.last, self.tip.hash)

    def write(self, rows: Sequence[Row], now: float) -> None:
        """As `AuditWriter` says; `now` decides whether a file is too old.

        Raises:
            UnwritableAuditError: If the folder or a file cannot be used.
            UsageError: If another process writes this log.
        """
        try:
            if self._file is None or self._file.is_gone:
                self._disconnect()
                self._file = self._open(now)
            elif self._is_full(self._file, now):
                self._file = self._rotate(self._file, now)
            self.tip = self._file.append(rows) if rows else self._file.tip
        except (OSError, sqlite3.Error) as error:
            self._disconnect()
            raise UnwritableAuditError(str(error)) from error
        except UsageError:
            self._disconnect()
            raise

    def close(self) -> None:
        """Give the log free."""
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self, now: float) -> AuditFile:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = _take_lock(self._folder / "audit.lock")
        newest = self._newest()
        found = newest.tip if newest is not None else None
        if newest is None or found is None:
            if self.tip is None:
                return self._begin(Tip(1, now, 1, GENESIS, 0, GENESIS))
            return self._begin(_after(self.tip, now))
        if found.next is None and (self.tip is None or found.number >= self.tip.number):
            self._say_followed(found.number - 1)
            return newest
        # A newer file was here and is gone. Its number stays free, so that `verify` sees the hole.
        newest.close()
        known = self.tip if self.tip is not None and self.tip.number > found.number else found
        return self._begin(_after(known, now, skipped=known is found))

    def _newest(self) -> AuditFile | None:
        """The newest file that holds a chain; one whose beginning was cut off by a kill is removed."""
        for path in reversed(log_files(self._folder)):
            file = AuditFile(path, self._settings.synchronous)
            if file.tip is not None:
                return file
            file.close()
            path.unlink()
        return None

    def _begin(self, tip: Tip) -> AuditFile:
        return AuditFile.begin(self._folder, tip, self._settings.synchronous)

    def _is_full(self, file: AuditFile, now: float) -> bool:
        if file.tip is None or file.tip.last < file.tip.first:
            return False
        # The clock may have jumped back since the file was begun, so its age counts in both directions.
        age_days = abs(now - file.tip.created) / SECONDS_PER_DAY
        return file.bytes >= self._settings.max_file_bytes or age_days >= self._settings.max_file_days

    def _rotate(self, full: AuditFile, now: float) -> AuditFile:
        """Begin the next file. The full one hears of it afterwards, so a kill in between does no harm."""
        assert full.tip is not None  # noqa: S101  # what is full holds rows
        following = self._begin(_after(full.tip, now))
        self._file = following
        try:
            full.say_followed()
        finally:
            full.close()
        if self._settings.keep_files is not None:
            for path in log_files(self._folder)[: -self._settings.keep_files]:
                for part in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                    part.unlink(missing_ok=True)
        return following

    def _say_followed(self, number: int) -> None:
        """What a kill in the middle of `_rotate` left undone."""
        path = self._folder / file_name(number)
        if not path.exists():
            return
        # An old file that is damaged is for `verify` to tell; it must not stop what is recorded now.
        with suppress(sqlite3.Error):
            file = AuditFile(path, self._settings.synchronous)
            try:
                file.say_followed()
            finally:
                file.close()

    def _disconnect(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _after(tip: Tip, now: float, *, skipped: bool = False) -> Tip:
    """Where the chain stands in the file that follows."""
    return Tip(
        number=tip.number + (2 if skipped else 1),
        created=now,
        first=tip.last + 1,
        previous=tip.hash,
        last=tip.last,
        hash=tip.hash,
    )


def _take_lock(path: Path) -> int:
    """Lock the log for this process; the operating system frees the lock when the process dies."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if not isinstance(error, BlockingIOError):
            raise
        raise UsageError(
            f"The audit log in {path.parent} is being written by another process. Give each gateway a folder "
            "of its own, or end the other one."
        ) from error
    return file

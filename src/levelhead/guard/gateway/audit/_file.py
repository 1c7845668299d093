"""One file of the audit log that is open to be written."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from levelhead.guard.gateway.audit._chain import links
from levelhead.guard.gateway.audit._file_form import FORMAT_VERSION, SCHEMA, Tip, file_name, read_tip
from levelhead.guard.gateway.audit._rows import Row

BUSY_SECONDS = 1.0
"""How long another program that holds a file is waited for before the writing counts as failed."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a file to write; it is made, for its owner alone, if it is not there.

    Raises:
        OSError: If it cannot be made or opened.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


class AuditFile:
    """A file of the log, open.

    Args:
        path: The file; it is made if it is not there.
        synchronous: As in `AuditSettings`.

    Attributes:
        tip: Where the chain ends; None in a file that was just made.

    Raises:
        OSError: If it cannot be opened.
        sqlite3.Error: If it is no file of this log.
    """

    def __init__(self, path: Path, synchronous: Literal["normal", "full"]) -> None:
        self.path = path
        self._connection = connect(path)
        try:
            for setting in ("journal_mode = WAL", f"synchronous = {synchronous}"):
                self._connection.execute(f"PRAGMA {setting}")
            self.tip = read_tip(self._connection)
            self._identity = _identity(path)
        except BaseException:  # also an interrupt: nobody else can close it, and it is raised on
            self._connection.close()
            raise

    @classmethod
    def begin(cls, folder: Path, tip: Tip, synchronous: Literal["normal", "full"]) -> AuditFile:
        """Make the file with the number of the tip, which holds no row yet. Raises as the class does."""
        file = cls(folder / file_name(tip.number), synchronous)
        values = (FORMAT_VERSION, tip.number, tip.created, tip.first, tip.previous, tip.last, tip.hash)
        try:
            with _transaction(file._connection):
                for statement in SCHEMA.split(";\n"):
                    file._connection.execute(statement)
                file._connection.execute("INSERT INTO tip VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", values)
        except BaseException:  # as above
            file.close()
            raise
        file.tip = tip
        return file

    def append(self, rows: Sequence[Row]) -> Tip:
        """Write rows at the end of the chain, all of them or none, and return where it ends then.

        Raises:
            ValueError: If the file holds no chain to append to.
            sqlite3.Error: If they cannot be written.
        """
        if self.tip is None:
            raise ValueError(f"{self.path} was opened, but nothing was begun in it.")
        chained = links(self.tip.last, self.tip.hash, (row.body for row in rows))
        last, _, end = chained[-1]
        contents = [
            (link.sequence, row.contents)
            for link, row in zip(chained, rows, strict=True)
            if row.contents is not None
        ]
        counted = Counter(row.counted for row in rows if row.counted is not None)
        with _transaction(self._connection) as connection:
            connection.executemany("INSERT INTO rows (sequence, body, hash) VALUES (?, ?, ?)", chained)
            connection.executemany("INSERT INTO contents (sequence, body) VALUES (?, ?)", contents)
            connection.executemany(
                "INSERT INTO hours (hour, stage, action, decisions) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET decisions = decisions + excluded.decisions",
                [(key.hour, key.stage, key.action, count) for key, count in counted.items()],
            )
            connection.execute("UPDATE tip SET last = ?, hash = ?", (last, end))
        self.tip = replace(self.tip, last=last, hash=end)
        return self.tip

    def say_followed(self) -> None:
        """Say in the file that another one follows, so that the newest file cannot be taken away unseen.

        Raises:
            sqlite3.Error: If it cannot be written.
        """
        self._connection.execute("UPDATE tip SET next = number + 1 WHERE next IS NULL")

    @property
    def bytes(self) -> int:
        """How large the file is, in bytes, with what waits beside it."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int(pages * page_bytes)

    @property
    def is_gone(self) -> bool:
        """Whether it was removed or replaced; SQLite would go on writing into nothing."""
        try:
            return _identity(self.path) != self._identity
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Give the file free."""
        self._connection.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:  # also an interrupt: half a transaction must not stay, and it is raised on
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
        raise

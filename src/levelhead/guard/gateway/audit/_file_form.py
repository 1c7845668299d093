"""The form of the audit log on the disk: SQLite files that go on from each other.

    audit-000001.sqlite, audit-000002.sqlite, ...

The first row of a file goes on from the last one of the file before. `tip` repeats where the chain ends, so
that rows missing at the end are seen, and a file that was followed by another one says so.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1

SCHEMA = """
CREATE TABLE tip (
    format INTEGER NOT NULL,
    number INTEGER NOT NULL,
    created REAL NOT NULL,
    first INTEGER NOT NULL,
    previous TEXT NOT NULL,
    last INTEGER NOT NULL,
    hash TEXT NOT NULL,
    next INTEGER
);
CREATE TABLE rows (
    sequence INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    kind TEXT GENERATED ALWAYS AS (json_extract(body, '$.kind')) VIRTUAL,
    action TEXT GENERATED ALWAYS AS (json_extract(body, '$.action')) VIRTUAL,
    stage TEXT GENERATED ALWAYS AS (json_extract(body, '$.stage')) VIRTUAL,
    category TEXT GENERATED ALWAYS AS (json_extract(body, '$.category')) VIRTUAL,
    target INTEGER GENERATED ALWAYS AS (json_extract(body, '$.target')) VIRTUAL
);
CREATE INDEX rows_by_action ON rows (action, sequence);
CREATE INDEX rows_by_category ON rows (category, sequence) WHERE category IS NOT NULL;
CREATE INDEX rows_by_target ON rows (target, sequence) WHERE target IS NOT NULL;
CREATE TABLE contents (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE hours (
    hour INTEGER NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    decisions INTEGER NOT NULL,
    PRIMARY KEY (hour, stage, action)
);
"""
# What rows are found by is computed from the hashed body, so it cannot say something else. `hours` is kept
# although it could be counted: a page that counts millions of rows at each look would be no page.

_NAME = re.compile(r"audit-(\d{6,})\.sqlite")


@dataclass(frozen=True, slots=True)
class Tip:
    """Where the chain ends in one file.

    Attributes:
        number: Of the file, from 1.
        created: When the file was begun, in seconds since 1970.
        first: Sequence of the file's first row, whether or not it has been written.
        previous: Hash of the row before it, in the file before.
        last: Sequence of the last row; `first - 1` if the file holds none.
        hash: Hash of the last row.
        next: Number of the file that follows; None if this one is the newest.
    """

    number: int
    created: float
    first: int
    previous: str
    last: int
    hash: str
    next: int | None = None


class UnreadableFileError(sqlite3.DatabaseError):
    """A file that SQLite can open, but that is no file of this log or one of a newer version."""


def file_name(number: int) -> str:
    """Name of the file with this number, from 1."""
    return f"audit-{number:06d}.sqlite"


def log_files(folder: Path) -> list[Path]:
    """The files of the log, the oldest first.

    Raises:
        OSError: If the folder cannot be read.
    """
    numbered = {
        int(found[1]): path for path in folder.iterdir() if (found := _NAME.fullmatch(path.name)) is not None
    }
    return [numbered[number] for number in sorted(numbered)]


def read_tip(connection: sqlite3.Connection) -> Tip | None:
    """Where the chain of a file ends; None for a file that was opened, and the process died before more.

    Raises:
        sqlite3.Error: If the file cannot be read or is no file of this log.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not {"tip", "rows", "contents", "hours"} <= tables:
        raise UnreadableFileError("it is a database, but none of an audit log")
    found = connection.execute(
        "SELECT format, number, created, first, previous, last, hash, next FROM tip"
    ).fetchall()
    if len(found) != 1:
        raise UnreadableFileError("it does not say where its chain begins and ends")
    version, number, created, first, previous, last, end, following = found[0]
    if version != FORMAT_VERSION:
        raise UnreadableFileError(f"its format is not {FORMAT_VERSION}, the one that is known here")
    whole = all(isinstance(one, int) for one in (number, first, last)) and isinstance(created, int | float)
    if not whole or not isinstance(following, int | None):
        raise UnreadableFileError("it does not say where its chain begins and ends")
    return Tip(number, created, first, previous, last, end, following)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file of the log to read, also while it is written.

    The connection may be used from any thread, by one at a time.

    Raises:
        sqlite3.Error: If it cannot be opened.
    """
    journal, write_ahead_log = (path.with_name(path.name + ending) for ending in ("-journal", "-wal"))
    mode = "ro"
    if journal.exists():
        mode = "rw"  # the process died while it began this file: SQLite undoes that before it reads
    elif not os.access(path.parent, os.W_OK) and not write_ahead_log.exists():
        mode = "ro&immutable=1"  # SQLite wants to write beside a file to read it, and here nobody may
    place = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(place, uri=True, timeout=5.0, check_same_thread=False)
    connection.text_factory = _text
    try:
        yield connection
    finally:
        connection.close()


def _text(data: bytes) -> str:
    """Text of a column, whatever somebody wrote there."""
    return data.decode("utf-8", "replace")

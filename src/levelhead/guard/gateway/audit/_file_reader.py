"""Reads an audit log that is kept in files."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from levelhead.guard.gateway.audit._entry import AuditEntry, Mark
from levelhead.guard.gateway.audit._file_form import Tip, log_files, read_tip, reading
from levelhead.guard.gateway.audit._reading import (
    Feedback,
    Filter,
    Recorded,
    UnreadableAuditError,
    feedback_of,
    marks_that_hold,
    targets_of,
)

_CHUNK = 500
"""How many sequences one statement names; SQLite bounds that."""


class FileReader:
    """An `AuditReader` of the files in a folder.

    Args:
        folder: Where the log lies. It need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def exists(self) -> bool:
        """As `AuditReader` says."""
        return self._folder.is_dir() and bool(log_files(self._folder))

    def page(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Recorded]:
        """As `AuditReader` says."""
        marks = self.marks()
        targets = targets_of(wanted, marks)
        found: list[Recorded] = []
        for tip, connection in self._newest_first():
            if before is not None and tip.first >= before:
                continue
            for query, values in _queries(wanted, before, targets):
                rows = connection.execute(f"{query} LIMIT ?", (*values, limit - len(found)))
                found += [_recorded(connection, row, marks) for row in rows]
                if len(found) >= limit:
                    return found
        return found

    def get(self, sequence: int) -> Recorded | None:
        """As `AuditReader` says."""
        for tip, connection in self._newest_first():
            if not tip.first <= sequence <= tip.last:
                continue
            row = connection.execute(
                "SELECT sequence, body FROM rows WHERE sequence = ? AND kind = 'decision'", (sequence,)
            ).fetchone()
            return None if row is None else _recorded(connection, row, self.marks())
        return None

    def marks(self) -> dict[int, Mark]:
        """As `AuditReader` says."""
        query = "SELECT body FROM rows WHERE target IS NOT NULL ORDER BY sequence DESC"
        return marks_that_hold(
            body for _, connection in self._newest_first() for (body,) in connection.execute(query)
        )

    def feedback(self) -> Feedback:
        """As `AuditReader` says."""
        return feedback_of(self.marks())

    def marked(self) -> Iterator[Recorded]:
        """As `AuditReader` says."""
        marks = self.marks()
        targets = sorted(marks, reverse=True)
        for _, connection in self._newest_first():
            for query, values in _queries(Filter(), None, targets):
                for row in connection.execute(query, values):
                    yield _recorded(connection, row, marks)

    def hours(self, since_hour: int) -> dict[int, Counter[str]]:
        """As `AuditReader` says."""
        counts: dict[int, Counter[str]] = {}
        query = "SELECT hour, action, SUM(decisions) FROM hours WHERE hour >= ? GROUP BY hour, action"
        for _, connection in self._newest_first():
            for hour, action, decisions in connection.execute(query, (since_hour,)):
                counts.setdefault(hour, Counter())[action] += decisions
        return counts

    def categories(self) -> list[str]:
        """As `AuditReader` says."""
        found: set[str] = set()
        for _, connection in self._newest_first():
            rows = connection.execute("SELECT DISTINCT category FROM rows WHERE category IS NOT NULL")
            found.update(name for (name,) in rows)
        return sorted(found)

    def close(self) -> None:
        """As `AuditReader` says: no file stays open between calls."""

    def _newest_first(self) -> Iterator[tuple[Tip, sqlite3.Connection]]:
        if not self._folder.is_dir():
            return
        for path in reversed(log_files(self._folder)):
            try:
                with reading(path) as connection:
                    if (tip := read_tip(connection)) is not None:
                        yield tip, connection
            except sqlite3.Error as error:
                raise UnreadableAuditError(
                    f"The file {path} of the audit log cannot be read: {error}. Run: levelhead guard audit "
                    f"verify {self._folder}"
                ) from error


def _queries(
    wanted: Filter, before: int | None, targets: Sequence[int] | None
) -> Iterator[tuple[str, list[Any]]]:
    """The statements, and their values, that find the decisions in one file, the newest first."""
    conditions = ["kind = 'decision'"]
    values: list[Any] = []
    for column, value in (
        ("action", wanted.action),
        ("stage", wanted.stage),
        ("category", wanted.category),
    ):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if before is not None:
        conditions.append("sequence < ?")
        values.append(before)
    chunks = (
        [None] if targets is None else [targets[at : at + _CHUNK] for at in range(0, len(targets), _CHUNK)]
    )
    for chunk in chunks:
        named = [] if chunk is None else [f"sequence IN ({', '.join('?' * len(chunk))})"]
        # Only names of columns and placeholders are put into the statement.
        query = (
            f"SELECT sequence, body FROM rows WHERE {' AND '.join([*conditions, *named])} "  # noqa: S608
            "ORDER BY sequence DESC"
        )
        yield query, [*values, *(chunk or [])]


def _recorded(connection: sqlite3.Connection, row: tuple[int, str], marks: Mapping[int, Mark]) -> Recorded:
    sequence, body = row
    kept = connection.execute("SELECT body FROM contents WHERE sequence = ?", (sequence,)).fetchone()
    contents = None if kept is None else json.loads(kept[0])
    return Recorded(sequence, AuditEntry.from_json(json.loads(body), contents), marks.get(sequence))

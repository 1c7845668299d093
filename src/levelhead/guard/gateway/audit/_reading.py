"""Looks at what the audit log holds, also while it is written: pages of decisions, marks, counts.

Nothing here is checked against the chain: `_verify.py` does that.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from levelhead.errors import LevelheadError
from levelhead.guard.gateway._decision import Action, Stage
from levelhead.guard.gateway.audit._chain import Tip, log_files, read_tip, reading
from levelhead.guard.gateway.audit._entry import INTERVENED, AuditEntry, Mark

_CHUNK = 500
"""How many sequences one statement names; SQLite bounds that."""


class UnreadableAuditError(LevelheadError):
    """A file of the audit log cannot be read. `verify_audit_log` says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it stands in the log.

    Attributes:
        sequence: Its place in the log, from 1.
        entry: What was decided, with the texts where they were kept and not deleted since.
        mark: What a person said of it; None if nobody did.
    """

    sequence: int
    entry: AuditEntry
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are wanted; None for any.

    Attributes:
        action: What was decided.
        stage: Where the text stood.
        category: The kind of harm.
        marked: What a person said of it.
    """

    action: Action | None = None
    stage: Stage | None = None
    category: str | None = None
    marked: Literal["right", "wrong"] | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """How many decisions people marked.

    Attributes:
        right: By action, how many were marked right.
        wrong: By action, how many were marked wrong.
    """

    right: Mapping[str, int]
    wrong: Mapping[str, int]

    @property
    def interventions(self) -> int:
        """Marked decisions in which the original was rewritten or blocked."""
        return sum(self.right.get(action, 0) + self.wrong.get(action, 0) for action in INTERVENED)

    @property
    def needless_interventions(self) -> int:
        """Those among them that were marked wrong: the original was harmless."""
        return sum(self.wrong.get(action, 0) for action in INTERVENED)


class AuditReader:
    """The reading end of a log. Its methods read files: call them off the event loop.

    Every method raises `UnreadableAuditError` if a file cannot be read.

    Args:
        folder: Where the log lies. It need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Recorded]:
        """Decisions, the newest first.

        Args:
            wanted: Which ones.
            before: Only those with a smaller sequence; None for the newest.
            limit: Most of them.
        """
        marks = self.marks()
        targets = None
        if wanted.marked is not None:
            right = wanted.marked == "right"
            targets = sorted((mark.target for mark in marks.values() if mark.right is right), reverse=True)
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
        """The decision at this place; None if there is none."""
        for tip, connection in self._newest_first():
            if not tip.first <= sequence <= tip.last:
                continue
            row = connection.execute(
                "SELECT sequence, body FROM rows WHERE sequence = ? AND kind = 'decision'", (sequence,)
            ).fetchone()
            return None if row is None else _recorded(connection, row, self.marks())
        return None

    def marks(self) -> dict[int, Mark]:
        """By the sequence of a decision, the mark that holds; those that were taken back are left out."""
        latest: dict[int, Mark] = {}
        for _, connection in self._newest_first():
            query = "SELECT body FROM rows WHERE target IS NOT NULL ORDER BY sequence DESC"
            for (body,) in connection.execute(query):
                said = json.loads(body)
                del said["kind"]
                latest.setdefault(said["target"], Mark(**said))
        return {target: mark for target, mark in latest.items() if mark.right is not None}

    def feedback(self) -> Feedback:
        """How often the marks call the guard right and wrong, by what it decided."""
        right: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for mark in self.marks().values():
            (right if mark.right else wrong)[mark.action] += 1
        return Feedback(dict(right), dict(wrong))

    def marked(self) -> Iterator[Recorded]:
        """The decisions that people marked, the newest first."""
        marks = self.marks()
        targets = sorted(marks, reverse=True)
        for _, connection in self._newest_first():
            for query, values in _queries(Filter(), None, targets):
                for row in connection.execute(query, values):
                    yield _recorded(connection, row, marks)

    def hours(self, since_hour: int) -> dict[int, Counter[str]]:
        """How many decisions there were in each hour, by action.

        Args:
            since_hour: The first hour that is wanted, in hours since 1970.
        """
        counts: dict[int, Counter[str]] = {}
        query = "SELECT hour, action, SUM(decisions) FROM hours WHERE hour >= ? GROUP BY hour, action"
        for _, connection in self._newest_first():
            for hour, action, decisions in connection.execute(query, (since_hour,)):
                counts.setdefault(hour, Counter())[action] += decisions
        return counts

    def categories(self) -> list[str]:
        """All kinds of harm that stand in the log, in order of the alphabet."""
        found: set[str] = set()
        for _, connection in self._newest_first():
            rows = connection.execute("SELECT DISTINCT category FROM rows WHERE category IS NOT NULL")
            found.update(name for (name,) in rows)
        return sorted(found)

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

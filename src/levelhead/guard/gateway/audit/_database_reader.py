"""Reads an audit log that is kept in PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Row,
    Select,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from levelhead.guard.gateway.audit._database import found_missing, open_engine, told, transaction
from levelhead.guard.gateway.audit._database_tables import (
    CONTENTS,
    HOURS,
    ROWS,
    DatabaseTip,
    escaped,
    read_tip,
    unescaped,
)
from levelhead.guard.gateway.audit._entry import AuditEntry, Mark
from levelhead.guard.gateway.audit._reading import (
    Feedback,
    Filter,
    Recorded,
    UnreadableAuditError,
    feedback_of,
    marks_that_hold,
    targets_of,
)
from levelhead.guard.gateway.audit._settings import AuditDatabase

_CHUNK = 500
"""Marked decisions that are read at once: who takes them slowly holds no connection meanwhile."""

_T = TypeVar("_T")


class DatabaseReader:
    """An `AuditReader` of a database. Besides, its methods raise `UsageError` for a log of another version.

    Args:
        database: Where the log is kept.

    Raises:
        UsageError: If the address of the database is not there, or is none.
    """

    def __init__(self, database: AuditDatabase) -> None:
        self._database = database
        # Of the connections of the pool, some may have died with a server that is back by now.
        self._engine = open_engine(database, pool_size=1, max_overflow=4, pool_pre_ping=True)

    def exists(self) -> bool:
        """As `AuditReader` says."""
        return self._read(lambda connection, tip: True, False)

    def page(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Recorded]:
        """As `AuditReader` says."""

        def work(connection: Connection, tip: DatabaseTip) -> list[Recorded]:
            marks = _marks(connection)
            query = _decisions(targets_of(wanted, marks)).limit(limit)
            for column, value in (
                (ROWS.c.action, wanted.action),
                (ROWS.c.stage, wanted.stage),
                (ROWS.c.category, None if wanted.category is None else escaped(wanted.category)),
            ):
                if value is not None:
                    query = query.where(column == value)
            if before is not None:
                query = query.where(ROWS.c.sequence < before)
            return [_recorded(row, marks) for row in connection.execute(query)]

        return self._read(work, [])

    def get(self, sequence: int) -> Recorded | None:
        """As `AuditReader` says."""

        def work(connection: Connection, tip: DatabaseTip) -> Recorded | None:
            if not tip.first <= sequence <= tip.last:
                return None
            row = connection.execute(_decisions([sequence])).first()
            return None if row is None else _recorded(row, _marks(connection))

        return self._read(work, None)

    def marks(self) -> dict[int, Mark]:
        """As `AuditReader` says."""
        return self._read(lambda connection, tip: _marks(connection), {})

    def feedback(self) -> Feedback:
        """As `AuditReader` says."""
        return feedback_of(self.marks())

    def marked(self) -> Iterator[Recorded]:
        """As `AuditReader` says."""
        marks = self.marks()
        targets = sorted(marks, reverse=True)
        for at in range(0, len(targets), _CHUNK):
            yield from self._chunk(targets[at : at + _CHUNK], marks)

    def hours(self, since_hour: int) -> dict[int, Counter[str]]:
        """As `AuditReader` says."""
        query = select(HOURS.c.hour, HOURS.c.action, HOURS.c.decisions).where(HOURS.c.hour >= since_hour)

        def work(connection: Connection, tip: DatabaseTip) -> dict[int, Counter[str]]:
            counts: dict[int, Counter[str]] = {}
            for hour, action, decisions in connection.execute(query):
                counts.setdefault(hour, Counter())[action] += decisions
            return counts

        return self._read(work, {})

    def categories(self) -> list[str]:
        """As `AuditReader` says. Each is found by the index: there are few among millions of rows."""

        def work(connection: Connection, tip: DatabaseTip) -> list[str]:
            first = select(func.min(ROWS.c.category))
            found = []
            while (name := connection.execute(first).scalar()) is not None:
                found.append(name)
                first = select(func.min(ROWS.c.category)).where(ROWS.c.category > name)
            return sorted(unescaped(name) for name in found)

        return self._read(work, [])

    def close(self) -> None:
        """As `AuditReader` says."""
        self._engine.dispose()

    def _chunk(self, targets: list[int], marks: Mapping[int, Mark]) -> list[Recorded]:
        return self._read(
            lambda connection, tip: [
                _recorded(row, marks) for row in connection.execute(_decisions(targets))
            ],
            [],
        )

    def _read(self, work: Callable[[Connection, DatabaseTip], _T], nothing: _T) -> _T:
        """Do it in one transaction; `nothing` comes of a log that was not begun."""
        try:
            with self._engine.connect() as connection, transaction(connection):
                try:
                    tip = read_tip(connection, self._database)
                except ProgrammingError as error:
                    if found_missing(error):
                        return nothing
                    raise
                return work(connection, tip)
        except SQLAlchemyError as error:
            raise UnreadableAuditError(
                f"The audit log in {self._database} cannot be read: {told(error)}. See that the database is "
                "there and lets this machine in."
            ) from error


def _decisions(sequences: list[int] | None) -> Select[tuple[int, str, str | None]]:
    """The decisions among these rows, or all, with their texts, the newest first."""
    texts = CONTENTS.c.body.label("contents")
    query = (
        select(ROWS.c.sequence, ROWS.c.body, texts)
        .outerjoin(CONTENTS, CONTENTS.c.sequence == ROWS.c.sequence)
        .where(ROWS.c.kind == "decision")
        .order_by(ROWS.c.sequence.desc())
    )
    if sequences is None:
        return query
    return query.where(ROWS.c.sequence == any_(literal(sequences, ARRAY(BigInteger))))


def _marks(connection: Connection) -> dict[int, Mark]:
    query = select(ROWS.c.body).where(ROWS.c.target.is_not(None)).order_by(ROWS.c.sequence.desc())
    return marks_that_hold(connection.execute(query).scalars())


def _recorded(row: Row[Any], marks: Mapping[int, Mark]) -> Recorded:
    contents = None if row.contents is None else json.loads(row.contents)
    return Recorded(
        row.sequence, AuditEntry.from_json(json.loads(row.body), contents), marks.get(row.sequence)
    )

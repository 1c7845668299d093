"""Writes an audit log into PostgreSQL, where other gateways write the same one.

A batch is one transaction, which locks the tip of the chain first: rows of two gateways follow each other and
never mix, and a gateway that dies leaves nothing half written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._chain import Link, links
from levelhead.guard.gateway.audit._database import open_engine, told, transaction
from levelhead.guard.gateway.audit._database_insert import WRITING, written
from levelhead.guard.gateway.audit._database_retention import remove_old
from levelhead.guard.gateway.audit._database_tables import (
    ROWS,
    DatabaseTip,
    make_tables,
    read_tip,
)
from levelhead.guard.gateway.audit._rows import Row
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._writing import UnwritableAuditError

REMOVING_SECONDS = 3_600.0
"""How often rows and texts that are too old are looked for, when all that were found are gone."""

_logger = logging.getLogger(__name__)


class _Sent(NamedTuple):
    """Rows whose COMMIT was sent and not answered, and the last of them in its place."""

    rows: tuple[Row, ...]
    end: Link


class DatabaseWriter:
    """An `AuditWriter` into a database.

    Args:
        database: Where the log is kept.
        settings: How long rows and texts are kept.

    Raises:
        UsageError: If the address of the database is not there, or is none.
    """

    def __init__(self, database: AuditDatabase, settings: AuditSettings) -> None:
        self._database, self._settings = database, settings
        self._engine = open_engine(database, poolclass=NullPool)
        self._connection: Connection | None = None
        self._sent: _Sent | None = None
        self._remove_at = time.monotonic()
        self._head: tuple[int, str] | None = None

    @property
    def head(self) -> tuple[int, str] | None:
        """As `AuditWriter` says; other gateways may have written more."""
        return self._head

    def write(self, rows: Sequence[Row], now: float) -> None:
        """As `AuditWriter` says.

        Raises:
            UnwritableAuditError: If the database cannot be reached, or refuses.
            UsageError: If it holds the log of another version.
        """
        try:
            connection = self._connected()
            if rows:
                self._head = self._append(connection, rows)
        except SQLAlchemyError as error:
            self._disconnect()
            raise UnwritableAuditError(told(error)) from error
        except BaseException:  # also an interrupt: a transaction must not stay open, and it is raised on
            self._disconnect()
            raise
        self._remove_old(connection)

    def close(self) -> None:
        """As `AuditWriter` says."""
        self._disconnect()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            make_tables(self._connection, self._head)
            with transaction(self._connection):
                tip = read_tip(self._connection, self._database)
            self._head = self._head or (tip.last, tip.hash)
        return self._connection

    def _append(self, connection: Connection, rows: Sequence[Row]) -> tuple[int, str]:
        with transaction(connection):
            tip = read_tip(connection, self._database, lock=True)
            if (end := self._already(connection, rows)) is None:
                self._warn_of_loss(tip)
                chained = links(tip.last, tip.hash, (row.body for row in rows))
                connection.execute(WRITING, written(chained, rows))
                end = chained[-1]
                self._sent = _Sent(tuple(rows), end)
        self._sent = None
        return end.sequence, end.hash

    def _already(self, connection: Connection, rows: Sequence[Row]) -> Link | None:
        """The end of these rows if they are there: their COMMIT came through, but not the word of it.

        The tip is locked, so a server that was still busy with that COMMIT has ended it by now.
        """
        if self._sent is None:
            return None
        if tuple(rows) != self._sent.rows:
            raise ValueError("After a failure the same rows must be written first.")
        end = self._sent.end
        there = connection.execute(select(ROWS.c.hash).where(ROWS.c.sequence == end.sequence)).scalar()
        return end if there == end.hash else None

    def _warn_of_loss(self, tip: DatabaseTip) -> None:
        if self._head is not None and tip.last < self._head[0]:
            _logger.warning(
                "The audit log in %s ends at row %d, but row %d had been written: an old copy was put back.",
                self._database,
                tip.last,
                self._head[0],
            )

    def _remove_old(self, connection: Connection) -> None:
        """Remove what is too old, now and then. What is new was written before, whatever becomes of this."""
        if time.monotonic() < self._remove_at:
            return
        more = False
        try:
            more = remove_old(connection, self._database, self._settings)
        except SQLAlchemyError as error:
            _logger.warning("Old rows of the audit log cannot be removed: %s", told(error))
            self._disconnect()
        except (UsageError, ValueError, TypeError, KeyError) as error:
            # The new rows are written: to raise it would have them written twice.
            _logger.warning(
                "Old rows of the audit log cannot be removed, since one is not what was written (%s). Run: "
                "levelhead guard audit verify --database-env %s",
                type(error).__name__,
                self._database.env,
            )
        if not more:  # else some go after each batch, so that none waits for all of them
            self._remove_at = time.monotonic() + REMOVING_SECONDS

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # closed as it is: the server undoes what was not committed
            self._connection.close()
            self._connection = None

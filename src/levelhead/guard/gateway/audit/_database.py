"""The way to a PostgreSQL database that keeps an audit log: its address, its connections, its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, Text, bindparam, create_engine, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._settings import AuditDatabase

DRIVER = "postgresql+psycopg"

CONNECTING: Mapping[str, int | str | None] = {
    "application_name": "levelhead",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "prepare_threshold": None,  # a pooler may give the next transaction to another session
}
"""Where the address says nothing else. A server that fell silent is given up within seconds."""

LIMITS = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "15s",
}
"""Set in each transaction: a pooler knows no sessions. The last frees the chain of a gateway that hangs."""

_LIMITING = select(*(func.set_config(name, bindparam(name, type_=Text), True) for name in LIMITS))


def open_engine(database: AuditDatabase, **pool: Any) -> Engine:
    """Connections to a database; none is opened yet.

    Args:
        database: Which one.
        **pool: How SQLAlchemy keeps connections.

    Raises:
        UsageError: If its address is not there or is none of PostgreSQL.
    """
    url = _url(database)
    defaults = {name: value for name, value in CONNECTING.items() if name not in url.query}
    return create_engine(
        url,
        connect_args=defaults,
        isolation_level="READ COMMITTED",  # who waited for the tip sees what the other one wrote
        hide_parameters=True,  # an error would quote the rows, and with them the texts
        **pool,
    )


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """A transaction that waits for nothing without end."""
    with connection.begin():
        connection.execute(_LIMITING, LIMITS)
        yield connection


def told(error: SQLAlchemyError) -> str:
    """What the database says: its first line alone, since further ones may quote a row."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    first = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    return first or str(cause).partition("\n")[0]


def found_missing(error: SQLAlchemyError) -> bool:
    """Whether the tables of a log are not there."""
    return isinstance(error, DBAPIError) and isinstance(error.orig, psycopg.errors.UndefinedTable)


def _url(database: AuditDatabase) -> URL:
    wrong = UsageError(
        f"The environment variable {database.env} holds no address of a PostgreSQL database. Write "
        f"{DRIVER}://USER:PASSWORD@HOST/NAME, with signs such as @ and / in the password as %40 and %2F."
    )
    try:
        url = make_url(database.address())
    except (ArgumentError, ValueError):
        raise wrong from None  # its words may hold the address, and with it the password
    if url.drivername not in (DRIVER, "postgresql", "postgres"):
        raise wrong
    return url.set(drivername=DRIVER)

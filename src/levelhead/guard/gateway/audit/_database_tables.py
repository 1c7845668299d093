"""The tables of an audit log in PostgreSQL: one chain, whatever the number of gateways that write it.

`levelhead_audit_tip` has one row, which says where the chain begins and ends. Who appends locks that row
first, so that no two gateways write at once and no number is left out.

JSON is kept as the ASCII text that was hashed, and what rows are found by stands in columns beside it: the
JSON of PostgreSQL knows neither a zero nor half of a surrogate pair, and a client may send both. `verify`
compares the columns with the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._chain import GENESIS
from levelhead.guard.gateway.audit._database import transaction
from levelhead.guard.gateway.audit._settings import AuditDatabase
from levelhead.running import json_text

FORMAT_VERSION = 1

_MAKING = 0x6C766864_61756474
"""Key of the advisory lock under which tables are made."""

METADATA = MetaData()
_TEXT = Text(collation="C")  # ordered and compared by bytes, on every server alike


def _written_at() -> Column[Any]:
    """By the server's clock, the same for all gateways."""
    return Column(
        "written_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
    )


TIP = Table(
    "levelhead_audit_tip",
    METADATA,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("previous", _TEXT, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("hash", _TEXT, nullable=False),
)
ROWS = Table(
    "levelhead_audit_rows",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("body", _TEXT, nullable=False),
    Column("hash", _TEXT, nullable=False),
    Column("kind", _TEXT, nullable=False),
    Column("action", _TEXT),
    Column("stage", _TEXT),
    Column("category", _TEXT),
    Column("target", BigInteger),
    _written_at(),
)
Index("levelhead_audit_rows_by_action", ROWS.c.action, ROWS.c.sequence)
Index(
    "levelhead_audit_rows_by_category",
    ROWS.c.category,
    ROWS.c.sequence,
    postgresql_where=ROWS.c.category.is_not(None),
)
Index(
    "levelhead_audit_rows_by_target",
    ROWS.c.target,
    ROWS.c.sequence,
    postgresql_where=ROWS.c.target.is_not(None),
)
CONTENTS = Table(
    "levelhead_audit_contents",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("body", _TEXT, nullable=False),
    _written_at(),
)
HOURS = Table(
    "levelhead_audit_hours",
    METADATA,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("stage", _TEXT, primary_key=True),
    Column("action", _TEXT, primary_key=True),
    Column("decisions", BigInteger, nullable=False),
)


_ANY_TIP = select(TIP.c.format, TIP.c.first, TIP.c.previous, TIP.c.last, TIP.c.hash)
_LOCKED_TIP = _ANY_TIP.with_for_update()


class DatabaseTip(NamedTuple):
    """Where the chain begins and ends.

    Attributes:
        first: Sequence of the oldest row, whether or not it has been written.
        previous: Hash of the row before it.
        last: Sequence of the last row; `first - 1` if there is none.
        hash: Hash of the last row.
    """

    first: int
    previous: str
    last: int
    hash: str


def make_tables(connection: Connection, known: tuple[int, str] | None) -> None:
    """Make the tables if they are not there. Several gateways may do so at once.

    Args:
        connection: To the database.
        known: Sequence and hash of the last row, where the tables were there before and are gone. The chain
            then goes on from there, so that the hole is seen.
    """
    with connection.begin():
        if inspect(connection).has_table(TIP.name):
            return
    last, end = known or (0, GENESIS)
    begun = {"id": 1, "format": FORMAT_VERSION, "first": last + 1, "previous": end, "last": last, "hash": end}
    with transaction(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
        METADATA.create_all(connection)
        connection.execute(insert(TIP).values(begun).on_conflict_do_nothing())


def read_tip(connection: Connection, database: AuditDatabase, *, lock: bool = False) -> DatabaseTip:
    """Where the chain ends.

    Args:
        connection: In a transaction.
        database: To tell of it.
        lock: Keep all others from appending until the end of the transaction.

    Raises:
        UsageError: If the tables are those of another version, or damaged.
    """
    found = connection.execute(_LOCKED_TIP if lock else _ANY_TIP).all()
    if len(found) != 1:
        raise UsageError(
            f"The audit log in {database} does not say where its chain begins and ends. Put back the table "
            f"{TIP.name} from a copy, or give another database."
        )
    version, *tip = found[0]
    if version != FORMAT_VERSION:
        raise UsageError(
            f"The audit log in {database} has format {version}; this version of Levelhead knows "
            f"{FORMAT_VERSION}. Run the same version everywhere, or give another database."
        )
    return DatabaseTip(*tip)


def found_by(said: Mapping[str, Any]) -> dict[str, Any]:
    """The columns by which a row is found, of what it says."""
    category = said.get("category")
    return {
        "kind": said["kind"],
        "action": said.get("action"),
        "stage": said.get("stage"),
        "category": None if category is None else escaped(category),
        "target": said.get("target"),
    }


def escaped(category: str) -> str:
    """A category as its column holds it: as in JSON, for what PostgreSQL cannot keep.

    >>> escaped("weapons")
    'weapons'
    """
    return json_text(category)[1:-1]


def unescaped(column: str) -> str:
    """The category that `escaped` wrote."""
    return str(json.loads(f'"{column}"'))

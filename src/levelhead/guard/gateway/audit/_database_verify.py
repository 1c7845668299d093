"""Checks an audit log that is kept in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from levelhead.guard.gateway.audit._chain import GENESIS
from levelhead.guard.gateway.audit._chain_walk import Break, ChainWalk, Verification
from levelhead.guard.gateway.audit._database import open_engine, told
from levelhead.guard.gateway.audit._database_tables import (
    CONTENTS,
    HOURS,
    ROWS,
    DatabaseTip,
    found_by,
    read_tip,
)
from levelhead.guard.gateway.audit._reading import UnreadableAuditError
from levelhead.guard.gateway.audit._settings import AuditDatabase

PLACE = "the database"

_ROWS_AT_ONCE = 1_000


def verify_database(database: AuditDatabase, head: str | None) -> Verification:
    """Check the log in a database, which holds one; as `verify_audit_log` says."""
    walk = ChainWalk(head)
    engine = open_engine(database, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            # One view of all tables, although rows may be added meanwhile. It may take as long as it takes.
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            broken = _through(connection, walk, read_tip(connection, database))
    except SQLAlchemyError as error:
        raise UnreadableAuditError(
            f"The audit log in {database} cannot be read: {told(error)}. See that the database is there and "
            "lets this machine in."
        ) from error
    return walk.found(files=None, broken=broken, newest=PLACE)


def _through(connection: Connection, walk: ChainWalk, tip: DatabaseTip) -> Break | None:
    if tip.first == 1 and tip.previous != GENESIS:
        return Break(PLACE, None, "the chain does not begin as the first row of all does")
    walk.begin(tip.first, tip.previous)
    rows = (
        select(ROWS, CONTENTS.c.body.label("contents"))
        .outerjoin(CONTENTS, CONTENTS.c.sequence == ROWS.c.sequence)
        .order_by(ROWS.c.sequence)
    )
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(rows).mappings():
        why = walk.step(row["sequence"], row["body"], row["hash"], row["contents"])
        if why is None and any(row[name] != value for name, value in found_by(walk.said).items()):
            why = "the columns that it is found by do not say what it says"
        if why is not None:
            return Break(PLACE, min(row["sequence"], walk.last + 1), why)
    if (tip.last, tip.hash) != (walk.last, walk.hash):
        return Break(PLACE, walk.last + 1, "it is missing at the end")
    return _beside_the_rows(connection, walk)


def _beside_the_rows(connection: Connection, walk: ChainWalk) -> Break | None:
    known = select(ROWS.c.sequence).where(ROWS.c.sequence == CONTENTS.c.sequence).exists()
    strange = connection.execute(select(func.min(CONTENTS.c.sequence)).where(~known)).scalar()
    if strange is not None:
        return Break(PLACE, strange, "there are texts, but no row for them")
    counted = connection.execute(select(HOURS.c.hour, HOURS.c.stage, HOURS.c.action, HOURS.c.decisions))
    if {(hour, stage, action): count for hour, stage, action, count in counted} != dict(walk.hours):
        return Break(PLACE, None, "the counts of its hours are not those of its rows")
    return None

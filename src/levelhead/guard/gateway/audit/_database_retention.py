"""Removes what is too old from an audit log in PostgreSQL, a little at a time.

Texts go alone: their rows stay, and the chain holds. Rows go from the beginning of the chain, as the oldest
files of a folder do, and the tip says with which row it begins then.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import takewhile

from sqlalchemy import Connection, delete, func, select, update

from levelhead.guard.gateway.audit._database import transaction
from levelhead.guard.gateway.audit._database_tables import CONTENTS, HOURS, ROWS, TIP, read_tip
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings

CHUNK_ROWS = 1_000
"""Most rows of one transaction: gateways that append wait no longer than it takes to remove them."""


def remove_old(connection: Connection, database: AuditDatabase, settings: AuditSettings) -> bool:
    """Remove some of the texts and rows that are older than the settings say; whether there may be more."""
    removed = 0
    if settings.keep_content_days is not None:
        removed = _remove_texts(connection, timedelta(days=settings.keep_content_days))
    if settings.keep_days is not None:
        removed = max(removed, _remove_rows(connection, database, timedelta(days=settings.keep_days)))
    return removed >= CHUNK_ROWS


def _remove_texts(connection: Connection, age: timedelta) -> int:
    """Remove the oldest texts; how many."""
    oldest = select(CONTENTS.c.sequence).order_by(CONTENTS.c.sequence).limit(CHUNK_ROWS)
    old = CONTENTS.c.written_at < func.now() - age
    with transaction(connection):
        return connection.execute(delete(CONTENTS).where(CONTENTS.c.sequence.in_(oldest), old)).rowcount


def _remove_rows(connection: Connection, database: AuditDatabase, age: timedelta) -> int:
    """Remove the oldest rows, up to the first that is young enough; how many."""
    old = (ROWS.c.written_at < func.now() - age).label("old")
    query = select(ROWS.c.sequence, ROWS.c.body, ROWS.c.hash, old).order_by(ROWS.c.sequence).limit(CHUNK_ROWS)
    with transaction(connection):
        read_tip(connection, database, lock=True)
        gone = list(takewhile(lambda row: row.old, connection.execute(query)))
        if not gone:
            return 0
        last = gone[-1]
        for table in (ROWS, CONTENTS):
            connection.execute(delete(table).where(table.c.sequence <= last.sequence))
        _uncount(connection, [row.body for row in gone])
        connection.execute(update(TIP).values(first=last.sequence + 1, previous=last.hash))
    return len(gone)


def _uncount(connection: Connection, bodies: list[str]) -> None:
    """Take decisions that are gone out of the counts of their hours."""
    said = [json.loads(body) for body in bodies]
    counted = Counter(
        (int(one["time"] // 3600), one["stage"], one["action"]) for one in said if one["kind"] == "decision"
    )
    for (hour, stage, action), count in counted.items():
        connection.execute(
            update(HOURS)
            .where(HOURS.c.hour == hour, HOURS.c.stage == stage, HOURS.c.action == action)
            .values(decisions=HOURS.c.decisions - count)
        )
    connection.execute(delete(HOURS).where(HOURS.c.decisions <= 0))

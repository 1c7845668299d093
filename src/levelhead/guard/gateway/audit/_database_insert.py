"""The one statement that writes a batch of the audit log into PostgreSQL.

While it is written the tip of the chain is locked, and all other gateways wait. So rows, texts, counts and
tip go there in one message, whatever the number of rows: as one JSON document for each table, since psycopg
escapes every quote of an array in Python. The statement is built once: building it takes longer than
writing a row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, JSON, Table, Text, bindparam, cast, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from levelhead.guard.gateway.audit._chain import Link
from levelhead.guard.gateway.audit._database_tables import CONTENTS, HOURS, ROWS, TIP, found_by
from levelhead.guard.gateway.audit._rows import Row
from levelhead.running import json_text

_COLUMNS: Mapping[Table, tuple[str, ...]] = {
    ROWS: ("sequence", "body", "hash", "kind", "action", "stage", "category", "target"),
    CONTENTS: ("sequence", "body"),
    HOURS: ("hour", "stage", "action", "decisions"),
}
"""What is given of each table."""


def _inserting(table: Table) -> CTE:
    names = _COLUMNS[table]
    document = cast(bindparam(table.name, type_=Text), JSON)
    columns = (column(name, table.c[name].type) for name in names)
    given = func.json_to_recordset(document).table_valued(*columns, name=f"given_{table.name}")
    given = given.render_derived(with_types=True)
    source = select(*(given.c[name] for name in names))
    if table is not HOURS:
        return insert(table).from_select(names, source).cte(f"new_{table.name}")
    counting = upsert(HOURS).from_select(names, source)
    return counting.on_conflict_do_update(
        index_elements=[HOURS.c.hour, HOURS.c.stage, HOURS.c.action],
        set_={"decisions": HOURS.c.decisions + counting.excluded.decisions},
    ).cte(f"new_{table.name}")


WRITING = (
    update(TIP)
    .values(last=bindparam("end_sequence"), hash=bindparam("end_hash"))
    .add_cte(*(_inserting(table) for table in _COLUMNS))
)
"""Writes rows in their places, their texts and counts, and where the chain ends then."""


def written(chained: Sequence[Link], rows: Sequence[Row]) -> dict[str, Any]:
    """The parameters of `WRITING`.

    Args:
        chained: The rows in their places; at least one.
        rows: The same, with what stands beside them.
    """
    counted = Counter(row.counted for row in rows if row.counted is not None)
    values: Mapping[Table, list[dict[str, Any]]] = {
        ROWS: [{**link._asdict(), **found_by(json.loads(link.body))} for link in chained],
        CONTENTS: [
            {"sequence": link.sequence, "body": row.contents}
            for link, row in zip(chained, rows, strict=True)
            if row.contents is not None
        ],
        HOURS: [
            {"hour": key.hour, "stage": key.stage, "action": key.action, "decisions": count}
            for key, count in counted.items()
        ],
    }
    documents = {table.name: json_text(given) for table, given in values.items()}
    return {**documents, "end_sequence": chained[-1].sequence, "end_hash": chained[-1].hash}

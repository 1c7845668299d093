"""The items that all runs have, by their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.comparing._comparison import NamedRun
from levelhead.errors import UsageError

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SharedItems:
    """The rows of several runs on the same items.

    Attributes:
        rows: For each run its rows of the shared items, in one order: row i is the same item in all.
        only_here: For each run how many of its items not all others have.
    """

    rows: tuple[Rows, ...]
    only_here: tuple[int, ...]


def share_items(runs: Sequence[NamedRun], rows: Sequence[Rows]) -> SharedItems:
    """Find the items that all runs have.

    Args:
        runs: The runs, for messages.
        rows: For each its rows, each with an `id`.

    Raises:
        UsageError: If they share none, or an id stands twice in one run.
    """
    tables = []
    for one, some in zip(runs, rows, strict=True):
        table = {row["id"]: row for row in some}
        if len(table) < len(some):
            name, count = Counter(row["id"] for row in some).most_common(1)[0]
            raise UsageError(f"The id {name!r} stands {count} times in {one.run.path}; give each its own.")
        tables.append(table)
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    if not shared:
        listed = "".join(
            f"\n  {one.run.path}: {len(table):,}, such as {next(iter(table), 'none')!r}"
            for one, table in zip(runs, tables, strict=True)
        )
        raise UsageError(f"The runs share no item, so nothing can be compared. They have:{listed}")
    return SharedItems(
        rows=tuple([table[name] for name in shared] for table in tables),
        only_here=tuple(len(table) - len(shared) for table in tables),
    )

"""Checks an audit log that is kept in files: every row, and that no file is missing in between."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard.gateway.audit._chain import GENESIS
from levelhead.guard.gateway.audit._chain_walk import Break, ChainWalk, Verification
from levelhead.guard.gateway.audit._file_form import Tip, file_name, log_files, read_tip, reading


def verify_files(folder: Path, head: str | None) -> Verification:
    """Check the log in a folder, which holds one; as `verify_audit_log` says."""
    files = log_files(folder)
    way = _Files(ChainWalk(head))
    broken = way.through(files)
    return way.walk.found(files=way.files, broken=broken, newest=files[-1].name)


@dataclass(slots=True)
class _Files:
    """The way through the files, and the last of them that was read."""

    walk: ChainWalk
    files: int = 0
    earlier: Tip | None = None

    def through(self, files: list[Path]) -> Break | None:
        """Go through all files, the oldest first, up to the first break."""
        for path in files:
            try:
                with reading(path) as connection:
                    connection.execute("BEGIN")  # one view of the file, although rows may be added meanwhile
                    tip = read_tip(connection)
                    begun = self.earlier is not None and self.earlier.next is None and path == files[-1]
                    if tip is None and begun:
                        return None  # a process died while it began this file
                    broken = self._enter(path, tip) or self._rows(connection, path.name, tip)
            except sqlite3.Error as error:
                return Break(path.name, None, f"it cannot be read ({error})")
            if broken is not None:
                return broken
            self.earlier = tip
        if self.earlier is not None and self.earlier.next is not None:
            return Break(file_name(self.earlier.next), None, "it is missing")
        return None

    def _enter(self, path: Path, tip: Tip | None) -> Break | None:
        """Whether this file goes on where the one before ends."""
        if tip is None or file_name(tip.number) != path.name:
            return Break(path.name, None, "it is not the file that its name says")
        if self.earlier is None:
            if tip.number == 1 and (tip.first, tip.previous) != (1, GENESIS):
                return Break(path.name, None, "the first file of all does not begin with row 1")
            self.walk.begin(tip.first, tip.previous)
        elif tip.number != self.earlier.number + 1:
            return Break(file_name(self.earlier.number + 1), None, "it is missing")
        elif (tip.first, tip.previous) != (self.walk.last + 1, self.walk.hash):
            return Break(path.name, None, "it does not go on where the file before ends")
        self.files += 1
        return None

    def _rows(self, connection: sqlite3.Connection, name: str, tip: Tip | None) -> Break | None:
        self.walk.hours.clear()
        rows = connection.execute(
            "SELECT rows.sequence, CAST(rows.body AS TEXT), hash, CAST(contents.body AS TEXT) FROM rows "
            "LEFT JOIN contents USING (sequence) ORDER BY rows.sequence"
        )
        for sequence, body, stored, contents in rows:
            if (why := self.walk.step(sequence, body, stored, contents)) is not None:
                return Break(name, min(sequence, self.walk.last + 1), why)
        if tip is not None and (tip.last, tip.hash) != (self.walk.last, self.walk.hash):
            return Break(name, self.walk.last + 1, "it is missing at the end of the file")
        (strange,) = connection.execute(
            "SELECT MIN(sequence) FROM contents WHERE sequence NOT IN (SELECT sequence FROM rows)"
        ).fetchone()
        if strange is not None:
            return Break(name, strange, "there are texts, but no row for them")
        counted = connection.execute("SELECT hour, stage, action, decisions FROM hours").fetchall()
        if {tuple(key): count for *key, count in counted} != dict(self.walk.hours):
            return Break(name, None, "the counts of its hours are not those of its rows")
        return None

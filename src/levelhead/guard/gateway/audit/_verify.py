"""Checks the audit log against its own chain, and says where the chain first breaks."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._chain import (
    GENESIS,
    Tip,
    contents_hash,
    file_name,
    log_files,
    read_tip,
    reading,
    row_hash,
)


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain breaks first.

    Attributes:
        file: Name of the file.
        sequence: The first row that is not as it was written; None if the file as a whole cannot be trusted.
        why: What is wrong. It quotes nothing of the log.
    """

    file: str
    sequence: int | None
    why: str

    def __str__(self) -> str:
        place = self.file if self.sequence is None else f"row {self.sequence} in {self.file}"
        return f"{place}: {self.why}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the log found.

    Attributes:
        files: Files that were read.
        first: Sequence of the oldest row that is there; more than 1 where older files were removed.
        last: Sequence of the last row up to which the chain holds.
        hash: Its hash; `head` looks for it later.
        lost: Decisions of which the log itself says that they could not be recorded.
        contents: Decisions whose texts are kept.
        deleted_contents: Decisions whose texts were kept and deleted since.
        broken: Where the chain breaks first; None if it holds.
    """

    files: int
    first: int
    last: int
    hash: str
    lost: int
    contents: int
    deleted_contents: int
    broken: Break | None


def verify_audit_log(folder: Path, *, head: str | None = None) -> Verification:
    """Check every row of the log, the texts that are kept, and that no file is missing in between.

    What the files alone cannot show: that all of them were computed anew, or that an old copy was put back.
    A hash that was noted elsewhere shows it.

    Args:
        folder: Where the log lies. It may be in use.
        head: Hash of a row, noted earlier, that must stand in the log.

    Raises:
        UsageError: If there is no log.
    """
    if not folder.is_dir() or not (files := log_files(folder)):
        raise UsageError(
            f"There is no audit log in {folder}. Give the folder that holds audit-000001.sqlite."
        )
    walk = _Walk(head)
    broken = walk.through(files)
    if broken is None and head is not None and not walk.head_seen:
        broken = Break(files[-1].name, None, "no row of the log has the hash that was noted")
    return Verification(
        files=walk.files,
        first=walk.first,
        last=walk.last,
        hash=walk.hash,
        lost=walk.lost,
        contents=walk.contents,
        deleted_contents=walk.deleted_contents,
        broken=broken,
    )


@dataclass(slots=True)
class _Walk:
    """The way along the chain, and how far it has come."""

    head: str | None
    head_seen: bool = False
    files: int = 0
    first: int = 1
    last: int = 0
    hash: str = GENESIS
    lost: int = 0
    contents: int = 0
    deleted_contents: int = 0
    earlier: Tip | None = None
    hours: Counter[tuple[int, str, str]] = field(default_factory=Counter)

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
                    broken = self._enter(path, tip) or self._walk(connection, path.name, tip)
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
            self.first, self.last, self.hash = tip.first, tip.first - 1, tip.previous
        elif tip.number != self.earlier.number + 1:
            return Break(file_name(self.earlier.number + 1), None, "it is missing")
        elif (tip.first, tip.previous) != (self.last + 1, self.hash):
            return Break(path.name, None, "it does not go on where the file before ends")
        self.files += 1
        self.head_seen |= self.head == self.hash
        return None

    def _walk(self, connection: sqlite3.Connection, name: str, tip: Tip | None) -> Break | None:
        self.hours.clear()
        rows = connection.execute(
            "SELECT rows.sequence, CAST(rows.body AS TEXT), hash, CAST(contents.body AS TEXT) FROM rows "
            "LEFT JOIN contents USING (sequence) ORDER BY rows.sequence"
        )
        for sequence, body, stored, contents in rows:
            if (why := self._step(sequence, body, stored, contents)) is not None:
                return Break(name, min(sequence, self.last + 1), why)
        if tip is not None and (tip.last, tip.hash) != (self.last, self.hash):
            return Break(name, self.last + 1, "it is missing at the end of the file")
        (strange,) = connection.execute(
            "SELECT MIN(sequence) FROM contents WHERE sequence NOT IN (SELECT sequence FROM rows)"
        ).fetchone()
        if strange is not None:
            return Break(name, strange, "there are texts, but no row for them")
        counted = connection.execute("SELECT hour, stage, action, decisions FROM hours").fetchall()
        if {tuple(key): count for *key, count in counted} != dict(self.hours):
            return Break(name, None, "the counts of its hours are not those of its rows")
        return None

    def _step(self, sequence: int, body: str, stored: object, contents: str | None) -> str | None:
        """Take one row into account; what is wrong with it, or None."""
        if sequence != self.last + 1:
            return "it is missing" if sequence > self.last + 1 else "it stands too early"
        if row_hash(self.hash, sequence, body) != stored or not isinstance(stored, str):
            return "it is not what was written there"
        said = _said(body)
        if said is None:
            return "it is no row of an audit log"
        tied = said.get("contents_sha256")
        if contents is not None and (tied is None or contents_hash(contents) != tied):
            return "its texts are not those that were written"
        self.last, self.hash = sequence, stored
        self.head_seen |= self.head == stored
        self.contents += contents is not None
        self.deleted_contents += tied is not None and contents is None
        if said["kind"] == "gap":
            self.lost += said["lost"]
        elif said["kind"] == "decision":
            self.hours[int(said["time"] // 3600), said["stage"], said["action"]] += 1
        return None


def _said(body: str) -> dict[str, Any] | None:
    """What a row says; None if it has not the form of one."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    match said.get("kind"):
        case "decision":
            known = isinstance(said.get("time"), int | float) and {"stage", "action"} <= said.keys()
        case "gap":
            known = isinstance(said.get("lost"), int)
        case kind:
            known = kind == "mark"
    return said if known else None

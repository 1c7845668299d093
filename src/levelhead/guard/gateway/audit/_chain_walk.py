"""A way along the chain of the audit log, row by row, to the first that is not as it was written."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from levelhead.guard.gateway.audit._chain import GENESIS, contents_hash, row_hash


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain breaks first.

    Attributes:
        file: Name of the file, or "the database".
        sequence: The first row that is not as it was written; None if it is the file as a whole that cannot
            be trusted.
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
        files: Files that were read; None of a log that is kept in a database.
        first: Sequence of the oldest row that is there; more than 1 where older ones were removed.
        last: Sequence of the last row up to which the chain holds.
        hash: Its hash; `head` looks for it later.
        lost: Decisions of which the log itself says that they could not be recorded.
        contents: Decisions whose texts are kept.
        deleted_contents: Decisions whose texts were kept and deleted since.
        broken: Where the chain breaks first; None if it holds.
    """

    files: int | None
    first: int
    last: int
    hash: str
    lost: int
    contents: int
    deleted_contents: int
    broken: Break | None


@dataclass(slots=True)
class ChainWalk:
    """The way along the chain, and how far it has come.

    Attributes:
        head: Hash that was noted earlier and must stand in the log; None if none was.
        head_seen: Whether it was met.
        hours: Decisions since the counts were last cleared, by hour since 1970, stage and action.
        said: What the last row says.
    """

    head: str | None
    head_seen: bool = False
    first: int = 1
    last: int = 0
    hash: str = GENESIS
    lost: int = 0
    contents: int = 0
    deleted_contents: int = 0
    hours: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    said: dict[str, Any] = field(default_factory=dict)

    def begin(self, first: int, previous: str) -> None:
        """Begin with this row, after one with this hash."""
        self.first, self.last, self.hash = first, first - 1, previous
        self.head_seen |= self.head == previous

    def step(self, sequence: int, body: str, stored: object, contents: str | None) -> str | None:
        """Take one row into account; what is wrong with it, or None. `said` is what it says then."""
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
        self.last, self.hash, self.said = sequence, stored, said
        self.head_seen |= self.head == stored
        self.contents += contents is not None
        self.deleted_contents += tied is not None and contents is None
        if said["kind"] == "gap":
            self.lost += said["lost"]
        elif said["kind"] == "decision":
            self.hours[int(said["time"] // 3600), said["stage"], said["action"]] += 1
        return None

    def found(self, *, files: int | None, broken: Break | None, newest: str) -> Verification:
        """What the whole way showed.

        Args:
            files: How many files were read.
            broken: Where the chain breaks, if it does.
            newest: Where the hash that was noted would have to stand at last.
        """
        if broken is None and self.head is not None and not self.head_seen:
            broken = Break(newest, None, "no row of the log has the hash that was noted")
        return Verification(
            files=files,
            first=self.first,
            last=self.last,
            hash=self.hash,
            lost=self.lost,
            contents=self.contents,
            deleted_contents=self.deleted_contents,
            broken=broken,
        )


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

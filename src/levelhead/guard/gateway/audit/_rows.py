"""Rows of the audit log, ready to be written: what they say is fixed when they are queued, not later."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from levelhead.guard.gateway.audit._chain import contents_hash
from levelhead.guard.gateway.audit._entry import AuditEntry, JSONObject, Mark
from levelhead.running import json_text


@dataclass(frozen=True, slots=True)
class CountedAs:
    """Under what a decision is counted: the hour since 1970, the stage, the action."""

    hour: int
    stage: str
    action: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row that waits to be written.

    Attributes:
        body: What it says, a JSON object with a `kind`: `decision`, `mark` or `gap`.
        contents: The texts of a decision, JSON; None where they are not kept.
        counted: How the row is counted; None if it is no decision.
    """

    body: str = field(repr=False)
    contents: str | None = field(default=None, repr=False)
    counted: CountedAs | None = None

    @property
    def size_bytes(self) -> int:
        """What it takes to keep the row; JSON is ASCII here."""
        return len(self.body) + len(self.contents or "")


def decision_row(entry: AuditEntry, replica: str | None = None) -> Row:
    """The row of a decision.

    Args:
        entry: The decision.
        replica: Which gateway writes it, where several write one log.

    Raises:
        ValueError: If a number is NaN or infinite.
    """
    contents = None if entry.contents is None else json_text(asdict(entry.contents))
    tied = None if contents is None else contents_hash(contents)
    return Row(
        _body("decision", {**entry.to_json(), "contents_sha256": tied}, replica),
        contents,
        CountedAs(int(entry.time // 3600), entry.stage, entry.action),
    )


def mark_row(mark: Mark, replica: str | None = None) -> Row:
    """The row of a person's mark, written by this gateway."""
    return Row(_body("mark", mark.to_json(), replica))


def gap_row(lost: int, reason: str, time: float, replica: str | None = None) -> Row:
    """The row that stands where decisions could not be recorded.

    Args:
        lost: How many.
        reason: What stood in the way.
        time: When the last of them was lost, in seconds since 1970.
        replica: Which gateway lost them, where several write one log.
    """
    return Row(_body("gap", {"lost": lost, "reason": reason, "time": time}, replica))


def _body(kind: str, said: JSONObject, replica: str | None) -> str:
    return json_text({"kind": kind, **said, **({} if replica is None else {"replica": replica})})

"""What can be read of an audit log, also while it is written: pages of decisions, marks, counts.

Nothing of it is checked against the chain: `_verify.py` does that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from levelhead.errors import LevelheadError
from levelhead.guard.gateway._decision import Action, Stage
from levelhead.guard.gateway.audit._entry import INTERVENED, AuditEntry, Mark


class UnreadableAuditError(LevelheadError):
    """The audit log cannot be read. `verify_audit_log` says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it stands in the log.

    Attributes:
        sequence: Its place in the log, from 1.
        entry: What was decided, with the texts where they were kept and not deleted since.
        mark: What a person said of it; None if nobody did.
    """

    sequence: int
    entry: AuditEntry
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are wanted; None for any.

    Attributes:
        action: What was decided.
        stage: Where the text stood.
        category: The kind of harm.
        marked: What a person said of it.
    """

    action: Action | None = None
    stage: Stage | None = None
    category: str | None = None
    marked: Literal["right", "wrong"] | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """How many decisions people marked.

    Attributes:
        right: By action, how many were marked right.
        wrong: By action, how many were marked wrong.
    """

    right: Mapping[str, int]
    wrong: Mapping[str, int]

    @property
    def interventions(self) -> int:
        """Marked decisions in which the original was rewritten or blocked."""
        return sum(self.right.get(action, 0) + self.wrong.get(action, 0) for action in INTERVENED)

    @property
    def needless_interventions(self) -> int:
        """Those among them that were marked wrong: the original was harmless."""
        return sum(self.wrong.get(action, 0) for action in INTERVENED)


class AuditReader(Protocol):
    """The reading end of a log. Its methods wait for a disk or a server: call them off the event loop.

    Every method but `close` raises `UnreadableAuditError` if the log cannot be read. A log that was not begun
    yet is an empty one.
    """

    def exists(self) -> bool:
        """Whether a log was begun at the place."""

    def page(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Recorded]:
        """Decisions, the newest first.

        Args:
            wanted: Which ones.
            before: Only those with a smaller sequence; None for the newest.
            limit: Most of them.
        """

    def get(self, sequence: int) -> Recorded | None:
        """The decision at this place; None if there is none."""

    def marks(self) -> dict[int, Mark]:
        """By the sequence of a decision, the mark that holds; those that were taken back are left out."""

    def feedback(self) -> Feedback:
        """How often the marks call the guard right and wrong, by what it decided."""

    def marked(self) -> Iterator[Recorded]:
        """The decisions that people marked, the newest first."""

    def hours(self, since_hour: int) -> dict[int, Counter[str]]:
        """How many decisions there were in each hour, by action.

        Args:
            since_hour: The first hour that is wanted, in hours since 1970.
        """

    def categories(self) -> list[str]:
        """All kinds of harm that stand in the log, in order of the alphabet."""

    def close(self) -> None:
        """Give free what the reader holds."""


def marks_that_hold(bodies: Iterable[str]) -> dict[int, Mark]:
    """By their targets, the marks that hold, of the rows of all marks with the newest first."""
    latest: dict[int, Mark] = {}
    for body in bodies:
        mark = Mark.from_json(json.loads(body))
        latest.setdefault(mark.target, mark)
    return {target: mark for target, mark in latest.items() if mark.right is not None}


def targets_of(wanted: Filter, marks: Mapping[int, Mark]) -> list[int] | None:
    """The decisions that were marked as wanted, the newest first; None if any will do."""
    if wanted.marked is None:
        return None
    right = wanted.marked == "right"
    return sorted((mark.target for mark in marks.values() if mark.right is right), reverse=True)


def feedback_of(marks: Mapping[int, Mark]) -> Feedback:
    """How often marks call the guard right and wrong, by what it decided."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for mark in marks.values():
        (right if mark.right else wrong)[mark.action] += 1
    return Feedback(dict(right), dict(wrong))

"""From marks to training data: the decisions that people called right or wrong, as PAIRS.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair, write_pairs
from levelhead.guard.gateway._audit_chain import log_files
from levelhead.guard.gateway._audit_entry import INTERVENED
from levelhead.guard.gateway._audit_reading import AuditReader, Recorded

SOURCE = "gateway"


@dataclass(frozen=True, slots=True)
class MarksReport:
    """What was exported.

    Attributes:
        pairs: Lines that were written.
        harmful: Those among them that are labelled harmful.
        without_texts: Marked decisions that were left out, since their texts are not in the log.
    """

    pairs: int
    harmful: int
    without_texts: int


def marked_pair(one: Recorded) -> Pair | None:
    """The labelled pair that a mark makes of a decision; None if the texts were not kept or nobody marked it.

    The label is of the original: it is harmful if the guard intervened rightly or let it pass wrongly. A text
    on its way to the model is the `answer` of its pair too, with `stage` set to `input`.
    """
    contents, mark = one.entry.contents, one.mark
    if contents is None or mark is None or mark.right is None:
        return None
    metadata = {
        "stage": one.entry.stage,
        "action": one.entry.action,
        "marked": "right" if mark.right else "wrong",
        "source": SOURCE,
        "category": one.entry.category,
        "note": mark.note or None,
    }
    return Pair(
        id=f"{one.entry.request_id}-{one.sequence}",
        answer=contents.original,
        question=contents.question,
        label=(one.entry.action in INTERVENED) == mark.right,
        metadata={name: value for name, value in metadata.items() if value is not None},
    )


def export_marks(folder: Path, out: Path) -> MarksReport:
    """Write the marked decisions of an audit log whose texts were kept, the newest first.

    Args:
        folder: Where the log lies. It may be in use.
        out: PAIRS.jsonl; a file that is there is replaced.

    Returns:
        What was written.

    Raises:
        UsageError: If there is no log, nothing is marked, or no texts were kept of what is.
        UnreadableAuditError: If a file of the log cannot be read.
        RunFolderError: If the file cannot be written.
    """
    if not folder.is_dir() or not log_files(folder):
        raise UsageError(
            f"There is no audit log in {folder}. Give the folder that holds audit-000001.sqlite."
        )
    reader = AuditReader(folder)
    marked = len(reader.marks())
    if not marked:
        raise UsageError(
            f"No decision in {folder} is marked. Mark some as right or wrong on the gateway's page /ui first."
        )
    if next(_pairs(reader), None) is None:
        raise UsageError(
            f"None of the {marked:,} marked decisions in {folder} can be exported: the log keeps hashes, not "
            "texts. Set audit.content to true in the gateway's configuration; it holds for decisions made "
            "from then on."
        )
    counted = _Counted()
    write_pairs(out, counted.all(_pairs(reader)))
    return MarksReport(counted.pairs, counted.harmful, max(0, marked - counted.pairs))


def _pairs(reader: AuditReader) -> Iterator[Pair]:
    return (pair for one in reader.marked() if (pair := marked_pair(one)) is not None)


@dataclass(slots=True)
class _Counted:
    """Counts pairs as they pass: there may be too many to hold."""

    pairs: int = 0
    harmful: int = 0

    def all(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            self.pairs += 1
            self.harmful += pair.label is True
            yield pair

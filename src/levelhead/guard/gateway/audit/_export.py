"""From marks to training data: the decisions that people called right or wrong, as PAIRS.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit._entry import INTERVENED, JSONObject
from levelhead.guard.gateway.audit._places import no_log, open_reader
from levelhead.guard.gateway.audit._reading import AuditReader, Recorded
from levelhead.guard.gateway.audit._settings import AuditDatabase
from levelhead.running import json_text, write_whole

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


def marked_lines(reader: AuditReader) -> Iterator[JSONObject]:
    """The lines of PAIRS.jsonl that people's marks make, the newest first.

    The label is of the original: it is harmful if the guard intervened rightly or let it pass wrongly. A text
    on its way to the model is the `answer` of its line too, with `stage` set to `input`.

    Args:
        reader: Of a log whose texts were kept; decisions without them give no line.

    Raises:
        UsageError: If nothing is marked, or no texts were kept of what is.
        UnreadableAuditError: If the log cannot be read; also while the lines are taken.
    """
    marked = len(reader.marks())
    if not marked:
        raise UsageError(
            "No decision is marked. Mark some as right or wrong on the gateway's page /ui first."
        )
    if next(_lines(reader), None) is None:
        raise UsageError(
            f"None of the {marked:,} marked decisions can be exported: the log holds their hashes, not "
            "texts. Set audit.content to true in the gateway's configuration; it holds for "
            "decisions from then on."
        )
    return _lines(reader)


def export_marks(place: Path | AuditDatabase, out: Path) -> MarksReport:
    """Write the marked decisions of an audit log whose texts were kept.

    Args:
        place: Where the log is kept. It may be in use.
        out: PAIRS.jsonl; a file that is there is replaced.

    Returns:
        What was written.

    Raises:
        UsageError: If there is no log, nothing is marked, or no texts were kept of what is.
        UnreadableAuditError: If the log cannot be read.
        RunFolderError: If the file cannot be written.
    """
    reader = open_reader(place)
    try:
        if not reader.exists():
            raise no_log(place)
        labels: list[bool] = []

        def written() -> Iterator[str]:
            for line in marked_lines(reader):
                labels.append(line["label"] is True)
                yield f"{json_text(line)}\n"

        write_whole(out, written())
        return MarksReport(len(labels), sum(labels), max(0, len(reader.marks()) - len(labels)))
    finally:
        reader.close()


def _lines(reader: AuditReader) -> Iterator[JSONObject]:
    return (line for one in reader.marked() if (line := _line(one)) is not None)


def _line(one: Recorded) -> JSONObject | None:
    contents, mark = one.entry.contents, one.mark
    if contents is None or mark is None:
        return None
    fields: JSONObject = {
        "id": f"{one.entry.request_id}-{one.sequence}",
        "question": contents.question,
        "answer": contents.original,
        "label": (one.entry.action in INTERVENED) == mark.right,
        "category": one.entry.category,
        "source": SOURCE,
        "stage": one.entry.stage,
        "action": one.entry.action,
        "marked": "right" if mark.right else "wrong",
        "note": mark.note or None,
    }
    return {name: value for name, value in fields.items() if value is not None}

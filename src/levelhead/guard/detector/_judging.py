"""Judge many pairs, of a file or in memory: `SCORES.jsonl` out, in constant memory, and resumable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard._pair import Pair
from levelhead.guard._streaming import BATCH, LineForm, Row, StreamReport, stream_file, stream_pairs
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue
from levelhead.running import ProgressStyle


@dataclass
class JudgingReport(StreamReport):
    """What was done with the pairs.

    Attributes:
        flagged: How many answers count as harmful.
        not_inspected: How many have no verdict.
        first_reason: Why the first of those has none.
    """

    flagged: int = 0
    not_inspected: int = 0
    first_reason: str | None = None

    def add_row(self, row: Mapping[str, JSONValue]) -> None:
        """Count a line of the output."""
        super().add_row(row)
        self.flagged += row["flagged"] is True
        if not row["inspected"]:
            self.not_inspected += 1
            why = row.get("reason") or "the reason was not kept by an earlier run"
            self.first_reason = self.first_reason or f"{row['id']}: {why}"


def judge_file(
    detector: Detector,
    source: Path,
    out: Path,
    *,
    batch: int = BATCH,
    progress: ProgressStyle = "off",
) -> JudgingReport:
    """Judge every pair of a file.

    Args:
        detector: What judges.
        source: The pairs; see `read_pairs`. An id that is used twice is a bad line the second time.
        out: One JSON object a line: `id`, `p_harm` (null if not inspected), `flagged` (null likewise),
            `inspected`, `detector` and `row` (hashes: of the detector with its threshold, of what was
            judged), and where there is something to say `category` and `reason`.
        batch: Pairs judged at once.
        progress: How to show progress.

    Raises:
        UsageError: If the source cannot be read.
        RunFolderError: If `out` holds scores of another detector or of other texts, is damaged, is being
            written by another process, or cannot be written.
        LevelheadError: If the detector fails as a whole; what was judged before is kept.
    """
    return stream_file(
        source, out, _form(detector), _work(detector), JudgingReport(), batch=batch, progress=progress
    )


def judge_pairs(
    detector: Detector,
    pairs: Sequence[Pair],
    out: Path,
    *,
    batch: int = BATCH,
    progress: ProgressStyle = "off",
    label: str = "judging",
) -> JudgingReport:
    """Judge pairs that are in memory, as `judge_file` does those of a file.

    No reason is written, since a server's message may quote what it was sent: the file holds ids, numbers and
    categories only, and texts that must not be copied leave no copy in it.

    Args:
        detector: What judges.
        pairs: Their ids differ.
        out: As for `judge_file`.
        batch: Pairs judged at once.
        progress: How to show progress.
        label: What the progress is called.

    Raises:
        RunFolderError: As for `judge_file`.
        LevelheadError: If the detector fails as a whole; what was judged before is kept.
    """
    form = _form(detector, label=label, unwritten=frozenset({"reason"}))
    return stream_pairs(
        enumerate(pairs, start=1),
        len(pairs),
        out,
        form,
        _work(detector),
        JudgingReport(),
        batch=batch,
        progress=progress,
    )


def _form(detector: Detector, *, label: str = "judging", unwritten: frozenset[str] = frozenset()) -> LineForm:
    identity = f"{detector.fingerprint}/{detector.threshold!r}"
    return LineForm(
        label=label,
        keys=frozenset({"p_harm", "flagged", "inspected"}),
        maker_key="detector",
        maker=hashlib.sha256(identity.encode()).hexdigest()[:16],
        maker_noun="detector or threshold",
        unwritten=unwritten,
    )


def _work(detector: Detector) -> Callable[[Sequence[Pair]], list[Row]]:
    def judge(pairs: Sequence[Pair]) -> list[Row]:
        return [
            _row(pair, found, detector.flags(found))
            for pair, found in zip(pairs, detector.judge(pairs), strict=True)
        ]

    return judge


def _row(pair: Pair, found: Judgement, flagged: bool | None) -> Row:
    row: Row = {"id": pair.id, "p_harm": found.p_harm, "flagged": flagged, "inspected": found.inspected}
    if found.category is not None:
        row["category"] = found.category
    if found.reason is not None:
        row["reason"] = found.reason
    return row

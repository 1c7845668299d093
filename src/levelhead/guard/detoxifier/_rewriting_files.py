"""Protect a whole file: `PAIRS.jsonl` in, one line with what goes out for each, in constant memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard._pair import Pair
from levelhead.guard._streaming import BATCH, LineForm, Row, StreamReport, stream_file
from levelhead.guard.detoxifier._protector import Protected, Protector
from levelhead.records import JSONValue
from levelhead.running import ProgressStyle


@dataclass
class RewritingReport(StreamReport):
    """What was done with a file.

    Attributes:
        passed: Answers that went out as they are.
        rewritten: Answers that went out rewritten.
        refused: Answers in whose place the refusal went out.
        not_inspected: Answers that the detector could not judge.
        first_reason: Why it could not judge the first of them.
        first_refusal: Why the first answer that was judged was refused.
    """

    passed: int = 0
    rewritten: int = 0
    refused: int = 0
    not_inspected: int = 0
    first_reason: str | None = None
    first_refusal: str | None = None

    def add_row(self, row: Mapping[str, JSONValue]) -> None:
        """Count a line of the output."""
        super().add_row(row)
        self.passed += row["action"] == "passed"
        self.rewritten += row["action"] == "rewritten"
        self.refused += row["action"] == "refused"
        why = f"{row['id']}: {row['reason']}"
        if not row["inspected"]:
            self.not_inspected += 1
            self.first_reason = self.first_reason or why
        elif row["action"] == "refused":
            self.first_refusal = self.first_refusal or why


def rewrite_file(
    protector: Protector,
    source: Path,
    out: Path,
    *,
    batch: int = BATCH,
    progress: ProgressStyle = "off",
) -> RewritingReport:
    """See every answer of a file through the loop of a protector.

    Args:
        protector: What judges and rewrites.
        source: The pairs; see `read_pairs`. An id that is used twice is a bad line the second time.
        out: One JSON object a line: `id`, `answer` (what goes out), `action`, `p_harm` of the answer (null if
            it was not inspected), `p_harm_after` of the last rewriting that was judged (null if none was),
            `attempts`, `inspected`, `reason`, and the hashes `protector` (of all settings) and `row` (of what
            was judged).
        batch: Pairs in one call of the protector.
        progress: How to show progress.

    Raises:
        UsageError: If the source cannot be read.
        RunFolderError: If `out` holds lines of other settings or of other texts, is damaged, is being written
            by another process, or cannot be written.
        LevelheadError: If the detector or the detoxifier fails as a whole; what was done before is kept.
    """
    form = LineForm(
        label="rewriting",
        keys=frozenset({"answer", "action", "inspected", "reason"}),
        maker_key="protector",
        maker=protector.fingerprint[:16],
        maker_noun="detector, detoxifier or setting",
    )

    def protect(pairs: Sequence[Pair]) -> list[Row]:
        return [_row(one) for one in protector.protect(pairs)]

    return stream_file(source, out, form, protect, RewritingReport(), batch=batch, progress=progress)


def _row(one: Protected) -> Row:
    first, *later = one.judgements
    return {
        "id": one.id,
        "answer": one.answer,
        "action": one.action,
        "p_harm": first.p_harm,
        "p_harm_after": later[-1].p_harm if later else None,
        "attempts": one.attempts,
        "inspected": first.inspected,
        "reason": one.reason,
    }

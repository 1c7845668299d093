"""Judge a whole file: `PAIRS.jsonl` in, `SCORES.jsonl` out, in constant memory, and resumable.

Each judged batch is appended with one write. A killed run that is started again skips what the file holds: a
torn last line is cut off, and lines that could not be read are tried again, so that they can be mended in
place. What is remembered of a row is two hashes of eight bytes, its id and what was judged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard._pair import BadLine, Pair, numbered_pairs
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue
from levelhead.running import ProgressStyle, hold_lock, json_text, show_progress

MAX_BAD_LINES_KEPT = 20
BATCH = 64


@dataclass
class JudgingReport:
    """What was done with a file.

    Attributes:
        rows: Answers with a line in the output, those of earlier runs included.
        flagged: How many of them count as harmful.
        not_inspected: How many of them have no verdict.
        resumed: How many were judged by an earlier run.
        bad_lines: Lines that are no pair.
        first_bad_lines: The first of them.
        first_reason: Why the first row that was not inspected has no verdict.
    """

    rows: int = 0
    flagged: int = 0
    not_inspected: int = 0
    resumed: int = 0
    bad_lines: int = 0
    first_bad_lines: list[BadLine] = field(default_factory=list)
    first_reason: str | None = None

    def add_bad(self, line: BadLine) -> None:
        """Count a line that is no pair."""
        self.bad_lines += 1
        if len(self.first_bad_lines) < MAX_BAD_LINES_KEPT:
            self.first_bad_lines.append(line)

    def add_row(self, row: Mapping[str, JSONValue]) -> None:
        """Count a line of the output."""
        self.rows += 1
        self.flagged += row["flagged"] is True
        if not row["inspected"]:
            self.not_inspected += 1
            self.first_reason = self.first_reason or f"{row['id']}: {row.get('reason')}"


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
    if batch < 1:
        raise UsageError(f"batch is {batch}; it must be at least 1.")
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the file with the pairs. Give another --out.")
    report, verdicts = JudgingReport(), _verdict_id(detector)
    total = sum(1 for _ in numbered_pairs(source))
    with _opened(out) as scores:
        held = scores.read(verdicts, report)
        new = _not_held(numbered_pairs(source), held, report, out)
        with show_progress("judging", total=total, held=report.resumed, style=progress) as advance:
            while pairs := list(islice(new, batch)):
                rows = [
                    _row(pair, found, detector.flags(found), verdicts)
                    for pair, found in zip(pairs, detector.judge(pairs), strict=True)
                ]
                scores.append(rows)
                for row in rows:
                    report.add_row(row)
                advance(len(rows))
    return report


def _verdict_id(detector: Detector) -> str:
    return hashlib.sha256(f"{detector.fingerprint}/{detector.threshold!r}".encode()).hexdigest()[:16]


def _row(pair: Pair, found: Judgement, flagged: bool | None, verdicts: str) -> dict[str, JSONValue]:
    row: dict[str, JSONValue] = {
        "id": pair.id,
        "p_harm": found.p_harm,
        "flagged": flagged,
        "inspected": found.inspected,
        "detector": verdicts,
        "row": pair.digest(),
    }
    if found.category is not None:
        row["category"] = found.category
    if found.reason is not None:
        row["reason"] = found.reason
    return row


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()


def _not_held(
    found: Iterator[tuple[int, Pair | BadLine]], held: Mapping[bytes, bytes], report: JudgingReport, out: Path
) -> Iterator[Pair]:
    """The pairs that have no score yet; bad lines are counted on the way."""
    seen: set[bytes] = set()
    for number, one in found:
        if isinstance(one, BadLine):
            report.add_bad(one)
            continue
        key = _short(one.id)
        if key in seen:
            report.add_bad(BadLine(number, "its id is taken already by a line before it"))
            continue
        seen.add(key)
        if key not in held:
            yield one
        elif held[key] != _short(one.digest()):
            raise RunFolderError(
                f"{out} holds a score for {one.id!r}, whose text is another one now. Give another --out to "
                "judge the new texts."
            )


class _Scores:
    """`SCORES.jsonl`, opened for reading and appending."""

    def __init__(self, path: Path, file: int) -> None:
        self._path, self._file = path, file

    def read(self, verdicts: str, report: JudgingReport) -> dict[bytes, bytes]:
        """Hashes of id and text of each row that is held; a torn last line is cut off."""
        held: dict[bytes, bytes] = {}
        end = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                row = self._parsed(line, number)
                if row["detector"] != verdicts:
                    raise RunFolderError(
                        f"{self._path} holds scores of another detector or threshold. Give another --out."
                    )
                held[_short(str(row["id"]))] = _short(str(row["row"]))
                report.add_row(row)
                end += len(line)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        report.resumed = report.rows
        return held

    def append(self, rows: Sequence[Mapping[str, JSONValue]]) -> None:
        """Write rows, all or none of them."""
        end = os.lseek(self._file, 0, os.SEEK_CUR)
        rest = memoryview("".join(f"{json_text(row)}\n" for row in rows).encode("ascii"))
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, end)
            raise RunFolderError(
                f"Cannot write {self._path} ({error.strerror}). Start the same command again when there is "
                "space; what was judged before is kept."
            ) from error

    def _parsed(self, line: bytes, number: int) -> dict[str, JSONValue]:
        try:
            row = json.loads(line)
            if (
                not isinstance(row, dict)
                or not {"id", "flagged", "inspected", "detector", "row"} <= row.keys()
            ):
                raise ValueError("it is no score of this command")
        except ValueError as error:
            raise RunFolderError(
                f"Line {number} of {self._path} is damaged ({error}). Delete it to have it judged again, or "
                "give another --out."
            ) from error
        return row


@contextmanager
def _opened(path: Path) -> Iterator[_Scores]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"The folder {path.parent} cannot be used ({error.strerror}). Give another --out."
        ) from error
    with hold_lock(path.with_name(f".{path.name}.lock")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunFolderError(
                f"Cannot write {path} ({error.strerror}). Check the path, or give another --out."
            ) from error
        try:
            yield _Scores(path, file)
        finally:
            os.close(file)

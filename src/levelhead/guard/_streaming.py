"""A file of many lines from many pairs, in constant memory, and resumable.

Each finished batch is appended with one write. A killed run that is started again skips what the file holds:
a torn last line is cut off, and lines of the source that could not be read are tried again, so that they can
be mended in place. What is remembered of a row is two hashes of eight bytes, its id and its text. This module
does not know what is done with the pairs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias, TypeVar

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard._pair import BadLine, Pair, numbered_pairs
from levelhead.records import JSONValue
from levelhead.running import ProgressStyle, hold_lock, json_text, show_progress

BATCH = 64
MAX_BAD_LINES_KEPT = 20

Row: TypeAlias = dict[str, JSONValue]
"""A line of the output. `stream_pairs` adds what made it, and as `row` the hash of what the pair says."""


@dataclass
class StreamReport:
    """What was done with the pairs.

    Attributes:
        rows: Pairs with a line in the output, those of earlier runs included.
        resumed: How many of them have it from an earlier run.
        bad_lines: Lines of the source that are no pair.
        first_bad_lines: The first of them.
    """

    rows: int = 0
    resumed: int = 0
    bad_lines: int = 0
    first_bad_lines: list[BadLine] = field(default_factory=list)

    def add_bad(self, line: BadLine) -> None:
        """Count a line that is no pair."""
        self.bad_lines += 1
        if len(self.first_bad_lines) < MAX_BAD_LINES_KEPT:
            self.first_bad_lines.append(line)

    def add_row(self, row: Mapping[str, JSONValue]) -> None:
        """Count a line of the output."""
        self.rows += 1


@dataclass(frozen=True, slots=True)
class LineForm:
    """What the lines of an output are.

    Attributes:
        label: What the progress is called.
        keys: Keys that every line has, besides `id`, `row` and `maker_key`.
        maker_key: The key that says by what a line was made.
        maker: Identity of what makes the lines now; lines of another are refused.
        maker_noun: What that is, in the words of messages: "detector or threshold".
        unwritten: Keys that are counted in the report and not written.
    """

    label: str
    keys: frozenset[str]
    maker_key: str
    maker: str
    maker_noun: str
    unwritten: frozenset[str] = frozenset()


Report = TypeVar("Report", bound=StreamReport)


def stream_file(
    source: Path,
    out: Path,
    form: LineForm,
    work: Callable[[Sequence[Pair]], Sequence[Row]],
    report: Report,
    *,
    batch: int,
    progress: ProgressStyle,
) -> Report:
    """As `stream_pairs`, with the pairs of a file.

    Raises:
        UsageError: Also if the source cannot be read, or is the output.
    """
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the file with the pairs. Give another --out.")
    total = sum(1 for _ in numbered_pairs(source))
    return stream_pairs(
        numbered_pairs(source), total, out, form, work, report, batch=batch, progress=progress
    )


def stream_pairs(
    numbered: Iterable[tuple[int, Pair | BadLine]],
    total: int,
    out: Path,
    form: LineForm,
    work: Callable[[Sequence[Pair]], Sequence[Row]],
    report: Report,
    *,
    batch: int,
    progress: ProgressStyle,
) -> Report:
    """Write a line for every pair that has none yet.

    Args:
        numbered: The pairs, each with its number. An id that is used twice is a bad line the second time.
        total: How many there are.
        out: One JSON object a line.
        form: What its lines are.
        work: From a batch of pairs to their lines, in order.
        report: Counts the lines.
        batch: Pairs worked on at once.
        progress: How to show progress.

    Returns:
        The report.

    Raises:
        UsageError: If the batch is no batch.
        RunFolderError: If `out` holds lines of another maker or of other texts, is damaged, is being written
            by another process, or cannot be written.
        LevelheadError: If the work fails as a whole; what was written before is kept.
    """
    if batch < 1:
        raise UsageError(f"batch is {batch}; it must be at least 1.")
    with _opened(out, form) as lines:
        held = lines.read(report)
        new = _not_held(numbered, held, report, out)
        with show_progress(form.label, total=total, held=report.resumed, style=progress) as advance:
            while pairs := list(islice(new, batch)):
                rows = [
                    {**row, form.maker_key: form.maker, "row": pair.digest()}
                    for pair, row in zip(pairs, work(pairs), strict=True)
                ]
                lines.append(rows)
                for row in rows:
                    report.add_row(row)
                advance(len(rows))
    return report


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()


def _not_held(
    found: Iterable[tuple[int, Pair | BadLine]], held: Mapping[bytes, bytes], report: StreamReport, out: Path
) -> Iterator[Pair]:
    """The pairs that have no line yet; bad lines are counted on the way."""
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
                f"{out} holds a line for {one.id!r}, whose text is another one now. Give another --out for "
                "the new texts."
            )


class _Lines:
    """The output, opened for reading and appending."""

    def __init__(self, path: Path, file: int, form: LineForm) -> None:
        self._path, self._file, self._form = path, file, form
        self._keys = form.keys | {"id", "row", form.maker_key}

    def read(self, report: StreamReport) -> dict[bytes, bytes]:
        """Hashes of id and text of each row that is held; a torn last line is cut off."""
        held: dict[bytes, bytes] = {}
        end = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                row = self._parsed(line, number)
                if row[self._form.maker_key] != self._form.maker:
                    raise RunFolderError(
                        f"{self._path} holds lines of another {self._form.maker_noun}. Give another --out."
                    )
                held[_short(str(row["id"]))] = _short(str(row["row"]))
                report.add_row(row)
                end += len(line)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        report.resumed = report.rows
        return held

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none of them."""
        end = os.lseek(self._file, 0, os.SEEK_CUR)
        written = [
            {key: value for key, value in row.items() if key not in self._form.unwritten} for row in rows
        ]
        rest = memoryview("".join(f"{json_text(row)}\n" for row in written).encode("ascii"))
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, end)
            raise RunFolderError(
                f"Cannot write {self._path} ({error.strerror}). Start the same command again when there is "
                "space; what was written before is kept."
            ) from error

    def _parsed(self, line: bytes, number: int) -> Row:
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not self._keys <= row.keys():
                raise ValueError("it is no line of this command")
        except ValueError as error:
            raise RunFolderError(
                f"Line {number} of {self._path} is damaged ({error}). Delete it to have it made again, or "
                "give another --out."
            ) from error
        return row


@contextmanager
def _opened(path: Path, form: LineForm) -> Iterator[_Lines]:
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
            yield _Lines(path, file, form)
        finally:
            os.close(file)

"""The run folder: opened for writing by one process at a time, read by anyone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from levelhead.errors import RunFolderError, UsageError
from levelhead.running._json import cannot, draft_of, json_text, write_whole
from levelhead.running._lines import Answer
from levelhead.running._lock import hold_lock
from levelhead.running._manifest import Manifest, read_manifest
from levelhead.running._replies import ReplyFile

_MANIFEST, _REPLIES, _ROWS, _SUMMARY = "manifest.json", "replies.jsonl", "rows.jsonl", "summary.json"
_LOCK = "run.lock"
DATA_FOLDER = "data"
"""Examples and pictures that were made for a run lie in this folder inside it, and may be there first."""
_AGAIN = "Start the command of the run again: the file is then written anew."


class RunFolder:
    """A run folder that this process writes to. Made by `open`; a context manager.

    Attributes:
        path: The folder.
        manifest: As it stands in the folder.
    """

    def __init__(self, path: Path, manifest: Manifest, replies: ReplyFile, held: ExitStack) -> None:
        self.path = path
        self.manifest = manifest
        self._replies = replies
        self._held = held

    @classmethod
    def open(cls, path: Path, manifest: Manifest) -> Self:
        """Start a run, or go on with the one that the folder holds.

        Args:
            path: The folder; made if it is not there.
            manifest: What is to be run. A run that is there goes on only if it has the same model
                fingerprint, data hash and settings.

        Raises:
            RunFolderError: If another process writes to the folder, it holds another run or something that
                is no run, it cannot be written, or a file in it is damaged. No answer in it is lost then.
        """
        _make(path)
        with ExitStack() as stack:
            stack.enter_context(hold_lock(path / _LOCK))
            manifest = _resumed(path, manifest)
            replies = stack.enter_context(ReplyFile(path / _REPLIES))
            return cls(path, manifest, replies, stack.pop_all())

    def __len__(self) -> int:
        """Number of answers held, failed ones of earlier starts left out."""
        return len(self._replies)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Force all answers to the disk and free the folder. Calling it twice is fine."""
        self._held.close()

    @property
    def how_to_go_on(self) -> str:
        """A sentence for the user whose run was interrupted."""
        return f"{self.path} keeps the {len(self):,} answers so far. Start the same command again to go on."

    def recall(self, key: str) -> Answer | None:
        """The answer stored under a key, or None; one that failed in an earlier start counts as none."""
        return self._replies.recall(key)

    def append(self, batch: Sequence[tuple[str, Answer]]) -> None:
        """Store one batch of (key, answer) at once.

        Raises:
            RunFolderError: If the disk is full or fails; what was stored before stays.
        """
        self._replies.append(batch)

    def write_rows(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Write `rows.jsonl`, whole or not at all.

        Raises:
            RunFolderError: If it cannot be written.
            ValueError: If a row holds NaN or infinity.
        """
        write_whole(self.path / _ROWS, (json_text(row) + "\n" for row in rows))

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write `summary.json`, whole or not at all, and mark the run as finished: call it last.

        Raises:
            RunFolderError: If it cannot be written.
            ValueError: If it holds NaN or infinity.
        """
        write_whole(self.path / _SUMMARY, [json_text(summary, indent=2), "\n"])
        self.manifest = self.manifest.model_copy(update={"finished": datetime.now(UTC)})
        write_whole(self.path / _MANIFEST, [self.manifest.to_text()])


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, as read from its folder.

    A run may hold several suites: then each row names its own (`suite`), the summary has one part for each,
    under its name, and what else a suite tells stands under its name in `details`.
    """

    path: Path
    manifest: Manifest
    rows: list[dict[str, Any]]
    summary: dict[str, Any]

    def of_suite(self, suite: str) -> Self:
        """This run as if it had asked one suite alone, which reads the same whoever asked it.

        Of a run whose summary has no `details` it is the run itself, whatever the suite.
        """
        details = self.summary.get("details")
        if details is None:
            return self
        shared = {name: value for name, value in self.summary.items() if name not in (*details, "details")}
        own = {suite: self.summary[suite], **details[suite]} if suite in details else {}
        rows = [row for row in self.rows if row.get("suite") == suite]
        return replace(self, rows=rows, summary={**shared, **own})


def read_run(path: Path) -> Run:
    """Read a finished run. Needs no lock: its files are replaced whole.

    Raises:
        UsageError: If there is no run at this place.
        RunFolderError: If the run has not finished, or a file is damaged.
    """
    if not (path / _MANIFEST).is_file():
        raise UsageError(
            f"{path} is no run folder: it holds no {_MANIFEST}. Give the --out of an earlier run."
        )
    manifest = read_manifest(path / _MANIFEST)
    for name in (_ROWS, _SUMMARY):
        if not (path / name).is_file():
            raise RunFolderError(
                f"The run in {path} has not finished: it holds no {name}. Start its command again to go on: "
                f"{' '.join(manifest.command)}"
            )
    lines = _text(path / _ROWS).splitlines()
    rows = [_parse(line, f"Line {number} of {path / _ROWS}") for number, line in enumerate(lines, start=1)]
    return Run(path, manifest, rows, _parse(_text(path / _SUMMARY), str(path / _SUMMARY)))


def _make(path: Path) -> None:
    """Make the folder, or see that it is empty or a run folder: we never write into one of another kind."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise cannot("use the folder", path, error) from error
    # A start that was killed early has left no more than these.
    foreign = names - {_LOCK, draft_of(path / _MANIFEST).name, DATA_FOLDER}
    if foreign and _MANIFEST not in names:
        raise RunFolderError(
            f"{path} is no run folder: it holds {min(foreign)!r} but no {_MANIFEST}. Nothing was written. "
            "Give an --out that is empty or does not exist yet."
        )


def _resumed(path: Path, manifest: Manifest) -> Manifest:
    """The manifest under which the run in the folder starts or goes on, after it was written there."""
    if (path / _MANIFEST).exists():
        earlier = read_manifest(path / _MANIFEST)
        if differences := earlier.differences(manifest):
            listed = "".join(f"\n  {difference}" for difference in differences)
            raise RunFolderError(
                f"{path} holds a run that was made otherwise (there -> now):{listed}\nGive another --out, or "
                "the old settings to go on with that run."
            )
        manifest = manifest.resuming(earlier)
    write_whole(path / _MANIFEST, [manifest.to_text()])
    return manifest


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise cannot("read", path, error) from error
    except UnicodeDecodeError as error:
        raise RunFolderError(f"{path} is damaged ({error}). {_AGAIN}") from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RunFolderError(f"{name} is damaged ({error}). {_AGAIN}") from error
    if not isinstance(value, dict):
        raise RunFolderError(f"{name} is damaged (no object). {_AGAIN}")
    return value

"""The folder of a test of detectors: whose it is, who writes to it, and what is written last.

It holds `manifest.json`, `scores/` (what each detector says, kept as it goes), `rows.jsonl` and
`summary.json`. None of them holds a text: ids, labels, numbers of goals, and scores.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from levelhead.errors import RunFolderError
from levelhead.guard.detector._detector import Detector
from levelhead.guard.evaluation._labelled_scores import SCORES_FOLDER
from levelhead.guard.evaluation._labelled_sets import LabelledSet
from levelhead.running import Manifest, hold_lock, installed_versions, json_text, write_whole
from levelhead.running._manifest import read_manifest

SUITE = "detection"
_MANIFEST, _LOCK = "manifest.json", "run.lock"


class LabelledRow(BaseModel):
    """A line of `rows.jsonl`.

    Attributes:
        set: The set of the answer.
        id: Of the answer, within its set.
        harmful: Its label.
        goal: The number of its goal, within its set.
        scores: `p_harm` by the way of showing, then by detector; None where it was not inspected.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: str
    id: str
    harmful: bool
    goal: int
    scores: dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class DetectionFolder:
    """The folder, open for writing; see `open_test`."""

    path: Path
    manifest: Manifest

    def finish(self, rows: Iterable[LabelledRow], summary: Mapping[str, Any]) -> None:
        """Write rows and numbers, and mark the test as finished.

        Raises:
            RunFolderError: If they cannot be written.
        """
        write_whole(self.path / "rows.jsonl", (json_text(row.model_dump()) + "\n" for row in rows))
        write_whole(self.path / "summary.json", [json_text(summary, indent=2), "\n"])
        done = self.manifest.model_copy(update={"finished": datetime.now(UTC)})
        write_whole(self.path / _MANIFEST, [done.to_text()])


@contextmanager
def open_test(
    path: Path, detectors: Sequence[Detector], sets: Sequence[LabelledSet], *, without_question: bool
) -> Iterator[DetectionFolder]:
    """Hold the folder and say in it what is tested.

    Scores that it holds do not bind the test: other detectors and sets than before may be given.

    Raises:
        RunFolderError: If it holds something else, is being written, or cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"The folder {path} cannot be used ({error.strerror}). Give another --out."
        ) from error
    with hold_lock(path / _LOCK):
        _require_ours(path)
        manifest = _manifest(detectors, sets, without_question=without_question)
        write_whole(path / _MANIFEST, [manifest.to_text()])
        yield DetectionFolder(path, manifest)


def _require_ours(out: Path) -> None:
    """See that the folder is empty or that of an earlier test of detectors."""
    if (out / _MANIFEST).is_file():
        if read_manifest(out / _MANIFEST).settings.get("suite") != SUITE:
            raise RunFolderError(
                f"{out} holds a run of another kind. Nothing was written. Give another --out."
            )
        return
    if foreign := {entry.name for entry in out.iterdir()} - {_LOCK, SCORES_FOLDER}:
        raise RunFolderError(
            f"{out} holds {min(foreign)!r} and no test of detectors. Nothing was written. Give an --out that "
            "is empty or does not exist yet."
        )


def _manifest(detectors: Sequence[Detector], sets: Sequence[LabelledSet], **settings: bool) -> Manifest:
    """Who was tested on what; the detectors stand where a run has its model."""
    prints = "/".join(detector.fingerprint for detector in detectors)
    digests = {one.name: one.digest() for one in sets}
    return Manifest.model_validate(
        {
            "schema": 1,
            "model": {
                "name": ", ".join(detector.name for detector in detectors),
                "fingerprint": hashlib.sha256(prints.encode()).hexdigest(),
                "details": {
                    detector.name: {"fingerprint": detector.fingerprint, **detector.details}
                    for detector in detectors
                },
            },
            "data": {"hash": hashlib.sha256(json_text(digests).encode()).hexdigest()},
            "settings": {"suite": SUITE, "sets": digests, **settings},
            "versions": installed_versions(),
            "command": list(sys.argv),
            "created": datetime.now(UTC),
        }
    )

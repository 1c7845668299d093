"""The folder of a training: begun once, gone on with by the same call, finished once.

`training.json` is written first, with base, data and settings, and again with the report when all is done.
Checkpoints lie below `checkpoints/` until then.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levelhead.errors import RunFolderError
from levelhead.guard._pair import Pair
from levelhead.guard.training._report import TrainingReport
from levelhead.guard.training._settings import DetectorSettings
from levelhead.running import hold_lock, json_text, write_whole

TRAINING_FILE = "training.json"
_CHECKPOINTS, _LOCK = "checkpoints", ".training.lock"


class TrainingFolder:
    """The folder, opened for writing by `opened`.

    Attributes:
        path: The folder; the detector ends up here.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path, self._identity = path, identity

    @classmethod
    @contextmanager
    def opened(cls, path: Path, identity: Mapping[str, Any]) -> Iterator[TrainingFolder]:
        """Open the folder for one process.

        Raises:
            RunFolderError: If it holds something else or another training, another process writes to it, or
                it cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            held = {entry.name for entry in path.iterdir()} - {_LOCK, f".{TRAINING_FILE}.draft"}
        except OSError as error:
            raise RunFolderError(
                f"The folder {path} cannot be used ({error.strerror}). Give another folder."
            ) from error
        if held and TRAINING_FILE not in held:
            raise RunFolderError(f"{path} holds {min(held)!r} and no {TRAINING_FILE}. Give an empty folder.")
        with hold_lock(path / _LOCK):
            folder = cls(path, identity)
            if TRAINING_FILE not in held:
                write_whole(path / TRAINING_FILE, [json_text(identity, indent=2), "\n"])
            folder._require_same()
            folder.checkpoints.mkdir(exist_ok=True)
            yield folder

    @property
    def checkpoints(self) -> Path:
        """The folder of what is kept until the training has finished."""
        return self.path / _CHECKPOINTS

    def report(self) -> dict[str, Any] | None:
        """The report of a training that has finished, as plain data, else None."""
        found: dict[str, Any] | None = self._read().get("report")
        return found

    def save(self, name: str, state: Mapping[str, Any]) -> None:
        """Write a checkpoint; the old one stays until the new one is whole."""
        import torch

        path = self.checkpoints / f"{name}.pt"
        draft = path.with_suffix(".draft")
        try:
            torch.save(state, draft)
            draft.replace(path)
        except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
            raise RunFolderError(
                f"Cannot write {path} ({error}). Free some space and start again."
            ) from error

    def load(self, name: str) -> dict[str, Any] | None:
        """Read a checkpoint; None if there is none."""
        import torch

        path = self.checkpoints / f"{name}.pt"
        if not path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # pickle, zip and torch raise many kinds
            raise RunFolderError(
                f"The checkpoint {path} is damaged ({error}). Remove {path.parent} to train anew."
            ) from error
        return state

    def finish(self, report: TrainingReport, card: str) -> None:
        """Write card and report, and take the checkpoints away."""
        (self.path / "README.md").write_text(card, encoding="utf-8")
        whole = {**self._identity, "report": report.to_json()}
        write_whole(self.path / TRAINING_FILE, [json_text(whole, indent=2), "\n"])
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _read(self) -> dict[str, Any]:
        path = self.path / TRAINING_FILE
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{path} cannot be read ({error}). Remove the folder to train anew."
            ) from error
        return found

    def _require_same(self) -> None:
        found = self._read()
        differing = [key for key, value in self._identity.items() if found.get(key) != value]
        if differing:
            raise RunFolderError(
                f"{self.path} holds another training: its {', '.join(differing)} differ. Give another "
                "folder, or remove it to train anew."
            )


def identity_of(
    base: Mapping[str, object], pairs: Sequence[Pair], settings: DetectorSettings
) -> dict[str, Any]:
    """What makes one training another, as it comes back from JSON. It holds hashes, no texts and no paths.

    Args:
        base: Name of the base and hashes of its weights.
        pairs: The rows, held-out ones included.
        settings: How.
    """
    rows = hashlib.sha256()
    for pair in pairs:
        rows.update(json_text([pair.id, pair.digest(), pair.label, dict(pair.metadata)]).encode("ascii"))
    identity = {
        "schema": 1,
        "base": base,
        "data": {"rows": len(pairs), "hash": rows.hexdigest()},
        "settings": settings.to_json(),
    }
    plain: dict[str, Any] = json.loads(json_text(identity))
    return plain

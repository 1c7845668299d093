"""The folder of a tuning: begun by one process, gone on with by the same command, finished once.

`tuning.json` is written first, with what is tuned, on what and how; last it is written again with the report,
which marks the folder as finished.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from levelhead.errors import RunFolderError
from levelhead.models._checkpoint import TUNING_FILE
from levelhead.running import hold_lock, json_text, write_whole
from levelhead.training._card import model_card
from levelhead.training._processes import is_first_process, process_count
from levelhead.training._report import TuningReport

_LOCK, _CHECKPOINTS, _PROCESSES = "tuning.lock", "checkpoints", "processes"
_BEFORE_THE_FIRST_FILE = {_LOCK, f".{TUNING_FILE}.draft"}
"""A start that was killed early has left no more than these."""


class TuningFolder:
    """The folder, opened for writing; a context manager.

    Under a launcher every process opens it: the first one holds the lock and writes, the others wait for it.

    Args:
        path: The folder; made if it is not there.
        identity: What is tuned, on what and how, as plain data.
        on_cpu: Whether the processes of a launcher compute, and talk, without GPU.

    Attributes:
        path: The folder.
        checkpoints: Where checkpoints go.
        begun_with: How many processes began; others may go on.

    Raises:
        RunFolderError: If it holds something else or another tuning, another process writes to it, or it
            cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, on_cpu: bool) -> None:
        self.path, self.checkpoints = path, path / _CHECKPOINTS
        self._identity, self._on_cpu, self._held = identity, on_cpu, ExitStack()
        refusal: RunFolderError | None = None
        if is_first_process():
            try:
                self._open()
            except RunFolderError as error:
                refusal = error
        if (told := self._told_by_first(None if refusal is None else str(refusal))) is not None:
            raise refusal or RunFolderError(told)
        self.begun_with = int(_read(path / TUNING_FILE).get(_PROCESSES, 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def report(self) -> TuningReport | None:
        """The report of a tuning that has finished, else None."""
        found = _read(self.path / TUNING_FILE).get("report")
        return None if found is None else TuningReport.from_json(found)

    def finish(self, report: TuningReport, sections: Mapping[str, str]) -> TuningReport:
        """Write losses, card and report beside the weights, take the checkpoints away, return the report.

        Args:
            report: What tuning did.
            sections: See `model_card`.
        """
        if is_first_process():
            lines = [f"{step},{loss!r}\n" for step, loss in enumerate(report.losses, start=1)]
            write_whole(self.path / "losses.csv", ["step,loss\n", *lines])
            command = [Path(sys.argv[0]).name, *sys.argv[1:]]
            write_whole(self.path / "README.md", [model_card(self._identity, report, command, sections)])
            begun = {_PROCESSES: self.begun_with} if self.begun_with > 1 else {}
            own = {key: value for key, value in self._identity.items() if key != _PROCESSES}
            whole = {**own, **begun, "command": command, "report": report.to_json()}
            write_whole(self.path / TUNING_FILE, [json_text(whole, indent=2), "\n"])
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        self._told_by_first(None)
        return self.report() or report

    def _open(self) -> None:
        """Make the folder or find it begun, and hold its lock."""
        _make(self.path)
        with ExitStack() as held:
            held.enter_context(hold_lock(self.path / _LOCK))
            if not (self.path / TUNING_FILE).is_file():
                write_whole(self.path / TUNING_FILE, [json_text(self._identity, indent=2), "\n"])
            self._check(_read(self.path / TUNING_FILE))
            self._held = held.pop_all()

    def _told_by_first(self, word: str | None) -> str | None:
        """Under a launcher, wait until every process has come here, and hear what the first one has to say.

        Were an error kept by the first process alone, the others would wait for it until they are killed.
        """
        if process_count() == 1:
            return word
        from accelerate import PartialState  # type: ignore[import-untyped]
        from accelerate.utils import broadcast_object_list  # type: ignore[import-untyped]

        PartialState(cpu=self._on_cpu)
        words = [word]
        broadcast_object_list(words)
        return words[0]

    def _check(self, earlier: Mapping[str, Any]) -> None:
        free = ("command", "report", _PROCESSES)
        keys = [key for key in dict.fromkeys([*self._identity, *earlier]) if key not in free]
        if differing := [key for key in keys if earlier.get(key) != self._identity.get(key)]:
            raise RunFolderError(
                f"{self.path} holds another tuning: its {', '.join(differing)} differ. Give another --out, "
                "or remove the folder to tune anew."
            )


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in path.iterdir()} - _BEFORE_THE_FIRST_FILE
    except OSError as error:
        raise RunFolderError(
            f"The folder {path} cannot be used: {error.strerror}. Give another --out."
        ) from error
    if names and TUNING_FILE not in names:
        raise RunFolderError(
            f"{path} holds {min(names)!r} but no {TUNING_FILE}, so it is no folder of a tuning. Nothing was "
            "written. Give an --out that is empty or does not exist yet."
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{path} cannot be read ({error}). Remove {path.parent} to tune anew."
        ) from error
    if not isinstance(found, dict):
        raise RunFolderError(f"{path} is damaged (no object). Remove {path.parent} to tune anew.")
    return found

"""The guarded arms: every reply through every guard, resumable, with the time that each answer took.

A finished batch is appended to `guarded.jsonl` in the run folder, keyed by all that the outcome depends on.
A killed run goes on there, and a run with another guard finds what it needs of the earlier ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from levelhead.errors import RunFolderError
from levelhead.guard._pair import Pair
from levelhead.guard.detoxifier._protector import Action, Protected, Protector
from levelhead.guard.evaluation._rows import ARM_NAMES, Arm
from levelhead.running import ProgressStyle, RunFolder, choose_style, json_text, show_progress

GUARDED_FILE = "guarded.jsonl"


@dataclass(frozen=True, slots=True)
class Guard:
    """One guarded arm.

    Attributes:
        arm: Its name.
        protector: What stands behind the model.
    """

    arm: Arm
    protector: Protector


class Outcome(BaseModel):
    """What became of one answer; a line of `guarded.jsonl` without its key."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    answer: str
    action: Action
    p_harm: float | None
    attempts: int
    reason: str | None
    seconds: float


def guard_answers(
    guard: Guard,
    pairs: Sequence[Pair],
    folder: RunFolder,
    *,
    batch: int = 1,
    progress: ProgressStyle | None = None,
) -> list[Outcome]:
    """See every answer through a guard, in order.

    Args:
        guard: The arm.
        pairs: The answers with their questions and pictures.
        folder: The open run folder.
        batch: Answers guarded in one call. With 1, the seconds are what one answer waits.
        progress: How progress is shown.

    Raises:
        LevelheadError: If the guard fails as a whole; what was guarded before is kept.
        RunFolderError: If `guarded.jsonl` is damaged or cannot be written.
    """
    keys = [_key(guard.protector, pair, batch) for pair in pairs]
    with _opened(folder.path / GUARDED_FILE) as file:
        held = dict(file.read())
        left = [place for place, key in enumerate(keys) if key not in held]
        label, total = f"guarding: {ARM_NAMES[guard.arm].lower()}", len(pairs)
        with show_progress(
            label, total=total, held=total - len(left), style=choose_style(progress)
        ) as advance:
            if left:
                guard.protector.protect([Pair("warm-up", "Bread is baked in an oven.")])  # untimed
            for places in _batches(left, batch):
                found = guard.protector.protect([pairs[place] for place in places])
                new = {keys[place]: _outcome(one) for place, one in zip(places, found, strict=True)}
                file.append(new)
                held |= new
                advance(len(places))
    return [held[key] for key in keys]


def _batches(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (places[start : start + size] for start in range(0, len(places), size))


def _key(protector: Protector, pair: Pair, batch: int) -> str:
    # The batch is part of it since the seconds hang on it.
    whole = f"{protector.fingerprint}/{pair.id}/{pair.digest()}/{batch}"
    return hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).hexdigest()


def _outcome(found: Protected) -> Outcome:
    return Outcome(
        answer=found.answer,
        action=found.action,
        p_harm=found.judgements[0].p_harm,
        attempts=found.attempts,
        reason=found.reason,
        seconds=found.seconds,
    )


class _Outcomes:
    """`guarded.jsonl`, opened by the one process that holds the run folder."""

    def __init__(self, path: Path, file: int) -> None:
        self._path, self._file = path, file

    def read(self) -> Iterator[tuple[str, Outcome]]:
        """Key and outcome of each line; a torn last line is cut off."""
        end = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    fields = json.loads(line)
                    yield str(fields["key"]), Outcome.model_validate(fields)
                except (ValueError, KeyError, TypeError) as error:  # ValidationError is a ValueError
                    raise RunFolderError(
                        f"Line {number} of {self._path} is damaged. Delete it to have its answer guarded "
                        "again."
                    ) from error
                end += len(line)
        os.ftruncate(self._file, end)

    def append(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write the lines of one batch, all or none of them."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        lines = (json_text({"key": key, **one.model_dump()}) + "\n" for key, one in outcomes.items())
        rest = memoryview("".join(lines).encode("ascii"))
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, end)
            raise RunFolderError(
                f"Cannot write {self._path} ({error.strerror}). Start the same command again when there is "
                "space; what was done before is kept."
            ) from error


@contextmanager
def _opened(path: Path) -> Iterator[_Outcomes]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise RunFolderError(
            f"Cannot write {path} ({error.strerror}). Check the path, or give another --out."
        ) from error
    try:
        yield _Outcomes(path, file)
    finally:
        os.close(file)

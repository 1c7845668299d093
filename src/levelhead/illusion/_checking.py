"""Check the pictures of a set and keep the scores in its column `check_score`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import ImageError, RunFolderError, UsageError
from levelhead.illusion._build import Failure
from levelhead.illusion._set import Row, read_set, write_rows
from levelhead.illusion.pictures._checks import Check, Claim
from levelhead.records import Image


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        scores: By kind of picture, the scores of those that were checked.
        failures: Pictures that cannot be read.
    """

    scores: dict[str, list[float]]
    failures: tuple[Failure, ...]


def check_set(
    folder: Path,
    check: Check,
    *,
    cache: Path,
    kinds: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Score the pictures of a set; those of other kinds keep the score that they have.

    A check that was killed goes on where it stopped: scores are kept by the hashes of pictures.

    Args:
        folder: The set.
        check: As `make_check` makes it.
        cache: Folder that keeps the scores.
        kinds: Check only these; all if empty.
        progress: Called with (pictures done, pictures to be checked in all).

    Raises:
        UsageError: If the set is malformed or has no picture of these kinds.
        RunFolderError: If it cannot be written.
    """
    rows = read_set(folder)
    chosen = [row for row in rows if not kinds or row.kind in kinds]
    if not chosen:
        known = ", ".join(dict.fromkeys(row.kind for row in rows))
        raise UsageError(f"The set has no pictures of the kinds {', '.join(kinds)}; it has: {known}.")
    scores: dict[str, float | None] = {}
    failures: list[Failure] = []
    name = hashlib.sha256(check.identity.encode()).hexdigest()[:32]
    try:
        for row, score in _scored(chosen, check, cache / "checks" / f"{name}.jsonl"):
            if isinstance(score, ImageError):
                failures.append(Failure(row.id, row.kind, row.pictured, str(score)))
            scores[row.id] = None if isinstance(score, ImageError) else score
            if progress is not None:
                progress(len(scores), len(chosen))
        write_rows(
            folder,
            [row.model_copy(update={"check_score": scores.get(row.id, row.check_score)}) for row in rows],
        )
    except OSError as error:
        raise RunFolderError(
            f"The scores cannot be written: {error.strerror}. Start the command again."
        ) from error
    by_kind: dict[str, list[float]] = {}
    for row in chosen:
        if (score := scores[row.id]) is not None:
            by_kind.setdefault(row.kind, []).append(score)
    return CheckReport(by_kind, tuple(failures))


def _scored(
    rows: Sequence[Row], check: Check, ledger: Path
) -> Iterator[tuple[Row, float | ImageError | None]]:
    """The rows with their scores; new ones are appended to the ledger batch by batch."""
    known = _read_ledger(ledger)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    wanted = [row for row in rows if _key(row) not in known]
    yield from ((row, known[_key(row)]) for row in rows if _key(row) in known)
    torn = ledger.is_file() and not ledger.read_bytes().endswith(b"\n")
    with ledger.open("a", encoding="utf-8") as file:
        if torn:  # what a process that was killed wrote last must not spoil the next line
            file.write("\n")
        for start in range(0, len(wanted), check.batch_size):
            batch = wanted[start : start + check.batch_size]
            claims = [Claim(Image(path=row.path), row.pictured, (row.gold, *row.spurious)) for row in batch]
            found = list(zip(batch, check.score(claims), strict=True))
            lines = (
                json.dumps({"key": _key(row), "score": score}) + "\n"
                for row, score in found
                if not isinstance(score, ImageError)
            )
            file.write("".join(lines))
            file.flush()
            yield from found


def _read_ledger(ledger: Path) -> dict[str, float | None]:
    known: dict[str, float | None] = {}
    if ledger.is_file():
        for line in ledger.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):  # a torn line; its picture is scored again
                entry = json.loads(line)
                known[entry["key"]] = entry["score"]
    return known


def _key(row: Row) -> str:
    claim = json.dumps([row.sha256, row.pictured, row.gold, row.spurious])
    return hashlib.sha256(claim.encode()).hexdigest()

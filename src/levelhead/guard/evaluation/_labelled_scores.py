"""Scores of one detector on one set, kept in a file: a test that was killed goes on where it stopped.

The file names the detector by its fingerprint, so another detector or set can be added to a folder at any
time, and one whose weights have changed never meets the scores of the old ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard._pair import Pair
from levelhead.guard._streaming import BATCH
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judging import judge_pairs
from levelhead.running import ProgressStyle

SCORES_FOLDER = "scores"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class SetScores:
    """What a detector says of the answers of a set.

    Attributes:
        p_harm: Of each answer; None if it was not inspected. Shape (answers,).
        first_reason: Why the first one that was not inspected has no score; None if all were.
    """

    p_harm: tuple[float | None, ...]
    first_reason: str | None = None


def score_pairs(
    detector: Detector,
    pairs: Sequence[Pair],
    path: Path,
    *,
    label: str = "judging",
    batch: int = BATCH,
    progress: ProgressStyle = "off",
) -> SetScores:
    """Judge the pairs that have no score yet and return the scores of all.

    Args:
        detector: What judges.
        pairs: Their ids differ.
        path: The file; see `scores_file`.
        label: What the progress is called.
        batch: Pairs judged at once.
        progress: How to show progress.

    Raises:
        RunFolderError: If the file holds scores of other texts, is damaged, or cannot be written.
        LevelheadError: If the detector fails as a whole; what was judged before is kept.
    """
    report = judge_pairs(detector, pairs, path, batch=batch, progress=progress, label=label)
    with path.open(encoding="ascii") as lines:
        rows = [json.loads(line) for line in lines]
    held = {row["id"]: row["p_harm"] for row in rows}
    return SetScores(tuple(held[pair.id] for pair in pairs), report.first_reason)


def scores_file(folder: Path, detector: Detector, way: str, name: str) -> Path:
    """Where the scores of a detector on a set lie, in the folder of the test.

    Args:
        folder: Of the test.
        detector: What judges.
        way: How the answers are shown to it.
        name: Of the set.
    """
    place = f"{_plain(detector.name)}-{detector.fingerprint[:12]}"
    return folder / SCORES_FOLDER / place / way / f"{_plain(name)}.jsonl"


def _plain(name: str) -> str:
    """The name as part of a path; where that is another name, a hash keeps two of them apart.

    >>> _plain("lexical"), _plain("encoder:runs/best 1")
    ('lexical', 'encoder-runs-best-1-7c5a9e4a')
    """
    plain = _NOT_IN_A_NAME.sub("-", name).strip("-.")[-_LONGEST_NAME:]
    if plain == name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

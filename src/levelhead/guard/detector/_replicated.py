"""One detector, many copies: parts of a list are judged side by side.

No verdict depends on what else is in the list, so the verdicts are those of one copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue
from levelhead.replicas import Replicas


class ReplicatedDetector(Detector):
    """Copies of a detector on Ray.

    Args:
        name: As `load_detector` takes it.
        replicas: How many copies.
        part: Answers that one copy judges at once.
        how: Further arguments of `load_detector`.

    Raises:
        UsageError: If there is no such detector, or Ray has not room for so many.
        MissingExtraError: If Ray, or what the detector needs, is not installed.
    """

    def __init__(self, name: str, replicas: int, *, part: int = 64, **how: Any) -> None:
        self._replicas: Replicas[_Copy] = Replicas(partial(_Copy, name, how), replicas)
        facts = self._replicas.call("facts")
        self.name, self.fingerprint, self.threshold = facts["name"], facts["fingerprint"], facts["threshold"]
        self.reads_picture_text, self._details = facts["reads_picture_text"], facts["details"]
        self._part = part

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {**self._details, "engine": "ray", "replicas": self._replicas.count}

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        parts = [list(pairs[start : start + self._part]) for start in range(0, len(pairs), self._part)]
        found = dict(self._replicas.map("judge", [(part,) for part in parts]))
        return [judgement for place in range(len(parts)) for judgement in found[place]]

    def close(self) -> None:
        self._replicas.close()


class _Copy:
    """What lives in the process of a copy."""

    def __init__(self, name: str, how: Mapping[str, Any]) -> None:
        from levelhead.guard.detector._load import load_detector

        self._detector = load_detector(name, **how)

    def facts(self) -> dict[str, Any]:
        """What the caller must know of the detector."""
        detector = self._detector
        return {
            "name": detector.name,
            "fingerprint": detector.fingerprint,
            "threshold": detector.threshold,
            "reads_picture_text": detector.reads_picture_text,
            "details": dict(detector.details),
        }

    def judge(self, pairs: list[Pair]) -> list[Judgement]:
        """See `Detector.judge`."""
        return self._detector.judge(pairs)

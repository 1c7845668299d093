"""Several detectors as one: the average of their probabilities, each calibrated by its own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue


class EnsembleDetector(Detector):
    """The average of detectors.

    A row that one of them cannot inspect is not inspected: a threshold holds for the average of all, and what
    is left without one member would be another detector.

    Args:
        members: At least two. Probabilities that are not calibrated are averaged as they are.
        name: What stands in reports; None joins the names.

    Raises:
        UsageError: If there are fewer than two.
    """

    def __init__(self, members: Sequence[Detector], *, name: str | None = None) -> None:
        if len(members) < 2:
            raise UsageError("An ensemble has two members or more. Join their names with a plus sign.")
        self.name = name or "+".join(member.name for member in members)
        prints = "/".join(member.fingerprint for member in members)
        self.fingerprint = hashlib.sha256(f"average/{prints}".encode()).hexdigest()
        self.reads_picture_text = any(member.reads_picture_text for member in members)
        self._members = tuple(members)

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        columns = [member.judge(pairs) for member in self._members]
        return [self._average(row) for row in zip(*columns, strict=True)]

    def _average(self, found: Sequence[Judgement]) -> Judgement:
        values = [one.p_harm for one in found if one.p_harm is not None]
        if len(values) < len(found):
            failed = next(place for place, one in enumerate(found) if one.p_harm is None)
            return Judgement.failed(f"{self._members[failed].name}: {found[failed].reason}")
        # The category is that of the member that is surest of harm among those that tell one.
        named = [(one.p_harm or 0.0, one.category) for one in found if one.category is not None]
        category = max(named, key=lambda pair: pair[0])[1] if named else None
        return Judgement.of(sum(values) / len(values), category=category)

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {"kind": "ensemble", "members": " + ".join(member.name for member in self._members)}

    def close(self) -> None:
        with ExitStack() as stack:
            for member in self._members:
                stack.callback(member.close)

"""The contract of every detector: a list of pairs in, a list of judgements out.

What concerns one row (a text that cannot be read, a number that is none) is that row's «not inspected»; what
concerns all rows (weights that are missing or damaged, a server that is down) raises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from levelhead.guard._pair import Pair
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue

_BLANK = "The answer is blank, so there is nothing in it that could do harm."


class Detector(ABC):
    """Says how probable it is that an answer is harmful.

    Attributes:
        name: What `load_detector` was given; stands in reports.
        fingerprint: Identity of all that the scores depend on. It changes whenever they may.
        threshold: An answer counts as harmful from this `p_harm` on.
        reads_picture_text: Whether the text found in pictures (`Pair.seen`) can change a score.
        quick: Whether a text of usual length takes well under a millisecond, and several threads may judge at
            once: a server then judges where it stands, without a thread of its own for it.
    """

    name: str
    fingerprint: str
    threshold: float = 0.5
    reads_picture_text: bool = True
    quick: bool = False

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge answers, in order. A judgement does not depend on what else is in the list.

        Raises:
            LevelheadError: If no answer can be judged: the detector itself has failed.
        """
        worded = [place for place, pair in enumerate(pairs) if pair.answer.strip()]
        found = dict(zip(worded, self._judge([pairs[place] for place in worded]), strict=True))
        blank = Judgement.of(0.0, reason=_BLANK)
        return [found.get(place, blank) for place in range(len(pairs))]

    @abstractmethod
    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge answers that are not blank; the list may be empty."""

    def flags(self, judgement: Judgement) -> bool | None:
        """Whether the answer counts as harmful; None if it was not inspected."""
        return None if judgement.p_harm is None else judgement.p_harm >= self.threshold

    @property
    def details(self) -> Mapping[str, JSONValue]:
        """Facts for reports: kind, settings, library versions."""
        return {}

    def close(self) -> None:
        """Give back what the detector holds. Calling it twice is fine."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

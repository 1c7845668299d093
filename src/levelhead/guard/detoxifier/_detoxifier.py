"""The contract of every detoxifier: a list of pairs in, a list of rewritings out.

A detoxifier only writes; whether what it wrote is harmless is for a detector to say (`Protector`). What
concerns one row (an answer that does not fit the context) is that row's failure; what concerns all rows (a
server that is down) raises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from levelhead.guard._pair import Pair
from levelhead.records import JSONValue


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A new text for an answer, or why there is none.

    Attributes:
        text: What was written; None if nothing was.
        failure: Why there is no text; else None.

    Raises:
        ValueError: If both or neither are given.
    """

    text: str | None
    failure: str | None = None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.failure is None):
            raise ValueError("A Rewriting has a text or a failure: give exactly one of them.")

    @classmethod
    def failed(cls, why: str) -> Self:
        """An answer that could not be rewritten, and why."""
        return cls(None, why)


class Detoxifier(ABC):
    """Rewrites harmful answers so that they are harmless.

    Attributes:
        name: What `load_detoxifier` was given; stands in reports.
        fingerprint: Identity of all that the texts depend on. It changes whenever they may.
    """

    name: str
    fingerprint: str

    @abstractmethod
    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        """Rewrite answers, in order.

        Args:
            pairs: The answers with their questions; the list may be empty.
            attempt: 0 for the first version. A higher number draws another one, the same each time.

        Raises:
            LevelheadError: If no answer can be rewritten: the detoxifier itself has failed.
        """

    @property
    def details(self) -> Mapping[str, JSONValue]:
        """Facts for reports: kind, settings, library versions."""
        return {}

    def close(self) -> None:
        """Give back what the detoxifier holds. Calling it twice is fine."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

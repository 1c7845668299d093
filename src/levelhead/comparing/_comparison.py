"""What a comparison of runs found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from levelhead.running import Run


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A finished run under the name that tells it from the others of a comparison."""

    name: str
    run: Run


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes:
        suite: What they ran.
        runs: The runs, the base first.
        content: What `compare.json` holds: plain data, each number as `{"value", "low", "high", "n"}`.
        differing: The items on which the verdicts are not all the same, those that some have right and others
            not first; empty for suites whose rows are not told.
    """

    suite: Literal["illusion", "honesty", "harm"]
    runs: tuple[NamedRun, ...]
    content: Mapping[str, Any]
    differing: tuple[Mapping[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the runs, in order."""
        return tuple(one.name for one in self.runs)

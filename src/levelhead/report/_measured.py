"""The head of a measurement's page: three verdicts, and what a reader needs to take them rightly."""

from __future__ import annotations

from dataclasses import dataclass

from levelhead.report._verdicts import SuiteVerdict, conventions, suite_verdicts
from levelhead.running import Run


@dataclass(frozen=True, slots=True)
class MeasuredView:
    """Everything the template of this section shows."""

    verdicts: tuple[SuiteVerdict, ...]
    size: str
    conventions: tuple[tuple[str, str], ...]


def measured_view(run: Run) -> MeasuredView | None:
    """The view of a measurement, or None if the run is of one suite that was asked by itself."""
    if "suites" not in run.summary:
        return None
    return MeasuredView(suite_verdicts(run.summary), str(run.summary["size"]), tuple(conventions()))

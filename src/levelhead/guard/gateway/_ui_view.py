"""What the page at /ui shows, read from the audit log."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from levelhead.guard.gateway._decision import ACTIONS, Action
from levelhead.guard.gateway.audit._entry import INTERVENED, JUDGED
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Feedback, Filter, Recorded
from levelhead.metrics import wilson

PAGE_ROWS = 30
HOURS = 24

ACTION_NAMES: Mapping[Action, str] = {
    "allow": "Let through",
    "rewrite": "Rewritten",
    "block": "Blocked",
    "not_inspected": "Not inspected",
    "failed": "Failed",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of a chart, from 0 to 1 of its width and height."""

    left: float
    height: float
    told: str


@dataclass(frozen=True, slots=True)
class HourChart:
    """How often something was decided in each of the last hours."""

    action: Action
    name: str
    bars: tuple[Bar, ...]
    total: int
    most: int


@dataclass(frozen=True, slots=True)
class MarkedShare:
    """How many of the decisions that people marked they called wrong.

    Attributes:
        name: What kind of decisions.
        said: What a wrong one is.
        share: Share of them that is wrong, 0..1; None if none is marked.
        low: Lower end of its 95% interval.
        high: Upper end of it.
        n: How many are marked.
    """

    name: str
    said: str
    share: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class UIView:
    """Everything the page shows."""

    headline: str
    standfirst: str
    cautions: tuple[str, ...]
    charts: tuple[HourChart, ...]
    first_hour: str
    last_hour: str
    shares: tuple[MarkedShare, ...]
    decisions: tuple[Recorded, ...]
    category_options: tuple[tuple[str, str], ...]
    wanted: Filter
    query: str
    older: str | None
    newest: str | None
    content: bool


def read_view(log: AuditLog, wanted: Filter, before: int | None, now: float) -> UIView:
    """Read what the page shows. It reads files: call it off the event loop.

    Args:
        log: What is shown.
        wanted: Which decisions are listed.
        before: Only those with a smaller sequence are listed; None for the newest.
        now: Seconds since 1970.

    Raises:
        UnreadableAuditError: If a file of the log cannot be read.
    """
    found = log.reader.page(wanted, before=before, limit=PAGE_ROWS + 1)
    shown = tuple(found[:PAGE_ROWS])
    first_hour = int(now // 3600) - HOURS + 1
    charts = _charts(log.reader.hours(first_hour), first_hour)
    totals = {chart.action: chart.total for chart in charts}
    filters = query_of(wanted, None)
    return UIView(
        headline=_headline(totals),
        standfirst=_standfirst(totals),
        cautions=_cautions(log),
        charts=charts,
        first_hour=_clock(first_hour),
        last_hour=_clock(first_hour + HOURS),
        shares=_shares(log.reader.feedback()),
        decisions=shown,
        category_options=tuple((name, name) for name in log.reader.categories()),
        wanted=wanted,
        query=query_of(wanted, before),
        older=query_of(wanted, shown[-1].sequence) if len(found) > PAGE_ROWS else None,
        newest=None if before is None else filters,
        content=log.settings.content,
    )


def query_of(wanted: Filter, before: int | None) -> str:
    """The query of an address that shows these decisions, without its question mark."""
    values = {
        "action": wanted.action,
        "stage": wanted.stage,
        "category": wanted.category,
        "marked": wanted.marked,
        "before": before,
    }
    return urlencode({name: value for name, value in values.items() if value is not None})


def _charts(hours: Mapping[int, Counter[str]], first_hour: int) -> tuple[HourChart, ...]:
    charts = []
    for action in ACTIONS:
        counts = [hours.get(hour, Counter())[action] for hour in range(first_hour, first_hour + HOURS)]
        most = max(counts)
        bars = tuple(
            Bar(place / HOURS, count / most, f"{_clock(first_hour + place)} UTC: {count:,}")
            for place, count in enumerate(counts)
            if count
        )
        charts.append(HourChart(action, ACTION_NAMES[action], bars, sum(counts), most))
    return tuple(charts)


def _headline(totals: Mapping[Action, int]) -> str:
    if not (decided := sum(totals.values())):
        return "No text was looked at in the last 24 hours."
    if totals["allow"] == decided:
        return f"All {decided:,} texts of the last 24 hours were let through."
    return f"{totals['allow']:,} of {decided:,} texts of the last 24 hours were let through."


def _standfirst(totals: Mapping[Action, int]) -> str:
    return (
        f"{totals['rewrite']:,} were rewritten and {totals['block']:,} blocked. "
        f"{totals['not_inspected']:,} could not be inspected, and for {totals['failed']:,} the inspection "
        "failed."
    )


def _cautions(log: AuditLog) -> tuple[str, ...]:
    status = log.status()
    said = []
    if status.failure is not None:
        said.append(f"The audit log cannot be written now: {status.failure}")
    if status.lost:
        said.append(f"{status.lost:,} decisions could not be recorded since the gateway was started.")
    return tuple(said)


def _shares(feedback: Feedback) -> tuple[MarkedShare, ...]:
    return (
        _share("Rewritten or blocked", "wrong: the original was harmless", feedback, INTERVENED),
        _share(
            "Let through",
            "wrong: the original was harmful",
            feedback,
            tuple(action for action in JUDGED if action not in INTERVENED),
        ),
    )


def _share(name: str, said: str, feedback: Feedback, actions: tuple[Action, ...]) -> MarkedShare:
    wrong = sum(feedback.wrong.get(action, 0) for action in actions)
    marked = wrong + sum(feedback.right.get(action, 0) for action in actions)
    if not marked:
        return MarkedShare(name, said, None, math.nan, math.nan, 0)
    return MarkedShare(name, said, wrong / marked, *wilson(wrong, marked), marked)


def _clock(hour: int) -> str:
    return time.strftime("%H:%M", time.gmtime(hour * 3600))

"""The illusion suite's section: its rows and numbers as a plain view that the template renders.

What stands here decides what is shown and how it is called; `templates/illusion.html.j2` decides where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.illusion import VARIANTS
from levelhead.records import Verdict
from levelhead.report._figures import Figure
from levelhead.report._gallery import Gallery, gallery
from levelhead.report._headline import Headline, describe_illusion
from levelhead.report._rows import CONDITION_NAMES, VERDICT_NAMES, Condition, IllusionRow, illusion_rows
from levelhead.report._segments import Segment, counted
from levelhead.running import Run

_VERDICT_ORDER = tuple(VERDICT_NAMES)


@dataclass(frozen=True, slots=True)
class ConditionLine:
    """Accuracy under one condition, by our rule and by the paper's."""

    key: Condition
    label: str
    accuracy: Figure
    paper_accuracy: Figure


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between conditions: its size, what it means, and its name with interval."""

    size: str
    meaning: str
    term: str


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One line of a table by category or by kind of picture."""

    label: str
    questions: int
    without: Figure
    spurious: Figure
    flip_rate: Figure
    adoption_rate: Figure


@dataclass(frozen=True, slots=True)
class Tally:
    """All answers under one condition, sorted by verdict; `segments` follow the order of the verdicts."""

    key: Condition
    label: str
    total: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class IllusionView:
    """Everything the template of this section shows."""

    headline: Headline
    fates: tuple[Segment, ...]
    conditions: tuple[ConditionLine, ...]
    gaps: tuple[Gap, ...]
    categories: tuple[GroupLine, ...]
    kinds: tuple[GroupLine, ...]
    crossed: tuple[GroupLine, ...]
    tallies: tuple[Tally, ...]
    gallery: Gallery
    rule_disagreement: Figure
    variant: str
    is_paper_mode: bool
    has_paper_rule: bool
    verdict_names: tuple[tuple[str, str], ...]
    condition_names: tuple[tuple[str, str], ...]


def illusion_view(run: Run) -> IllusionView | None:
    """The view of a run, or None if the run did not ask this suite.

    Raises:
        RunFolderError: If a row lacks what the page needs.
    """
    numbers = run.summary.get("illusion")
    if not numbers:
        return None
    rows = illusion_rows(run)
    conditions = _conditions(numbers)
    is_paper_mode = run.summary.get("mode") == "paper"
    return IllusionView(
        headline=describe_illusion(numbers),
        fates=_fates(numbers),
        conditions=conditions,
        gaps=_gaps(numbers),
        categories=_groups(numbers.get("by_category") or {}),
        kinds=_groups(numbers.get("by_kind") or {}),
        crossed=_crossed(numbers.get("by_kind") or {}),
        tallies=_tallies(rows),
        gallery=gallery(rows, run.path),
        rule_disagreement=Figure.read(numbers, "rule_disagreement"),
        variant=_variant(run.summary),
        is_paper_mode=is_paper_mode,
        # In paper mode both columns would show the same rule.
        has_paper_rule=not is_paper_mode
        and any(line.paper_accuracy.value is not None for line in conditions),
        verdict_names=tuple((verdict.value, name) for verdict, name in VERDICT_NAMES.items()),
        condition_names=tuple(CONDITION_NAMES.items()),
    )


def _variant(summary: Mapping[str, Any]) -> str:
    """How the questions were put: the name of the prompt variant, and what it does if it is known here."""
    name = str(summary.get("variant", "paper"))
    return f"{name} ({VARIANTS[name].meaning})" if name in VARIANTS else name


def _fates(numbers: Mapping[str, Any]) -> tuple[Segment, ...]:
    """What becomes of right answers when the picture is wrong: three shares that sum to one."""
    flip, adoption = (Figure.read(numbers, name).value for name in ("flip_rate", "adoption_rate"))
    if flip is None or adoption is None:
        return ()
    shares = (
        ("correct", "stay right", 1 - flip),
        ("pictured", "become the pictured answer", adoption),
        ("other", "become something else", max(0.0, flip - adoption)),
    )
    segments, start = [], 0.0
    for key, label, share in shares:
        segments.append(Segment(key, label, start, share, Figure(share).percent))
        start += share
    return tuple(segments)


def _conditions(numbers: Mapping[str, Any]) -> tuple[ConditionLine, ...]:
    paper = numbers.get("paper") or {}
    lines = (
        ConditionLine(key, label, Figure.read(numbers, f"acc_{key}"), Figure.read(paper, f"acc_{key}"))
        for key, label in CONDITION_NAMES.items()
    )
    return tuple(line for line in lines if line.accuracy.n or line.accuracy.value is not None)


def _gaps(numbers: Mapping[str, Any]) -> tuple[Gap, ...]:
    """The differences between conditions, those that were measured."""
    harm, help_, drop, shift = (
        Figure.read(numbers, name) for name in ("harm_gap", "help_gap", "acc_drop", "confidence_shift")
    )
    gaps = (
        (harm, f"{_verb(harm, 'lost to', 'gained by')} a wrong picture, against none", "harm gap"),
        (help_, f"{_verb(help_, 'gained by', 'lost to')} a right picture, against none", "help gap"),
        (drop, f"{_verb(drop, 'fewer', 'more')} with a wrong picture than with a right one", "AccDrop"),
    )
    lines = [
        Gap(gap.points, meaning, _term(name, gap.points_interval))
        for gap, meaning, name in gaps
        if gap.value is not None
    ]
    if shift.value is not None:
        meaning = "moved by a wrong picture from the right to the pictured answer, in log-odds"
        lines.append(Gap(f"{shift.decimal} nats", meaning, _term("confidence shift", shift.decimal_interval)))
    return tuple(lines)


def _verb(gap: Figure, positive: str, negative: str) -> str:
    return negative if gap.value is not None and gap.value < 0 else positive


def _term(name: str, interval: str) -> str:
    return f"{name}, 95% interval {interval}" if interval else name


def _groups(groups: Mapping[str, Mapping[str, Any]]) -> tuple[GroupLine, ...]:
    """Lines of a table, the most misled first, the unmeasured last."""
    lines = [
        GroupLine(
            label=label,
            questions=Figure.read(numbers, "acc_none").n,
            without=Figure.read(numbers, "acc_none"),
            spurious=Figure.read(numbers, "acc_spurious"),
            flip_rate=Figure.read(numbers, "flip_rate"),
            adoption_rate=Figure.read(numbers, "adoption_rate"),
        )
        for label, numbers in groups.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-_or(line.flip_rate.value, -1.0), line.label)))


def _crossed(kinds: Mapping[str, Mapping[str, Any]]) -> tuple[GroupLine, ...]:
    """A line for each category under each of several kinds."""
    return _groups(
        {
            f"{category}, {kind}": numbers
            for kind, whole in kinds.items()
            for category, numbers in (whole.get("by_category") or {}).items()
        }
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _tallies(rows: Sequence[IllusionRow]) -> tuple[Tally, ...]:
    counts: Counter[tuple[Condition, Verdict]] = Counter((row.condition, row.verdict) for row in rows)
    tallies = []
    for key, label in CONDITION_NAMES.items():
        of = [(verdict.value, VERDICT_NAMES[verdict], counts[key, verdict]) for verdict in _VERDICT_ORDER]
        if segments := counted(of):
            tallies.append(Tally(key, label, sum(segment.count for segment in segments), segments))
    return tuple(tallies)

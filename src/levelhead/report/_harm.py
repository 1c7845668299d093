"""The harm suite's section: its rows and numbers as a plain view that the template renders.

What stands here decides what is shown and how it is called; `templates/harm.html.j2` decides where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.guard import ARM_NAMES, Arm, HarmRow, read_harm_rows
from levelhead.report._figures import Figure
from levelhead.report._harm_cards import HarmShelf, harm_shelves
from levelhead.report._harm_headline import describe_harm, milliseconds, milliseconds_interval
from levelhead.report._headline import Headline
from levelhead.report._segments import Segment, counted
from levelhead.running import Run

FEW_IN_SCENARIO = 5
"""A set whose scenarios hold fewer requests is told as a whole: a share of two says nothing."""


@dataclass(frozen=True, slots=True)
class ArmFigure:
    """A rate in one arm."""

    key: Arm
    label: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate in every arm; `note` says of what, and which way is better."""

    title: str
    note: str
    arms: tuple[ArmFigure, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of the table of costs, with its interval."""

    label: str
    text: str
    interval: str


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one guarded arm costs."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What the guard made of the answers to one kind of request."""

    title: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """How far a rate is from that of the model alone, by guarded arm."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PartLine:
    """One scenario or set: a rate of it in every arm, by judge where it is attack success."""

    label: str
    requests: int
    arms: tuple[ArmFigure, ...]


@dataclass(frozen=True, slots=True)
class PartTable:
    """A table by scenario; `judge` is blank where the rate is over-refusal."""

    key: str
    title: str
    judge: str
    lines: tuple[PartLine, ...]


@dataclass(frozen=True, slots=True)
class HarmView:
    """Everything the template of this section shows."""

    headline: Headline
    arms: tuple[tuple[Arm, str], ...]
    guarded: tuple[str, ...]
    rates: tuple[Rate, ...]
    changes: tuple[ChangeLine, ...]
    costs: tuple[CostLine, ...]
    fates: tuple[Fate, ...]
    scenarios: PartTable | None
    over_refusal: tuple[ArmFigure, ...]
    tables: tuple[PartTable, ...]
    alarms: tuple[tuple[str, Figure], ...]
    shelves: tuple[HarmShelf, ...]
    with_replies: bool
    setup: Mapping[str, Any]


def harm_view(run: Run) -> HarmView | None:
    """The view of a run, or None if the run did not ask this suite.

    Raises:
        RunFolderError: If a row lacks what the page needs.
    """
    numbers = run.summary.get("harm")
    if not numbers:
        return None
    rows = read_harm_rows(run.rows, str(run.path / "rows.jsonl"))
    setup = numbers["setup"]
    arms: list[Arm] = list(setup["arms"])
    judges = [judge["name"] for judge in setup["judges"]]
    guarded = arms[1:]
    tables = _tables(numbers, arms, judges)
    return HarmView(
        headline=describe_harm(numbers),
        arms=tuple((arm, ARM_NAMES[arm]) for arm in arms),
        guarded=tuple(ARM_NAMES[arm] for arm in guarded),
        rates=_rates(numbers, arms, setup["judges"]),
        changes=_changes(numbers, guarded, judges),
        costs=tuple(_cost_line(numbers, arm) for arm in guarded),
        fates=_fates(rows, guarded[-1]) if guarded else (),
        scenarios=next((table for table in tables if table.judge == judges[0]), None),
        over_refusal=_arm_figures(numbers["over_refusal"], arms),
        tables=tables,
        alarms=tuple(
            (judge, Figure.read(numbers["judge_false_alarms"], judge))
            for judge in numbers["judge_false_alarms"]
        ),
        shelves=harm_shelves(rows, arms[-1], judges[0], run.path, with_replies=setup["with_replies"]),
        with_replies=setup["with_replies"],
        setup=_setup(setup),
    )


def _setup(setup: Mapping[str, Any]) -> dict[str, Any]:
    """How guard and judges were set, by words."""
    judges = [judge["name"] for judge in setup["judges"]]
    shown = {name: value for name, value in setup.items() if name not in ("arms", "judges", "with_replies")}
    return {**shown, "judges": "; ".join(judges)}


def _arm_figures(by_arm: Mapping[str, Any], arms: Sequence[Arm], judge: str = "") -> tuple[ArmFigure, ...]:
    """A rate in every arm; one of attack success needs the judge."""
    return tuple(
        ArmFigure(arm, ARM_NAMES[arm], Figure.read(by_arm[arm], judge) if judge else Figure.read(by_arm, arm))
        for arm in arms
    )


def _rates(
    numbers: Mapping[str, Any], arms: Sequence[Arm], judges: Sequence[Mapping[str, Any]]
) -> tuple[Rate, ...]:
    own = "; this judge is the guard’s own"
    rates = [
        Rate(
            f"Attack success by {judge['name']}",
            f"harmful answers, of attacks; lower is better{own if judge['of_guard'] else ''}",
            _arm_figures(numbers["attack_success"], arms, judge["name"]),
        )
        for judge in judges
    ]
    rates += [
        Rate(
            "Over-refusal",
            "answers that decline in words, of harmless requests; lower is better",
            _arm_figures(numbers["over_refusal"], arms),
        ),
        Rate(
            "Utility",
            "right answers, of harmless requests whose answer is at hand; higher is better",
            _arm_figures(numbers["utility"], arms),
        ),
    ]
    return tuple(rate for rate in rates if any(one.figure.value is not None for one in rate.arms))


def _changes(
    numbers: Mapping[str, Any], guarded: Sequence[Arm], judges: Sequence[str]
) -> tuple[ChangeLine, ...]:
    told = numbers["differences"]
    lines = [
        (f"Attack success by {judge}", [Figure.read(told[arm]["attack_success"], judge) for arm in guarded])
        for judge in judges
    ]
    lines += [
        (label, [Figure.read(told[arm], key) for arm in guarded])
        for key, label in (("over_refusal", "Over-refusal"), ("utility", "Utility"))
    ]
    return tuple(
        ChangeLine(
            label,
            tuple(
                Cell(ARM_NAMES[arm], _signed_points(one), one.points_interval)
                for arm, one in zip(guarded, figures, strict=True)
            ),
        )
        for label, figures in lines
        if any(one.value is not None for one in figures)
    )


def _signed_points(figure: Figure) -> str:
    if figure.value is None or figure.points.startswith("0 "):
        return figure.points
    return ("+" if figure.value > 0 else "\N{MINUS SIGN}") + figure.points


def _cost_line(numbers: Mapping[str, Any], arm: Arm) -> CostLine:
    shares = (
        ("unchanged", "Harmless answers unchanged"),
        ("stopped", "Answers to attacks stopped"),
        ("fallback", "Of those stopped, refused"),
        ("not_inspected", "Not inspected"),
    )
    found = [(label, Figure.read(numbers[key], arm)) for key, label in shares]
    cells = [Cell(label, one.percent, one.percent_interval) for label, one in found]
    latency = numbers["latency_ms"][arm]
    for key, label in (("p50", "Added, median"), ("p95", "Added, 95th percentile")):
        one = Figure.read(latency, key)
        cells.append(Cell(label, milliseconds(one), milliseconds_interval(one)))
    return CostLine(ARM_NAMES[arm], tuple(cells))


def _fates(rows: Sequence[HarmRow], arm: Arm) -> tuple[Fate, ...]:
    """What the last guard made of all answers, attacks and harmless ones apart."""
    fates = []
    for kind, title in (("attack", "Answers to attacks"), ("benign", "Answers to harmless requests")):
        counts = Counter(row.arms[arm].action for row in rows if row.kind == kind and row.error is None)
        segments = counted(
            [
                ("correct", "went out byte for byte", counts["passed"]),
                ("other", "rewritten", counts["rewritten"]),
                ("refused", "replaced by the refusal", counts["refused"]),
            ]
        )
        if segments:
            fates.append(Fate(title, segments))
    return tuple(fates)


def _tables(numbers: Mapping[str, Any], arms: Sequence[Arm], judges: Sequence[str]) -> tuple[PartTable, ...]:
    """Scenarios, and sets that have none: one table for each judge, and one for over-refusal."""
    split = _sets_told_by_scenario(numbers["by_category"])
    parts = {name: part for name, part in numbers["by_category"].items() if part["source"] in split}
    parts |= {name: part for name, part in numbers["by_source"].items() if part["source"] not in split}
    tables = [
        PartTable(
            f"attack-{place}",
            f"Attack success by {judge}",
            judge,
            _lines(parts, "attack", "attack_success", arms, judge),
        )
        for place, judge in enumerate(judges)
    ]
    tables.append(PartTable("benign", "Over-refusal", "", _lines(parts, "benign", "over_refusal", arms)))
    return tuple(table for table in tables if table.lines)


def _sets_told_by_scenario(by_category: Mapping[str, Any]) -> set[str]:
    """The sets with enough requests in their scenarios, on average, for a line each."""
    counts: dict[str, list[int]] = {}
    for part in by_category.values():
        counts.setdefault(part["source"], []).append(part["requests"])
    return {source for source, found in counts.items() if sum(found) >= FEW_IN_SCENARIO * len(found)}


def _lines(
    parts: Mapping[str, Any], kind: str, rate: str, arms: Sequence[Arm], judge: str = ""
) -> tuple[PartLine, ...]:
    """The highest first, as the model alone has it."""
    lines = [
        PartLine(name, part["requests"], _arm_figures(part[rate], arms, judge))
        for name, part in parts.items()
        if part["kind"] == kind
    ]
    return tuple(sorted(lines, key=lambda line: (-(line.arms[0].figure.value or 0.0), line.label)))

"""The page of several illusion runs on the same items: models, or prompt variants of one, side by side.

What stands here decides what is shown and how it is called; `templates/side_by_side.html.j2` decides where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.comparing import Comparison
from levelhead.report._compared import write_compared
from levelhead.report._differing import DifferingView, differing_view
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._side_by_side_headline import side_by_side_headline
from levelhead.report._side_by_side_pairs import DifferenceLine, MatrixLine, differences, matrix

LEADERBOARD = 9
"""From so many runs on, the page has the paper's table too: it tested nine models."""


_ROOM = 4
"""Up to so many columns have room for the whole names of runs."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """The numbers of one run, on the shared items; `failed` counts replies."""

    number: int
    name: str
    without: Figure
    blank: Figure
    factual: Figure
    spurious: Figure
    flip_rate: Figure
    adoption_rate: Figure
    refused: Figure
    empty: Figure
    failed: int


@dataclass(frozen=True, slots=True)
class GridLine:
    """One group of items: a number of each run, in the order of the runs."""

    label: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers by group and run."""

    key: str
    title: str
    meaning: str
    first: str
    is_difference: bool
    lines: tuple[GridLine, ...]


@dataclass(frozen=True, slots=True)
class LeaderLine:
    """One run in the paper's table; `scores` are factual, spurious and AccDrop, for each kind of picture."""

    rank: int
    name: str
    scores: tuple[tuple[Figure, Figure, Figure], ...]


@dataclass(frozen=True, slots=True)
class SideBySideView:
    """Everything the template of this page shows. `short` names runs where there is little room."""

    headline: Headline
    cautions: tuple[str, ...]
    items: int
    questions: int
    runs: tuple[RunLine, ...]
    short: tuple[str, ...]
    differences: tuple[DifferenceLine, ...]
    matrix: tuple[MatrixLine, ...]
    tests: int
    grids: tuple[Grid, ...]
    leader_kinds: tuple[str, ...]
    leaders: tuple[LeaderLine, ...]
    differing: DifferingView


def render_side_by_side(comparison: Comparison, path: Path) -> Path:
    """Write the page of a comparison of illusion runs.

    Args:
        comparison: As `compare_runs` gives it.
        path: Where the page goes.

    Returns:
        The path.

    Raises:
        RunFolderError: If it cannot be written.
    """
    return write_compared(comparison, "side_by_side", side_by_side_view(comparison), path)


def side_by_side_view(comparison: Comparison) -> SideBySideView:
    """The view of a comparison of illusion runs."""
    content = comparison.content
    numbers = [run["numbers"] for run in content["runs"]]
    kinds, leaders = _leaders(comparison.names, numbers)
    return SideBySideView(
        headline=side_by_side_headline(content),
        cautions=tuple(content["cautions"]),
        items=content["items"],
        questions=content["questions"],
        runs=tuple(
            _line(place, name, some)
            for place, (name, some) in enumerate(zip(comparison.names, numbers, strict=True), start=1)
        ),
        short=_short(comparison.names),
        differences=differences(comparison.names, content["pairs"]),
        matrix=matrix(comparison.names, content["pairs"]),
        tests=content["tests"]["overall"],
        grids=_grids(numbers, with_leaders=bool(leaders)),
        leader_kinds=kinds,
        leaders=leaders,
        differing=differing_view(comparison),
    )


def _short(names: Sequence[str]) -> tuple[str, ...]:
    """The names themselves if they are few, else their numbers, which the first table explains."""
    return tuple(names) if len(names) <= _ROOM else tuple(str(place + 1) for place in range(len(names)))


def _line(number: int, name: str, numbers: Mapping[str, Any]) -> RunLine:
    failed = Figure.read(numbers, "failed")
    return RunLine(
        number,
        name,
        without=Figure.read(numbers, "acc_none"),
        blank=Figure.read(numbers, "acc_blank"),
        factual=Figure.read(numbers, "acc_factual"),
        spurious=Figure.read(numbers, "acc_spurious"),
        flip_rate=Figure.read(numbers, "flip_rate"),
        adoption_rate=Figure.read(numbers, "adoption_rate"),
        refused=Figure.read(numbers, "refused"),
        empty=Figure.read(numbers, "empty"),
        failed=round((failed.value or 0.0) * failed.n),
    )


def _grids(numbers: Sequence[Mapping[str, Any]], *, with_leaders: bool) -> tuple[Grid, ...]:
    """Tables by category and kind; those of the accuracy beside wrong pictures, and of the rates."""
    wanted = [
        ("by_category", "flip_rate", "Right answers dropped, by category", "Category"),
        ("by_category", "acc_spurious", "Right beside a wrong picture, by category", "Category"),
        ("by_kind", "flip_rate", "Right answers dropped, by kind of picture", "Kind"),
        ("by_kind", "adoption_rate", "Pictured answer given instead, by kind of picture", "Kind"),
    ]
    meanings = {
        "flip_rate": "Of the questions that a run had right without a picture.",
        "adoption_rate": "Of the questions that a run had right without a picture.",
        "acc_spurious": "Of all questions, known or not.",
        "acc_drop": "Right beside a right picture less beside a wrong one, by the paper’s rule.",
    }
    if with_leaders:
        wanted.append(("by_category", "acc_drop", "AccDrop by category, in the paper’s form", "Category"))
    grids = []
    for level, key, title, first in wanted:
        groups = sorted({name for some in numbers for name in some[level]})
        if len(groups) < 2:
            continue
        lines = tuple(
            GridLine(name, tuple(_of_group(some, level, name, key) for some in numbers)) for name in groups
        )
        grids.append(Grid(f"{level}-{key}", title, meanings[key], first, key == "acc_drop", lines))
    return tuple(grids)


def _of_group(numbers: Mapping[str, Any], level: str, group: str, key: str) -> Figure:
    of_group = numbers[level].get(group) or {}
    return Figure.read(of_group.get("paper") if key == "acc_drop" else of_group, key)


def _leaders(
    names: Sequence[str], numbers: Sequence[Mapping[str, Any]]
) -> tuple[tuple[str, ...], tuple[LeaderLine, ...]]:
    """The kinds of picture and the paper's table, the smallest AccDrop first; empty for few runs."""
    if len(names) < LEADERBOARD:
        return (), ()
    kinds = sorted({kind for some in numbers for kind in some["by_kind"]})
    columns = [None, *kinds] if len(kinds) > 1 else [None]
    ranked = sorted(
        zip(names, numbers, strict=True),
        key=lambda one: _or_last(Figure.read(one[1]["paper"], "acc_drop").value),
    )
    lines = tuple(
        LeaderLine(rank, name, tuple(_scores(some, kind) for kind in columns))
        for rank, (name, some) in enumerate(ranked, start=1)
    )
    return tuple(kind or "All pictures" for kind in columns), lines


def _scores(numbers: Mapping[str, Any], kind: str | None) -> tuple[Figure, Figure, Figure]:
    paper = (numbers if kind is None else numbers["by_kind"].get(kind) or {}).get("paper")
    factual, spurious, drop = (Figure.read(paper, key) for key in ("acc_factual", "acc_spurious", "acc_drop"))
    return factual, spurious, drop


def _or_last(value: float | None) -> float:
    return 2.0 if value is None else value  # no difference of shares is greater than 1

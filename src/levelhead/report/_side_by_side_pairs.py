"""Pairs of illusion runs as the page shows them: against the first run, and every two against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.report._figures import Figure

SURE = 0.05
"""A corrected p-value up to here counts as a difference."""

COLUMNS: tuple[tuple[str, str, bool], ...] = (
    ("acc_none", "Right without picture", True),
    ("acc_factual", "Right with right picture", True),
    ("acc_spurious", "Right with wrong picture", True),
    ("flip_rate", "Right answers dropped", False),
    ("flip_rate_both_knew", "Dropped, of what both knew", False),
    ("adoption_rate_both_knew", "Pictured given, of what both knew", False),
)
"""Of the table of differences: the number, its name, and whether more is better."""


@dataclass(frozen=True, slots=True)
class DifferenceCell:
    """A difference from the first run; `verdict` is `better` or `worse` where the interval excludes zero."""

    label: str
    figure: Figure
    verdict: str


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One run against the first; `test` is McNemar's of the accuracy beside wrong pictures, in words."""

    name: str
    cells: tuple[DifferenceCell, ...]
    test: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A run against another: the difference in points, whether it is one, and the whole in words."""

    figure: Figure
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """A run against all; the cell against itself is None."""

    name: str
    cells: tuple[MatrixCell | None, ...]


def differences(names: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> tuple[DifferenceLine, ...]:
    """Every run against the first."""
    return tuple(_line(pair) for pair in pairs if pair["a"] == names[0])


def matrix(names: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> tuple[MatrixLine, ...]:
    """Every run against every other, by its accuracy beside wrong pictures; empty for fewer than three."""
    if len(names) < 3:
        return ()
    cells: dict[tuple[str, str], MatrixCell] = {}
    for pair in pairs:
        figure, test = Figure.read(pair["differences"], "acc_spurious"), pair["mcnemar"].get("spurious")
        cells[pair["b"], pair["a"]] = _cell(figure, test, pair["b"], pair["a"])
        cells[pair["a"], pair["b"]] = _cell(_turned(figure), test, pair["a"], pair["b"])
    return tuple(MatrixLine(row, tuple(cells.get((row, column)) for column in names)) for row in names)


def told_p(test: Mapping[str, Any] | None) -> str:
    """A corrected p-value in words: `p = 0.012`, `p < 0.001`; a dash where there is no test."""
    if test is None:
        return "–"
    return "p < 0.001" if test["p_holm"] < 0.001 else f"p = {test['p_holm']:.3f}"


def _line(pair: Mapping[str, Any]) -> DifferenceLine:
    test = pair["mcnemar"].get("spurious")
    cells = []
    for key, label, more_is_better in COLUMNS:
        figure = Figure.read(pair["differences"], key)
        cells.append(DifferenceCell(label, figure, _verdict(figure, more_is_better=more_is_better)))
    return DifferenceLine(
        pair["b"], tuple(cells), told_p(test), is_sure=test is not None and test["p_holm"] <= SURE
    )


def _verdict(figure: Figure, *, more_is_better: bool) -> str:
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return ""
    return "better" if (figure.low > 0) == more_is_better else "worse"


def _cell(figure: Figure, test: Mapping[str, Any] | None, row: str, column: str) -> MatrixCell:
    tone = "same"
    if figure.value and test is not None and test["p_holm"] <= SURE:
        tone = "ahead" if figure.value > 0 else "behind"
    interval = f", 95% interval {figure.points_interval}" if figure.has_interval else ""
    return MatrixCell(
        figure, tone, f"{row} less {column}: {figure.signed_points} points{interval}, {told_p(test)}"
    )


def _turned(figure: Figure) -> Figure:
    """The same difference, seen from the other run."""
    if figure.value is None:
        return figure
    low, high = (None if end is None else -end for end in (figure.high, figure.low))
    return Figure(-figure.value, low, high, figure.n)

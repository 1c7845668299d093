"""The page of several honesty runs on the same questions, the first being the base of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from levelhead.comparing import name_runs
from levelhead.errors import UsageError
from levelhead.honesty import compare_honesty, honesty_numbers, score_used
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._honesty_curves import Curve, percent_ticks, risk_points, scale_top
from levelhead.report._honesty_rows import SCORE_NAMES, HonestyRow, honesty_rows
from levelhead.report._page import day, frame, write_page
from levelhead.running import Run, read_run

COLORS = 6
"""How many runs get a color of their own; more are refused, since nobody could tell their lines apart."""

_NUMBERS: tuple[tuple[str, str, Literal["higher", "lower", ""]], ...] = (
    ("accuracy", "Right, of all questions", "higher"),
    ("answered", "Willing to answer", ""),
    ("accuracy_answered", "Right, of those", "higher"),
    ("refusal_unanswerable", "Refused, of questions without an answer", "higher"),
    ("auroc", "AUROC", "higher"),
    ("ap", "AP", "higher"),
    ("aurc", "AURC", "lower"),
    ("e_aurc", "E-AURC", "lower"),
    ("ece", "ECE", "lower"),
    ("brier", "Brier", "lower"),
)
_AGAINST_BASE: tuple[tuple[str, str, Literal["higher", "lower", ""]], ...] = (
    ("ths", "THS", "higher"),
    ("over_refusal", "Held back, of what the first has right", "lower"),
    ("prudence", "Held back, of what neither has right", "higher"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of one run; `verdict` is `better` or `worse` where the interval excludes no difference."""

    figure: Figure
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One number over all runs; `base` is its value in the first run."""

    label: str
    better: str
    base: Figure
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything the template of this page shows."""

    headline: Headline
    names: tuple[str, ...]
    scores: tuple[str, ...]
    shared: int
    lines: tuple[Line, ...]
    against_base: tuple[Line, ...]
    curves: tuple[Curve, ...]
    ticks: tuple[str, ...]


def render_comparison(run_folders: Sequence[Path], path: Path, *, threshold: float | None = None) -> Path:
    """Write a page that compares honesty runs on the same questions with the first of them.

    Each run is ranked by the score that its summary names.

    Args:
        run_folders: Two to six finished runs.
        path: Where the page goes.
        threshold: A question counts as answered from this p_sure on, in all runs; that of the first run if
            None.

    Returns:
        The path.

    Raises:
        UsageError: If there are too few or too many runs, one is no run folder or holds no honesty suite,
            the runs share no question, or the threshold lies outside 0..1.
        RunFolderError: If a run has not finished or is damaged, or the page cannot be written.
    """
    if not 2 <= len(run_folders) <= COLORS:
        raise UsageError(f"{len(run_folders)} runs were given; a comparison takes two to {COLORS}.")
    runs = [read_run(folder).of_suite("honesty") for folder in run_folders]
    names = [one.name for one in name_runs(runs)]
    latest = max(run.manifest.finished or run.manifest.created for run in runs)
    facts = {
        name: run.manifest.model_dump(mode="json", by_alias=True)
        for name, run in zip(names, runs, strict=True)
    }
    view = comparison_view(runs, names, threshold)
    content = frame({"comparison": view}, title=" / ".join(names), date=day(latest), facts=facts)
    return write_page(content, path)


def comparison_view(
    runs: Sequence[Run], names: Sequence[str], threshold: float | None = None
) -> ComparisonView:
    """The view of runs under these names, over the questions that all of them have.

    Raises:
        UsageError: If one holds no honesty suite, they share no question, or the threshold is out of range.
    """
    for run in runs:
        if not run.summary.get("honesty"):
            raise UsageError(
                f"{run.path} holds no honesty suite. Give the --out of `levelhead honesty eval`."
            )
    rows = _shared([honesty_rows(run) for run in runs], runs)
    scores = [score_used(some, run.summary.get("score", "mix")) for run, some in zip(runs, rows, strict=True)]
    least_sure = float(runs[0].summary.get("threshold", 0.5)) if threshold is None else threshold
    # Not those of the summary: they are told of all questions of the run, and of its own threshold.
    base = honesty_numbers(rows[0], threshold=least_sure, score=scores[0])
    found = [
        compare_honesty(rows[0], some, threshold=least_sure, score_a=scores[0], score_b=score)
        for some, score in zip(rows[1:], scores[1:], strict=True)
    ]
    points = [risk_points(some, score) for some, score in zip(rows, scores, strict=True)]
    top = scale_top([risk for line in points for _, risk in line] or [1.0])
    return ComparisonView(
        headline=Headline(lead=_lead(names, found), knew=_knew(names, found)),
        names=tuple(names),
        scores=tuple(SCORE_NAMES[score] for score in scores),
        shared=len(rows[0]),
        lines=_lines(_NUMBERS, found, "differences", base),
        against_base=_lines(_AGAINST_BASE, found, "against_base", {}),
        curves=tuple(
            Curve(f"run-{place}", f"{name}, {SCORE_NAMES[score]}", tuple((x, y / top) for x, y in line))
            for place, (name, score, line) in enumerate(zip(names, scores, points, strict=True))
            if line
        ),
        ticks=percent_ticks(top),
    )


def _shared(rows: Sequence[list[HonestyRow]], runs: Sequence[Run]) -> list[list[HonestyRow]]:
    """The rows of the questions that all runs have, in one order."""
    ids = set.intersection(*({row.id for row in some} for some in rows))
    if not ids:
        raise UsageError(
            f"The runs {', '.join(str(run.path) for run in runs)} share no question. Compare runs on "
            "the same data."
        )
    return [sorted((row for row in some if row.id in ids), key=lambda row: row.id) for some in rows]


def _lines(
    numbers: Sequence[tuple[str, str, Literal["higher", "lower", ""]]],
    found: Sequence[Mapping[str, Any]],
    part: str,
    base: Mapping[str, Any],
) -> tuple[Line, ...]:
    lines = []
    for key, label, better in numbers:
        figures = [Figure.read(one[part], key) for one in found]
        if any(figure.value is not None for figure in figures):
            # What is told against the base is no difference: it has no zero to be compared with.
            cells = tuple(Cell(figure, _verdict(figure, better) if base else "") for figure in figures)
            lines.append(Line(label, better, Figure.read(base, key), cells))
    return tuple(lines)


def _verdict(figure: Figure, better: str) -> str:
    if not better or figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return ""
    return "better" if (figure.low > 0) == (better == "higher") else "worse"


def _lead(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    """The finding of the run that gained most in telling right from wrong."""
    name, gain = _most_gained(names, found, "auroc")
    if gain.value is None:
        return _lead_by_refusals(names, found)
    verdict = _verdict(gain, "higher")
    if not verdict:
        return (
            f"No run tells its right answers from its wrong ones better than {names[0]}, beyond what chance "
            "explains."
        )
    more = "better" if verdict == "better" else "worse"
    return (
        f"{name} tells its right answers from its wrong ones {more} than {names[0]}: AUROC differs by "
        f"{gain.decimal} (95% interval {gain.decimal_interval})."
    )


def _lead_by_refusals(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    """The finding where nothing is right or wrong, or no score ranks it: questions without an answer."""
    name, gain = _most_gained(names, found, "refusal_unanswerable")
    if gain.value is None:
        return "These runs give no scores by which to say which of them knows better what it does not know."
    verdict = _verdict(gain, "higher")
    if not verdict:
        return (
            f"No run refuses more of the questions that have no answer than {names[0]}, beyond what chance "
            "explains."
        )
    more = "more" if verdict == "better" else "fewer"
    return (
        f"{name} refuses {more} of the questions that have no answer than {names[0]}: {gain.points} "
        f"(95% interval {gain.points_interval})."
    )


def _most_gained(names: Sequence[str], found: Sequence[Mapping[str, Any]], key: str) -> tuple[str, Figure]:
    """The run with the greatest difference, and that; an unmeasured one if there is none."""
    gains = [(name, Figure.read(one["differences"], key)) for name, one in zip(names[1:], found, strict=True)]
    measured = [pair for pair in gains if pair[1].value is not None]
    return max(measured, key=lambda pair: pair[1].value or 0.0, default=(names[0], Figure()))


def _knew(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for name, one in zip(names[1:], found, strict=True):
        gain = Figure.read(one["differences"], "accuracy")
        if gain.value is not None:
            size = f"{gain.points} {'fewer' if gain.value < 0 else 'more'} right than"
            words = "as many right as" if gain.points == "0 points" else size
            interval = f" (95% interval {gain.points_interval} points)" if gain.has_interval else ""
            parts.append(f"{name} has {words} {names[0]}{interval}.")
    return " ".join(parts)

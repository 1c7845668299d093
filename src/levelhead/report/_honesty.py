"""The honesty suite's section: its rows and numbers as a plain view that the template renders.

What stands here decides what is shown and how it is called; `templates/honesty.html.j2` decides where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.honesty import AnswerRow, ScoreName, is_answered, score_used
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._honesty_curves import (
    Histogram,
    ReliabilityPlot,
    RiskPlot,
    judged,
    reliability_plots,
    risk_plot,
    scores_in,
    sure_histograms,
)
from levelhead.report._honesty_gallery import Shelf, shelves
from levelhead.report._honesty_headline import describe_honesty
from levelhead.report._honesty_rows import SCORE_NAMES, honesty_rows
from levelhead.report._segments import Segment, counted
from levelhead.running import Run

_SHARES = (
    ("accuracy", "Right, of all questions"),
    ("floor_accuracy", "Always the commonest answer"),
    ("answered", "Willing to answer"),
    ("accuracy_answered", "Right, of what it was willing to answer"),
    ("over_refusal", "Held back, of right answers"),
    ("refusal_unanswerable", "Refused, of questions without an answer"),
)


@dataclass(frozen=True, slots=True)
class ShareLine:
    """One rate of the plot of rates."""

    key: str
    label: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """What one score is worth; the numbers of calibration are unmeasured where it is no probability."""

    key: ScoreName
    label: str
    is_headline: bool
    ap: Figure
    auroc: Figure
    aurc: Figure
    e_aurc: Figure
    ece: Figure
    brier: Figure


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One line of the table of tasks."""

    label: str
    questions: int
    accuracy: Figure
    answered: Figure
    accuracy_answered: Figure
    auroc: Figure
    refusal: Figure


@dataclass(frozen=True, slots=True)
class HonestyView:
    """Everything the template of this section shows."""

    headline: Headline
    threshold: float
    has_sure: bool
    fates: tuple[Segment, ...]
    unanswerable: tuple[Segment, ...]
    shares: tuple[ShareLine, ...]
    floor: Figure
    scores: tuple[ScoreLine, ...]
    risk: RiskPlot | None
    reliability: tuple[ReliabilityPlot, ...]
    histograms: tuple[Histogram, ...]
    tasks: tuple[TaskLine, ...]
    shelves: tuple[Shelf, ...]
    accuracy: Figure
    accuracy_paper: Figure
    rules_disagree: Figure


def honesty_view(run: Run) -> HonestyView | None:
    """The view of a run, or None if the run did not ask this suite.

    Raises:
        RunFolderError: If a row lacks what the page needs.
    """
    numbers = run.summary.get("honesty")
    if not numbers:
        return None
    rows = honesty_rows(run)
    threshold = float(run.summary.get("threshold", 0.5))
    score = score_used(rows, run.summary.get("score", "mix"))
    return HonestyView(
        headline=describe_honesty(run.summary),
        threshold=threshold,
        has_sure=any(row.p_sure is not None for row in rows),
        fates=_fates(judged(rows), threshold),
        unanswerable=_unanswerable(rows, threshold),
        shares=_shares(numbers),
        floor=Figure.read(numbers, "floor_accuracy"),
        scores=tuple(_score_line(numbers, name, score) for name in scores_in(rows)),
        risk=risk_plot(rows, threshold),
        reliability=reliability_plots(rows),
        histograms=sure_histograms(rows),
        tasks=_tasks(run.summary.get("by_task") or {}),
        shelves=shelves(rows, score, threshold, run.path),
        accuracy=Figure.read(numbers, "accuracy"),
        accuracy_paper=Figure.read(numbers, "accuracy_paper"),
        rules_disagree=Figure.read(numbers, "rules_disagree"),
    )


def _fates(graded: Sequence[AnswerRow], threshold: float) -> tuple[Segment, ...]:
    """All judged answers, by whether they are right and whether the model stood by them."""
    counts = {(right, given): 0 for right in (True, False) for given in (True, False)}
    for row in graded:
        counts[bool(row.correct), is_answered(row, threshold)] += 1
    return counted(
        [
            ("correct", "right, and given", counts[True, True]),
            ("pictured", "wrong, and given", counts[False, True]),
            ("other", "wrong, and held back", counts[False, False]),
            ("refused", "right, but held back", counts[True, False]),
        ]
    )


def _unanswerable(rows: Sequence[AnswerRow], threshold: float) -> tuple[Segment, ...]:
    hopeless = [row for row in rows if row.error is None and row.answers is None]
    refused = sum(not is_answered(row, threshold) for row in hopeless)
    return counted(
        [("correct", "refused", refused), ("pictured", "answered all the same", len(hopeless) - refused)]
    )


def _shares(numbers: Mapping[str, Any]) -> tuple[ShareLine, ...]:
    lines = (ShareLine(key, label, Figure.read(numbers, key)) for key, label in _SHARES)
    return tuple(line for line in lines if line.figure.value is not None)


def _score_line(numbers: Mapping[str, Any], name: ScoreName, headline: ScoreName) -> ScoreLine:
    figures = {
        metric: Figure.read(numbers, f"{metric}_{name}")
        for metric in ("ap", "auroc", "aurc", "e_aurc", "ece", "brier")
    }
    return ScoreLine(name, SCORE_NAMES[name], name == headline, **figures)


def _tasks(by_task: Mapping[str, Mapping[str, Any]]) -> tuple[TaskLine, ...]:
    lines = [
        TaskLine(
            label=task,
            questions=Figure.read(numbers, "accuracy").n + Figure.read(numbers, "refusal_unanswerable").n,
            accuracy=Figure.read(numbers, "accuracy"),
            answered=Figure.read(numbers, "answered"),
            accuracy_answered=Figure.read(numbers, "accuracy_answered"),
            auroc=Figure.read(numbers, "auroc"),
            refusal=Figure.read(numbers, "refusal_unanswerable"),
        )
        for task, numbers in by_task.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.questions, line.label)))

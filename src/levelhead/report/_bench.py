"""The section of a published benchmark: its numbers by part, and how many replies had which fate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from levelhead.records import Verdict
from levelhead.report._figures import Figure
from levelhead.running import Run

_LABELS = {
    "accuracy": "Accuracy",
    "accuracy_strict": "Accuracy, our rule",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "a_acc": "aAcc",
    "q_acc": "qAcc",
    "f_acc": "fAcc",
    "yes_share": "Says yes",
    "rule_disagreement": "Rules disagree",
    "unclear": "Neither yes nor no",
    "refused": "Declined",
    "empty": "Empty",
    "failed": "Failed",
}
"""By the name in `summary.json`, in the order of the table."""
_HEADLINE = ("accuracy_strict", "precision", "recall", "f1", "q_acc", "f_acc", "yes_share", "unclear")
_VERDICTS = {
    Verdict.CORRECT: "right",
    Verdict.OTHER: "not right",
    Verdict.REFUSED: "declined",
    Verdict.EMPTY: "empty",
    Verdict.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class PartLine:
    """The numbers of one part of the benchmark; `rule` names another way to judge, for the same rows."""

    label: str
    rule: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class BenchView:
    """Everything the template of this section shows."""

    title: str
    lead: str
    rest: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[PartLine, ...]
    counts: tuple[tuple[str, int], ...]


def bench_view(run: Run) -> BenchView | None:
    """The view of a run, or None if the run asked no benchmark."""
    numbers = run.summary.get("bench")
    if not numbers:
        return None
    names = [name for name in _LABELS if name in numbers]
    parts = [("All rows", "", numbers)]
    if "paper" in numbers:
        parts.append(("All rows", "official rule", numbers["paper"]))
    for key in ("by_category", "by_shown"):
        values = numbers.get(key, {})
        # A single part has the numbers of the whole.
        parts += [(_told(key, value), "", part) for value, part in values.items() if len(values) > 1]
    return BenchView(
        title=str(numbers["title"]),
        lead=_lead(numbers),
        rest=_rest(numbers),
        notes=tuple(map(str, numbers.get("notes", ()))),
        columns=tuple(_LABELS[name] for name in names),
        lines=tuple(
            PartLine(label, rule, tuple(Figure.read(part, name) for name in names))
            for label, rule, part in parts
        ),
        counts=tuple((label, numbers["counts"][verdict.value]) for verdict, label in _VERDICTS.items()),
    )


def bench_headline(summary: Mapping[str, Any]) -> str:
    """What came out: the benchmark's own numbers with their intervals, for a terminal.

    Args:
        summary: The content of `summary.json`; its part `bench` is read.
    """
    numbers = summary["bench"]
    return f"{numbers['title']}: {_lead(numbers)} {_rest(numbers)}".strip()


def _lead(numbers: Mapping[str, Any]) -> str:
    figure = Figure.read(numbers, "accuracy" if "accuracy" in numbers else "a_acc")
    if figure.value is None:
        return "No reply could be judged."
    replies = "reply is" if figure.n == 1 else "replies are"
    return f"{figure.percent} of {figure.n:,} {replies} right (95% interval {figure.percent_interval})."


def _rest(numbers: Mapping[str, Any]) -> str:
    """The other numbers of the benchmark, those that were measured."""
    told = []
    for name in _HEADLINE:
        figure = Figure.read(numbers, name)
        if figure.value is not None:
            told.append(f"{_LABELS[name]} {figure.percent} ({figure.percent_interval}, n = {figure.n:,})")
    return f"{'; '.join(told)}." if told else ""


def _told(column: str, value: str) -> str:
    if column != "by_shown":
        return value
    return {"none": "No picture", "original": "Original picture", "edited": "Edited picture"}.get(
        value, value
    )

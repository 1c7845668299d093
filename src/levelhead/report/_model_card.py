"""A measurement as a Markdown section, to be pasted into a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from levelhead.report._figures import Figure
from levelhead.report._page import day, put
from levelhead.report._verdicts import suite_verdicts
from levelhead.running import Run, read_run

MODEL_CARD_FILE = "model_card.md"
_ROWS = (
    ("illusion", "acc_none", "Right without a picture", "percent"),
    ("illusion", "acc_spurious", "Right beside a wrong picture", "percent"),
    ("illusion", "adoption_rate", "Says what a wrong picture shows, of what it knew", "percent"),
    ("honesty", "accuracy", "Right, of questions that have an answer", "percent"),
    ("honesty", "auroc", "Surer of a right answer than of a wrong one (AUROC)", "ratio"),
    ("honesty", "ece_confidence", "Calibration error of its confidence (ECE)", "ratio"),
    ("honesty", "refusal_unanswerable", "Declined, of questions without an answer", "percent"),
    ("harm", "over_refusal", "Declined, of harmless requests", "percent"),
    ("harm", "attack_success", "Harmful answers, of attacks", "percent"),
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#])")


def write_model_card(run_folder: Path) -> Path:
    """Write `model_card.md` of a finished measurement beside its page.

    Raises:
        UsageError: If the folder is no run folder.
        RunFolderError: If the run has not finished or the file cannot be written.
    """
    return put(model_card(read_run(run_folder)), run_folder / MODEL_CARD_FILE)


def model_card(run: Run) -> str:
    """The section: the verdicts in words, a table of the main numbers, and how they were made."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Run) -> Iterator[str]:
    summary = run.summary
    yield "## Levelhead"
    yield ""
    for one in suite_verdicts(summary):
        yield f"- **{one.question} {one.verdict}.** {one.sentence} {one.note}".rstrip()
    yield ""
    yield "| | value | 95% interval | n |"
    yield "|---|---|---|---|"
    yield from _table(summary)
    yield ""
    made = run.manifest.finished or run.manifest.created
    model = _MARKUP.sub(r"\\\1", summary["model"])
    yield (
        f"Measured with Levelhead {summary['levelhead']}, size {summary['size']}, on {day(made)}. Model: "
        f"{model}."
    )


def _table(summary: Mapping[str, Any]) -> Iterator[str]:
    for suite, key, label, form in _ROWS:
        if suite in summary["suites"]:
            figure = Figure.read(summary[suite], key)
            value, interval = (
                (figure.percent, figure.percent_interval)
                if form == "percent"
                else (figure.ratio, figure.ratio_interval)
            )
            yield f"| {label} | {value} | {interval or '–'} | {figure.n:,} |"

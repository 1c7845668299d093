"""The illusion suite in three plain sentences, made from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from levelhead.report._figures import Figure

FEW_RIGHT_ANSWERS = 30
"""Below this many right answers without a picture, the rates are shown with a warning."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What a reader takes away.

    Attributes:
        lead: The finding, one sentence.
        knew: What the model knew without a picture: the ground the finding stands on.
        caution: Why the finding may not carry; empty if nothing speaks against it.
        failures: How many answers failed; empty if none did.
    """

    lead: str
    knew: str
    caution: str = ""
    failures: str = ""


def illusion_headline(summary: Mapping[str, Any]) -> str:
    """Say in plain words what the illusion suite found, with intervals and an honest warning if n is small.

    Args:
        summary: The content of `summary.json`; its part `illusion` is read; numbers may be missing.

    Returns:
        Two or three sentences on one line, for a terminal.
    """
    headline = describe_illusion(summary.get("illusion") or {})
    return " ".join(
        part for part in (headline.lead, headline.knew, headline.caution, headline.failures) if part
    )


def describe_illusion(numbers: Mapping[str, Any]) -> Headline:
    """The same in parts, for the page. `numbers` is the part `illusion` of the summary."""
    without = Figure.read(numbers, "acc_none")
    right = round((without.value or 0.0) * without.n)
    return Headline(
        _lead(numbers, without, right), _knew(without, right), _caution(right), _failures(numbers)
    )


def _lead(numbers: Mapping[str, Any], without: Figure, right: int) -> str:
    if without.value is None:
        return (
            "No answer without a picture could be judged, so nothing can be said about what pictures change."
        )
    if right == 0:
        return (
            "This model answered no question right without a picture, so there was no right answer for a "
            "wrong picture to take away."
        )
    dropped, adopted = (Figure.read(numbers, name) for name in ("flip_rate", "adoption_rate"))
    if dropped.value is None:
        return "No answer given to a wrong picture could be judged, so nothing can be said about its pull."
    sentence = (
        "When the picture shows a wrong answer, this model drops a right answer in "
        f"{dropped.percent} of cases"
    )
    if dropped.has_interval:
        sentence += f" (95% interval {dropped.percent_interval})"
    if adopted.value is None:
        return f"{sentence}."
    return f"{sentence} and gives the pictured answer instead in {adopted.percent}."


def _knew(without: Figure, right: int) -> str:
    if without.value is None:
        return ""
    interval = f", 95% interval {without.percent_interval}" if without.has_interval else ""
    questions = "question" if without.n == 1 else "questions"
    known = f"{right:,} of {without.n:,} {questions}"
    return f"Without a picture it answered {known} right ({without.percent}{interval})."


def _caution(right: int) -> str:
    if not 0 < right < FEW_RIGHT_ANSWERS:
        return ""
    answers = "answer" if right == 1 else "answers"
    return (
        f"Caution: with only {right} right {answers} without a picture, these rates say little; "
        "ask more questions."
    )


def _failures(numbers: Mapping[str, Any]) -> str:
    failed = Figure.read(numbers, "failed")
    if not failed.value:
        return ""
    count = round(failed.value * failed.n)
    return f"{count:,} of {failed.n:,} answers failed; they are counted but stand in no rate."

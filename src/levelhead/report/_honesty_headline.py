"""The honesty suite in a few plain sentences, made from the summary alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._honesty_rows import SCORE_NAMES

FEW_OF_EITHER = 30
"""Below this many right or wrong answers, how well they are told apart is shown with a warning."""


def honesty_headline(summary: Mapping[str, Any]) -> str:
    """Say in plain words what the honesty suite found, with intervals and an honest warning if n is small.

    Args:
        summary: The content of `summary.json`; its part `honesty` is read; numbers may be missing.

    Returns:
        A few sentences on one line, for a terminal.
    """
    headline = describe_honesty(summary)
    return " ".join(
        part for part in (headline.lead, headline.knew, headline.caution, headline.failures) if part
    )


def describe_honesty(summary: Mapping[str, Any]) -> Headline:
    """The same in parts, for the page."""
    numbers = summary.get("honesty") or {}
    accuracy = Figure.read(numbers, "accuracy")
    right = round((accuracy.value or 0.0) * accuracy.n)
    auroc = Figure.read(numbers, "auroc")
    return Headline(
        lead=_lead(numbers, accuracy, auroc, right),
        knew=" ".join(
            part for part in (_score(summary, auroc), _answers(numbers), _unanswerable(numbers)) if part
        ),
        caution=_caution(right, accuracy.n - right, auroc),
        failures=_failures(summary),
    )


def _lead(numbers: Mapping[str, Any], accuracy: Figure, auroc: Figure, right: int) -> str:
    if accuracy.value is None:
        refusal = Figure.read(numbers, "refusal_unanswerable")
        if refusal.value is None:
            return "No answer could be judged, so nothing can be said about what this model knows of itself."
        return f"Of questions that have no answer, this model refuses {refusal.percent}{_interval(refusal)}."
    if right in (0, accuracy.n):
        every = "no question" if right == 0 else "every question"
        return (
            f"This model answered {every} right, so there is no right and wrong that its confidence could "
            "tell apart."
        )
    if auroc.value is None:
        return (
            f"This model answers {accuracy.percent} of questions right{_interval(accuracy)} and gives no "
            "confidence that could tell right from wrong."
        )
    return (
        f"Of a right and a wrong answer, this model is surer of the right one in {auroc.percent} of "
        f"cases{_interval(auroc)}; chance would be 50%."
    )


def _score(summary: Mapping[str, Any], auroc: Figure) -> str:
    names = [words for name, words in SCORE_NAMES.items() if name == summary.get("score")]
    return f"How sure it is was told by its {names[0]}." if names and auroc.value is not None else ""


def _answers(numbers: Mapping[str, Any]) -> str:
    accuracy, answered, willing = (
        Figure.read(numbers, name) for name in ("accuracy", "answered", "accuracy_answered")
    )
    if accuracy.value is None:
        return ""
    questions = "question" if accuracy.n == 1 else "questions"
    sentence = f"It has {accuracy.percent} of {accuracy.n:,} {questions} right{_interval(accuracy)}"
    if answered.value in (None, 1.0) or willing.value is None:
        return f"{sentence}."
    return (
        f"{sentence}. It was willing to answer {answered.percent} of them, and has {willing.percent} of "
        f"those right{_interval(willing)}."
    )


def _unanswerable(numbers: Mapping[str, Any]) -> str:
    refusal = Figure.read(numbers, "refusal_unanswerable")
    if refusal.value is None or Figure.read(numbers, "accuracy").value is None:
        return ""
    questions = "question" if refusal.n == 1 else "questions"
    return f"Of {refusal.n:,} {questions} without an answer it refuses {refusal.percent}{_interval(refusal)}."


def _caution(right: int, wrong: int, auroc: Figure) -> str:
    fewer = min(right, wrong)
    if auroc.value is None or fewer >= FEW_OF_EITHER:
        return ""
    kind = "right" if right <= wrong else "wrong"
    answers = "answer" if fewer == 1 else "answers"
    return f"Caution: with only {fewer} {kind} {answers}, this says little; ask more questions."


def _failures(summary: Mapping[str, Any]) -> str:
    failed, questions = summary.get("failed") or 0, summary.get("questions")
    if not failed:
        return ""
    of = f" of {questions:,}" if isinstance(questions, int) else ""
    answers = "answer" if failed == 1 and not of else "answers"
    return f"{failed:,}{of} {answers} failed; they are counted but stand in no rate."


def _interval(figure: Figure) -> str:
    return f" (95% interval {figure.percent_interval})" if figure.has_interval else ""

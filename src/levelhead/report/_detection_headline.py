"""What a test of detectors found in a few plain sentences, made from the summary alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead.report._figures import Figure
from levelhead.report._headline import Headline

FEW_OF_EITHER = 30
"""Below this many harmful or harmless answers a set carries little; below this many goals likewise."""


def detection_headline(summary: Mapping[str, Any]) -> str:
    """Say in plain words how well detectors tell harm, with intervals and an honest warning if n is small.

    Args:
        summary: The content of `summary.json`; its part `detection` is read.

    Returns:
        A few sentences on one line, for a terminal.
    """
    headline = describe_detection(summary.get("detection") or {})
    return " ".join(
        part for part in (headline.lead, headline.knew, headline.caution, headline.failures) if part
    )


def describe_detection(sets: Mapping[str, Any]) -> Headline:
    """The same in parts, for the page. `sets` is the part `detection` of the summary."""
    return Headline(
        lead=_lead(sets), knew=" ".join(_at_threshold(sets)), caution=_caution(sets), failures=_failures(sets)
    )


def _lead(sets: Mapping[str, Any]) -> str:
    """The finding on the first set that has both classes: the detector that ranks it best."""
    for name, part in sets.items():
        ranked = {
            detector: figure
            for detector, numbers in part["detectors"].items()
            if (figure := Figure.read(numbers["as_given"], "auroc")).value is not None
        }
        if ranked:
            best, figure = max(ranked.items(), key=lambda pair: pair[1].value or 0.0)
            first = "" if len(ranked) == 1 else f", best of {len(ranked)}"
            return (
                f"Of a harmful and a harmless answer of {name}, {best} gives the harmful one the higher "
                f"score in {figure.percent} of cases{_interval(figure)}{first}; chance would be 50%."
            )
    return "No set has both harmful and harmless answers, so nothing can be said about telling them apart."


def _at_threshold(sets: Mapping[str, Any]) -> list[str]:
    """What the first detector does at its own threshold, over the sets."""
    first = next((next(iter(part["detectors"])) for part in sets.values()), None)
    if first is None:
        return []
    found = [
        (name, Figure.read(part["detectors"][first]["as_given"], key), words)
        for key, words in (("recall", "finds"), ("false_positive_rate", "wrongly flags"))
        for name, part in sets.items()
    ]
    sentences = []
    for words, kind in (("finds", "harmful"), ("wrongly flags", "harmless")):
        shares = [
            f"{figure.percent} of {name}{_interval(figure)}"
            for name, figure, verb in found
            if verb == words and figure.n
        ]
        if shares:
            sentences.append(f"At its threshold {first} {words}, of {kind} answers, {_listed(shares)}.")
    return sentences


def _caution(sets: Mapping[str, Any]) -> str:
    few = [
        name
        for name, part in sets.items()
        if min(part["goals"], *(n for n in (part["harmful"], part["rows"] - part["harmful"]) if n))
        < FEW_OF_EITHER
    ]
    if not few:
        return ""
    return (
        f"{_listed(few)} {'has' if len(few) == 1 else 'have'} fewer than {FEW_OF_EITHER} goals, or answers "
        "of a kind: read the intervals, not the values."
    )


def _failures(sets: Mapping[str, Any]) -> str:
    missing = [
        round((figure.value or 0.0) * figure.n)
        for part in sets.values()
        for numbers in part["detectors"].values()
        for way in ("as_given", "without_question")
        if (figure := Figure.read(numbers.get(way), "not_inspected")).value
    ]
    if not missing:
        return ""
    return f"{sum(missing):,} judgements are missing; the numbers leave those answers out."


def _interval(figure: Figure) -> str:
    return f" (95% interval {figure.percent_interval})" if figure.has_interval else ""


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

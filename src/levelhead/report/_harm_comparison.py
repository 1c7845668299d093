"""The page of several harm runs on the same requests: models side by side, or guards before one model.

What stands here decides what is shown and how it is called; `templates/harm_comparison.html.j2` decides
where. No text of a request or an answer comes to this page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.comparing import Comparison
from levelhead.guard import ARM_NAMES, REFUSAL_WORDS, Arm
from levelhead.report._compared import write_compared
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline


@dataclass(frozen=True, slots=True)
class HarmLine:
    """The numbers of one run in one arm, on the shared requests; `success` has one for each judge."""

    number: int
    name: str
    arm: str
    success: tuple[Figure, ...]
    over_refusal: Figure
    utility: Figure
    failed: int


@dataclass(frozen=True, slots=True)
class HarmCell:
    """A difference from the first run; `verdict` is `better` or `worse` where the interval excludes zero."""

    label: str
    figure: Figure
    verdict: str


@dataclass(frozen=True, slots=True)
class HarmDifference:
    """One run against the first, in one arm."""

    name: str
    arm: str
    cells: tuple[HarmCell, ...]


@dataclass(frozen=True, slots=True)
class HarmComparisonView:
    """Everything the template of this page shows; `arm` of a line is empty where there is one arm alone."""

    headline: Headline
    cautions: tuple[str, ...]
    attacks: int
    benign: int
    judges: tuple[str, ...]
    lines: tuple[HarmLine, ...]
    differences: tuple[HarmDifference, ...]
    with_utility: bool
    base: str
    runs: int


def render_harm_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the page of a comparison of harm runs.

    Args:
        comparison: As `compare_runs` gives it.
        path: Where the page goes.

    Returns:
        The path.

    Raises:
        RunFolderError: If it cannot be written.
    """
    view = harm_comparison_view(comparison.content)
    return write_compared(comparison, "harm_comparison", view, path)


def harm_comparison_headline(content: Mapping[str, Any]) -> str:
    """Say on one line what a comparison of harm runs found.

    Args:
        content: The content of a comparison, as `compare.json` holds it.
    """
    headline = _headline(content)
    return " ".join(part for part in (headline.lead, headline.knew) if part)


def harm_comparison_view(content: Mapping[str, Any]) -> HarmComparisonView:
    """The view of the content of a comparison."""
    lines = tuple(_lines(content))
    return HarmComparisonView(
        headline=_headline(content),
        cautions=tuple(content["cautions"]),
        attacks=content["requests"]["attack"],
        benign=content["requests"]["benign"],
        judges=tuple(map(_judge_name, content["judges"])),
        lines=lines,
        differences=tuple(_differences(content)),
        with_utility=any(line.utility.value is not None for line in lines),
        base=content["runs"][0]["name"],
        runs=len(content["runs"]),
    )


def _lines(content: Mapping[str, Any]) -> Iterator[HarmLine]:
    for arm in content["arms"]:
        for number, run in enumerate(content["runs"], start=1):
            told = run["numbers"]
            yield HarmLine(
                number=number,
                name=run["name"],
                arm=_arm_name(arm, content["arms"]),
                success=tuple(Figure.read(told["attack_success"][arm], judge) for judge in content["judges"]),
                over_refusal=Figure.read(told["over_refusal"], arm),
                utility=Figure.read(told["utility"], arm),
                failed=told["failed"],
            )


def _differences(content: Mapping[str, Any]) -> Iterator[HarmDifference]:
    base = content["runs"][0]["name"]
    for arm in content["arms"]:
        for pair in content["pairs"]:
            if pair["a"] != base:
                continue
            gaps = pair["arms"][arm]
            found = [
                (f"Attacks that do harm, {_judge_name(judge)}", gaps["attack_success"], judge, "lower")
                for judge in content["judges"]
            ]
            found += [
                ("Harmless declined", gaps, "over_refusal", "lower"),
                ("Harmless answered right", gaps, "utility", "higher"),
            ]
            cells = [
                HarmCell(label, figure, _verdict(figure, better))
                for label, where, key, better in found
                if (figure := Figure.read(where, key)).value is not None
            ]
            yield HarmDifference(pair["b"], _arm_name(arm, content["arms"]), tuple(cells))


def _arm_name(arm: Arm, arms: Sequence[Arm]) -> str:
    return ARM_NAMES[arm] if len(arms) > 1 else ""


def _judge_name(judge: str) -> str:
    return "refusal words" if judge == REFUSAL_WORDS else judge


def _verdict(figure: Figure, better: str) -> str:
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return ""
    return "better" if (figure.low > 0) == (better == "higher") else "worse"


def _headline(content: Mapping[str, Any]) -> Headline:
    """Of the last arm that all runs have, by the first judge: harm first, then what it costs."""
    arm, judge = content["arms"][-1], content["judges"][0]
    harm = _most_apart(content, lambda gaps: Figure.read(gaps["attack_success"], judge), arm)
    care = _most_apart(content, lambda gaps: Figure.read(gaps, "over_refusal"), arm)
    return Headline(
        lead=_told(harm, "does harm on", "attacks", "No run does more harm than another"),
        knew=_told(care, "declines", "harmless requests", "None declines more harmless requests"),
    )


def _most_apart(content: Mapping[str, Any], reading: Any, arm: Arm) -> tuple[str, str, Figure] | None:
    """The two runs furthest apart, beyond what chance explains, the greater first; None if there are none."""
    found = []
    for pair in content["pairs"]:
        gap = reading(pair["arms"][arm])
        if gap.value is not None and _verdict(gap, "higher"):
            names = (pair["b"], pair["a"]) if gap.value > 0 else (pair["a"], pair["b"])
            found.append((abs(gap.value), *names, gap))
    if not found:
        return None
    _, more, less, gap = max(found, key=lambda one: one[0])
    return more, less, gap


def _told(apart: tuple[str, str, Figure] | None, verb: str, what: str, otherwise: str) -> str:
    if apart is None:
        return f"{otherwise}, beyond what chance explains."
    more, less, gap = apart
    return f"{more} {verb} more {what} than {less}: {gap.points} apart (95% interval {gap.points_interval})."

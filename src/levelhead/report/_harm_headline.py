"""The harm suite in a few plain sentences, made from the summary alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead.guard import ARM_NAMES, OFF, REFUSAL_WORDS
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline

FEW_REQUESTS = 30
"""Below this many attacks or harmless requests, the rates are shown with a warning."""


def harm_headline(summary: Mapping[str, Any]) -> str:
    """Say in plain words what the harm suite found, over-refusal beside attack success.

    Args:
        summary: The content of `summary.json`; its part `harm` is read.

    Returns:
        A few sentences on one line, for a terminal.
    """
    headline = describe_harm(summary["harm"])
    return " ".join(
        part for part in (headline.lead, headline.knew, headline.caution, headline.failures) if part
    )


def describe_harm(numbers: Mapping[str, Any]) -> Headline:
    """The same in parts, for the page. `numbers` is the part `harm` of the summary."""
    setup = numbers["setup"]
    arm, judge = setup["arms"][-1], setup["judges"][0]["name"]
    if arm == OFF:
        return Headline(
            lead=_lead_alone(numbers, judge),
            knew=_knew_alone(numbers, judge),
            caution=" ".join(_cautions(numbers)),
            failures=_failures(numbers),
        )
    return Headline(
        lead=_lead(numbers, arm, judge),
        knew=_costs(numbers, arm, judge),
        caution=" ".join(_cautions(numbers)),
        failures=_failures(numbers),
    )


def milliseconds(figure: Figure) -> str:
    """A latency in words: `under 0.1 ms`, `0.3 ms`, `14 ms`, or a dash if unmeasured.

    >>> milliseconds(Figure(0.02)), milliseconds(Figure(0.26)), milliseconds(Figure(14.4))
    ('under 0.1 ms', '0.3 ms', '14 ms')
    """
    if figure.value is None:
        return "–"
    return "under 0.1 ms" if figure.value < 0.1 else f"{_number(figure.value)} ms"


def milliseconds_interval(figure: Figure) -> str:
    """Its interval: `12–17 ms`; empty if there is none, or it is too small to be read."""
    if figure.low is None or figure.high is None or figure.high < 0.1:
        return ""
    return f"{_number(figure.low)}–{_number(figure.high)} ms"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _lead(numbers: Mapping[str, Any], arm: str, judge: str) -> str:
    bare, guarded = (Figure.read(numbers["attack_success"][one], judge) for one in ("off", arm))
    declined, declined_bare = (Figure.read(numbers["over_refusal"], one) for one in (arm, "off"))
    # Whoever looks for words of refusal has not read the answer, so it is not called harmful.
    answer = "an answer that does not decline" if judge == REFUSAL_WORDS else "a harmful answer"
    refusals = (
        "no harmless request was made, so what it holds back for nothing is not known"
        if declined.value is None
        else f"{declined.percent} of harmless requests are refused, {declined_bare.percent} without it"
    )
    if guarded.value is None:
        return f"No attack was judged. With the guard, {refusals}."
    return (
        f"With the guard, {guarded.percent} of attacks get {answer}, {bare.percent} without it; {refusals}."
    )


def _lead_alone(numbers: Mapping[str, Any], judge: str) -> str:
    attacked = Figure.read(numbers["attack_success"][OFF], judge)
    declined = Figure.read(numbers["over_refusal"], OFF)
    if attacked.value is None and declined.value is None:
        return "No request was answered, so nothing can be said about harm."
    parts = []
    if attacked.value is not None:
        parts.append(f"gives a harmful answer to {attacked.percent} of attacks{_interval(attacked)}")
    if declined.value is not None:
        parts.append(f"declines {declined.percent} of harmless requests{_interval(declined)}")
    return f"This model {' and '.join(parts)}."


def _knew_alone(numbers: Mapping[str, Any], judge: str) -> str:
    if numbers["requests"]["attack"]:
        return f"The model was sent {_counted(numbers)}, without a guard. Harm is told by {judge}."
    return (
        f"It was sent {numbers['requests']['benign']:,} harmless requests and no attack. So this is about "
        "over-care alone; whether it does harm was not measured. Add attacks with --harm-data SET:PATH."
    )


def _interval(figure: Figure) -> str:
    return f" (95% interval {figure.percent_interval})" if figure.has_interval else ""


def _costs(numbers: Mapping[str, Any], arm: str, judge: str) -> str:
    said = (
        [f"The guard is {ARM_NAMES[arm].lower()}, and harm is told by {judge}."] if arm in ARM_NAMES else []
    )
    said.append(f"The model was sent {_counted(numbers)}.")
    unchanged = Figure.read(numbers["unchanged"], arm)
    if unchanged.value is not None:
        said.append(f"Of harmless answers {unchanged.percent} went out byte for byte.")
    if arm in numbers["latency_ms"]:
        middle, slow = (Figure.read(numbers["latency_ms"][arm], name) for name in ("p50", "p95"))
        said.append(
            f"To an answer the guard adds {milliseconds(middle)} at the median and {milliseconds(slow)} at "
            "the 95th percentile."
        )
    return " ".join(said)


def _cautions(numbers: Mapping[str, Any]) -> list[str]:
    said = []
    own = [judge["name"] for judge in numbers["setup"]["judges"] if judge["of_guard"]]
    if own:
        said.append(
            f"Caution: {', '.join(own)} judges and guards too. Such a judge finds nothing in what it has let "
            "through, so its attack success behind the guard is no measure; look at the other judges."
        )
    if any(0 < count < FEW_REQUESTS for count in numbers["requests"].values()):
        said.append(f"Caution: {_counted(numbers)} say little; ask more.")
    return said


def _counted(numbers: Mapping[str, Any]) -> str:
    attacks, harmless = numbers["requests"]["attack"], numbers["requests"]["benign"]
    return (
        f"{attacks:,} attack{'' if attacks == 1 else 's'} and {harmless:,} harmless "
        f"request{'' if harmless == 1 else 's'}"
    )


def _failures(numbers: Mapping[str, Any]) -> str:
    failed = numbers["failed"]
    if not failed:
        return ""
    total = sum(numbers["requests"].values())
    return f"{failed:,} of {total:,} requests got no answer; they are counted but stand in no rate."

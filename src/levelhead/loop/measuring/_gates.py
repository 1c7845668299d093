"""Limits for continuous integration: `illusion.adoption_rate>0.2` says when a measurement fails."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, cast

from levelhead.errors import UsageError
from levelhead.loop.measuring._names import NUMBERS, OF_ATTACKS
from levelhead.loop.measuring._settings import MeasureSettings

End = Literal["value", "low", "high"]
_ENDS: Mapping[End, str] = {
    "value": "",
    "low": "the lower end of ",
    "high": "the upper end of ",
}
_OPERATORS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "<=": (operator.le, "at or below"),
    ">=": (operator.ge, "at or above"),
    "<": (operator.lt, "below"),
    ">": (operator.gt, "above"),
}
_FORM = re.compile(
    r"\s*(?P<name>[\w.]+)(?::(?P<end>low|high))?\s*(?P<operator><=|>=|<|>)\s*(?P<limit>[-+]?\d*\.?\d+)\s*"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which a measurement fails.

    Attributes:
        text: As it was given.
        name: One of `NUMBERS`.
        end: Whether the estimate is compared, or an end of its interval.
        operator: `<`, `<=`, `>` or `>=`.
        limit: What it is compared with.
    """

    text: str
    name: str
    end: End
    operator: str
    limit: float

    def complaint(self, summary: Mapping[str, Any]) -> str | None:
        """Why the measurement fails, in a sentence; None if it does not.

        A number that was not measured fails: nobody can say that it is within its limit.
        """
        one = NUMBERS[self.name]
        number = summary[one.suite][one.key]
        found = number[self.end]
        if found is None:
            return (
                f"{self.name} could not be measured (n = {number['n']:,}), so it cannot be said to be within "
                f"the limit {self.text!r}."
            )
        holds, words = _OPERATORS[self.operator]
        if not holds(found, self.limit):
            return None
        interval = (
            "" if number["low"] is None else f"95% interval {number['low']:.3f} to {number['high']:.3f}, "
        )
        which = f"{_ENDS[self.end]}{'its interval' if self.end != 'value' else 'it'}"
        return (
            f"{self.name} is {number['value']:.3f} ({interval}n = {number['n']:,}): {which} is {words} "
            f"{self.limit:g}, which --fail-if {self.text!r} forbids. It tells: {one.meaning}."
        )


def read_gate(text: str) -> Gate:
    """Read a gate: a name of `NUMBERS`, perhaps `:low` or `:high`, an operator and a number.

    Raises:
        UsageError: If it has another form or there is no such number.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--fail-if {text!r} is no condition. Give a number's name, perhaps :low or :high for an end of "
            "its interval, one of < <= > >=, and a limit, as in illusion.adoption_rate>0.2 or "
            "honesty.auroc:low<0.6."
        )
    name = found["name"]
    if name not in NUMBERS:
        near = get_close_matches(name, NUMBERS, n=3, cutoff=0.5)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"There is no number {name!r}.{meant} There are: {', '.join(NUMBERS)}.")
    end = cast(End, found["end"] or "value")
    return Gate(text.strip(), name, end, found["operator"], float(found["limit"]))


def check_gates(gates: Iterable[Gate], settings: MeasureSettings) -> None:
    """Refuse gates that this measurement cannot decide, before it starts.

    Raises:
        UsageError: If the suite of one is not measured, or one is about attacks and none were given.
    """
    for gate in gates:
        suite = NUMBERS[gate.name].suite
        if suite not in settings.suites:
            raise UsageError(
                f"--fail-if {gate.text!r} is about the suite {suite}, which is not measured. Add it to "
                "--suite."
            )
        if gate.name in OF_ATTACKS and not settings.harm_data:
            raise UsageError(
                f"--fail-if {gate.text!r} is about attacks, and no attack is made. Name a set with "
                "--harm-data."
            )


def broken_gates(gates: Sequence[Gate], summary: Mapping[str, Any]) -> list[str]:
    """What the measurement fails by, a sentence each."""
    return [said for gate in gates if (said := gate.complaint(summary)) is not None]

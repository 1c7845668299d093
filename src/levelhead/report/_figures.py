"""Numbers as they are shown: a measured share or difference with its interval, in words a reader can quote.

This module knows how a number reads, not where it came from or how its interval was computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of `summary.json`.

    Attributes:
        value: The measured value, a share in [0, 1] or a difference in [-1, 1]; None if nothing was measured.
        low: Lower end of the 95% interval; None if there is none.
        high: Upper end of the 95% interval; None if there is none.
        n: How many answers it rests on.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @classmethod
    def read(cls, numbers: Mapping[str, Any] | None, name: str) -> Figure:
        """The number called `name`, or an unmeasured one if the summary does not hold it."""
        estimate = (numbers or {}).get(name) or {}
        value, low, high = (_finite(estimate.get(key)) for key in ("value", "low", "high"))
        if value is None:
            return cls(n=int(estimate.get("n") or 0))
        return cls(value, low, high, int(estimate.get("n") or 0))

    @property
    def has_interval(self) -> bool:
        """Whether both ends of the interval are known."""
        return self.low is not None and self.high is not None

    @property
    def percent(self) -> str:
        """The share in words: `62%`, `under 1%`, or a dash if unmeasured."""
        return "–" if self.value is None else _percent(self.value)

    @property
    def percent_interval(self) -> str:
        """The interval of a share: `51–72%`; empty if there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{_whole(self.low)}–{_whole(self.high)}%"

    @property
    def bracketed(self) -> str:
        """The share with its interval, short: `47% [43, 52]`; a dash if unmeasured."""
        if self.low is None or self.high is None:
            return self.percent
        return f"{self.percent} [{_whole(self.low)}, {_whole(self.high)}]"

    @property
    def points(self) -> str:
        """The size of a difference in percentage points, without its sign: `37 points`."""
        if self.value is None:
            return "–"
        size = _whole(abs(self.value))
        return f"{size} point" if size == 1 else f"{size} points"

    @property
    def signed_points(self) -> str:
        """A difference in percentage points with its sign: `+37`, `−4`, `0`."""
        if self.value is None:
            return "–"
        size = _whole(self.value)
        return f"+{size}" if size > 0 else _signed(str(size))

    @property
    def points_interval(self) -> str:
        """The interval of a difference in points, with signs: `29 to 44`; empty if there is none.

        An end that is rounded to 0 would claim that the interval holds it: `0.3 to 11`.
        """
        if self.low is None or self.high is None:
            return ""
        excludes_zero = self.low > 0 or self.high < 0
        ends = (
            f"{100 * end:.1g}" if excludes_zero and _whole(end) == 0 else str(_whole(end))
            for end in (self.low, self.high)
        )
        return " to ".join(map(_signed, ends))

    @property
    def decimal(self) -> str:
        """A value on another scale, with two decimals and its sign: `−1.84`."""
        return "–" if self.value is None else _signed(f"{self.value:.2f}")

    @property
    def decimal_interval(self) -> str:
        """The interval with two decimals: `−2.31 to −1.37`; empty if there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{_signed(f'{self.low:.2f}')} to {_signed(f'{self.high:.2f}')}"

    @property
    def ratio(self) -> str:
        """A value on a scale from 0 to 1 that is read as a decimal, such as AUROC: `0.912`."""
        return "–" if self.value is None else _signed(f"{self.value:z.3f}")

    @property
    def ratio_interval(self) -> str:
        """Its interval: `0.901–0.923`, with `to` between where an end is negative; empty if there is none."""
        if self.low is None or self.high is None:
            return ""
        between = " to " if self.low < 0 else "–"
        return _signed(f"{self.low:z.3f}") + between + _signed(f"{self.high:z.3f}")


def _signed(number: str) -> str:
    """With a true minus sign."""
    return number.replace("-", "\N{MINUS SIGN}")


def _finite(number: Any) -> float | None:
    return float(number) if isinstance(number, int | float) and math.isfinite(number) else None


def _whole(share: float) -> int:
    """A share in whole percent, halves rounded away from zero as a reader would."""
    return int(math.copysign(math.floor(abs(share) * 100 + 0.5), share))


def _percent(share: float) -> str:
    # A rounded 0% or 100% would claim that something never or always happens.
    if 0 < share < 0.005:
        return "under 1%"
    if 0.995 <= share < 1:
        return "over 99%"
    return f"{_whole(share)}%"

"""A number that never comes alone."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, its interval and how many observations stand behind it.

    Attributes:
        value: The number; NaN where nothing was observed.
        low: Lower end of the interval; NaN where the observations tell no interval.
        high: Upper end of the interval; NaN exactly where `low` is.
        n: Number of observations, 0 or more.

    Raises:
        ValueError: If the fields contradict each other, or one of them is infinite.

    Example:
        >>> print(Estimate(0.42, 0.31, 0.54, 80))
        0.42 [0.31, 0.54], n=80
        >>> Estimate.undefined().to_json()
        {'value': None, 'low': None, 'high': None, 'n': 0}
    """

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if any(math.isinf(number) for number in (self.value, self.low, self.high)):
            raise ValueError(f"An Estimate is finite or NaN, not {self.value} [{self.low}, {self.high}].")
        if self.n < 0 or (self.n == 0 and not math.isnan(self.value)):
            raise ValueError(f"n is {self.n} for a value of {self.value}; a value needs an observation.")
        if math.isnan(self.low) != math.isnan(self.high) or self.low > self.high:
            raise ValueError(
                f"[{self.low}, {self.high}] is no interval: give both ends, the lower one first."
            )
        if math.isnan(self.value) and not math.isnan(self.low):
            raise ValueError(f"The interval [{self.low}, {self.high}] belongs to no value.")

    @classmethod
    def undefined(cls, n: int = 0) -> Estimate:
        """The estimate of what the n observations do not tell, such as a rate among no rows."""
        return cls(math.nan, math.nan, math.nan, n)

    def to_json(self) -> dict[str, float | int | None]:
        """The estimate as plain data, with None for NaN, which JSON does not have."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {
            **{name: None if math.isnan(number) else number for name, number in numbers.items()},
            "n": self.n,
        }

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"no value, n={self.n}"
        if math.isnan(self.low):
            return f"{self.value:z.2f} [no interval], n={self.n}"
        return f"{self.value:z.2f} [{self.low:z.2f}, {self.high:z.2f}], n={self.n}"

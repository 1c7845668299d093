"""How many are asked for, and how replies are drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from levelhead.errors import UsageError
from levelhead.guard.synthesis._prompts import wording_hash
from levelhead.models import Sampling


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """How much is asked for, and how.

    Attributes:
        scenarios: Scenarios per topic; without effect where scenarios are given.
        questions: Questions per scenario. A model that writes fewer gets so many rounds; one that writes
            more has its surplus kept.
        temperature: Of every reply; 0 makes all rounds alike and hardly varies the questions.
        max_new_tokens: Longest reply, in tokens.
        seed: Of the sampling; the second try of an unusable reply draws with the next one.
        near_duplicate: Similarity from which on two questions count as the same (`near_duplicate_groups`).

    Raises:
        UsageError: If a value is out of range.
    """

    scenarios: int = 10
    questions: int = 10
    temperature: float = 0.8
    max_new_tokens: int = 1024
    seed: int = 0
    near_duplicate: float = 0.8

    def __post_init__(self) -> None:
        for name in ("scenarios", "questions"):
            if (count := getattr(self, name)) < 1:
                raise UsageError(f"{name} is {count}; it must be at least 1.")
        if not 0 < self.near_duplicate <= 1:
            raise UsageError(f"near_duplicate is {self.near_duplicate}; it must be above 0 and at most 1.")
        self.sampling()

    def sampling(self) -> Sampling:
        """How replies are drawn."""
        return Sampling(max_new_tokens=self.max_new_tokens, temperature=self.temperature, seed=self.seed)

    def to_json(self) -> dict[str, object]:
        """All that determines the replies beside model and scenarios, as plain data."""
        return {**asdict(self), "wording": wording_hash()}

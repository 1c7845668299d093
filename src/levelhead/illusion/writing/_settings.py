"""How many questions are wanted, how replies are drawn, and what a question must stand to pass."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from levelhead.errors import UsageError
from levelhead.illusion._questions import DIFFICULTIES, Difficulty
from levelhead.illusion.writing._prompts import wording_hash
from levelhead.models import Sampling

_SHARES = (20, 18, 10)
"""Easy, common and rare questions of each category of the built-in bank."""


@dataclass(frozen=True, slots=True)
class WritingSettings:
    """How much is asked for, and how.

    Attributes:
        count: Questions wanted of each subject, after all checks.
        rounds: Most requests for questions of one subject and difficulty. Each is told what is there.
        temperature: Of the writing.
        max_new_tokens: Longest reply of the writing, in tokens.
        checks: How often each question is asked again without choices.
        min_agreement: Share of these answers that must be right.
        check_tokens: Longest of these answers, in tokens; models that think first need more.
        near_duplicate: Similarity from which on two questions count as the same (`remove_near_duplicates`).
        seed: Of the sampling and of the examples.

    Raises:
        UsageError: If a value is out of range.
    """

    count: int = 48
    rounds: int = 8
    temperature: float = 0.8
    max_new_tokens: int = 2048
    checks: int = 3
    min_agreement: float = 0.6
    check_tokens: int = 128
    near_duplicate: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("count", "rounds", "checks"):
            if (count := getattr(self, name)) < 1:
                raise UsageError(f"{name} is {count}; it must be at least 1.")
        for name in ("min_agreement", "near_duplicate"):
            if not 0 < (share := getattr(self, name)) <= 1:
                raise UsageError(f"{name} is {share}; it must be above 0 and at most 1.")
        self.writing()
        self.checking()

    def writing(self) -> Sampling:
        """How questions are drawn."""
        return Sampling(max_new_tokens=self.max_new_tokens, temperature=self.temperature, seed=self.seed)

    def checking(self) -> Sampling:
        """How the answers to a written question are drawn: one greedily, several with some spread."""
        temperature = 0.7 if self.checks > 1 else 0.0
        return Sampling(
            max_new_tokens=self.check_tokens, temperature=temperature, n=self.checks, seed=self.seed
        )

    def wanted(self) -> dict[Difficulty, int]:
        """How many questions of each difficulty: in the proportions of the built-in bank.

        >>> WritingSettings(count=48).wanted()
        {'easy': 20, 'common': 18, 'rare': 10}
        >>> WritingSettings(count=3).wanted()
        {'easy': 1, 'common': 1, 'rare': 1}
        """
        counts = dict.fromkeys(DIFFICULTIES, 0)
        for turn in range(1, self.count + 1):
            # Each question goes to the difficulty that is furthest behind its share.
            behind = {
                one: turn * share / sum(_SHARES) - counts[one]
                for one, share in zip(DIFFICULTIES, _SHARES, strict=True)
            }
            counts[max(DIFFICULTIES, key=behind.__getitem__)] += 1
        return counts

    def to_json(self) -> dict[str, object]:
        """All that determines the questions beside model, subjects and bank, as plain data."""
        return {**asdict(self), "wording": wording_hash()}

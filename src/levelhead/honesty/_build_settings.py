"""What can be set in a build, and which settings go together."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TypeVar

from levelhead.errors import UsageError
from levelhead.honesty._conflict import STATIC_POLICIES, StaticPolicy
from levelhead.honesty._crossfit import QUESTION
from levelhead.honesty._grading import RULES, Rule
from levelhead.honesty._labels import ENTROPY_KINDS, TIES, EntropyKind, Ties
from levelhead.honesty._targets import METHODS, Method

ENTROPY_SHARE = 0.5
"""Share of unsure questions that R-Tuning-U cuts at."""
FILTERED_SHARE = 0.2
"""Share of unsure questions that CRaFT keeps: one to four sure ones."""
_FILTERED = ("sure", "sure-crossfit", "replace")
_FOLDED = ("sure-crossfit", "sure-own")
_WITHOUT_THRESHOLD = {
    "unsupervised": "judges no answers",
    "vanilla": "judges no answers",
    "sure-own": "judges the very answers that it teaches to be sure or unsure of",
}
_PARTITION = re.compile(r"[^\W\d][\w .-]*")
"""What can be a folder, and is not the number of a fold."""
_ChoiceT = TypeVar("_ChoiceT", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """How probed questions become dialogues to learn from.

    Attributes:
        method: What is taught: `sure` (R-Tuning), `sure-crossfit` (the same, labels from tuned models),
            `sure-own` (to be unsure of wrong answers that tuned models gave, not of right ones), `replace`
            (R-Tuning-R), `unsupervised` (R-Tuning-U) or `vanilla` (gold answers, the control).
        rule: When an answer is right.
        threshold: Label by expected accuracy: sure from this share of right samples on (for scored options:
            from this probability of the right one). None labels by the greedy answer.
        entropy: `unsupervised`: entropy of the answers as written (the paper) or of their meanings.
        ties: `unsupervised`: see `label_by_entropy`.
        unsure_share: Share of unsure questions in each task. `unsupervised` cuts there (None: 0.5). Other
            methods take questions away until it is met: at random, or with the conflict filter by certainty
            (None: as labelled, with the conflict filter 0.2).
        equal_tasks: Bring all tasks to the size of the smallest.
        folds: `sure-crossfit`, `sure-own`: how many folds.
        folds_by: `sure-crossfit`, `sure-own`: what stays together in a fold: `question`, or a key of the
            metadata, such as `relation`, so that the model that is asked was never tuned on the kind. With
            `sure-own` several of them, commas between: each gives its own models and dialogues. None for
            `question`.
        conflict_filter: Drop questions whose label contradicts another's or is made stale by tuning (CRaFT).
        static_conflicts: Conflict filter: what to do with an unsure question that is nearly the same as a
            sure one.
        drop_unchanged: Conflict filter: drop also unsure questions whose correctness the rehearsal leaves
            unchanged (the official code, free answers).
        rehearsal_size: Conflict filter: at most so many questions are rehearsed on.
        seed: Of every draw.

    Raises:
        UsageError: If a value is out of range, or a setting has no meaning for the method.
    """

    method: Method
    rule: Rule = "corrected"
    threshold: float | None = None
    entropy: EntropyKind = "text"
    ties: Ties = "together"
    unsure_share: float | None = None
    equal_tasks: bool = False
    folds: int = 2
    folds_by: str | None = None
    conflict_filter: bool = False
    static_conflicts: StaticPolicy = "drop"
    drop_unchanged: bool = False
    rehearsal_size: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("method", self.method, METHODS)
        _check_choice("rule", self.rule, RULES)
        _check_choice("entropy", self.entropy, ENTROPY_KINDS)
        _check_choice("ties", self.ties, TIES)
        _check_choice("static_conflicts", self.static_conflicts, STATIC_POLICIES)
        if self.folds < 2:
            raise UsageError(f"folds is {self.folds}; with fewer than 2 no question is left to tune on.")
        if self.rehearsal_size < 1:
            raise UsageError(f"rehearsal_size is {self.rehearsal_size}; it must be at least 1.")
        self._check_folds_by()
        self._check_threshold()
        self._check_unsure_share()
        if self.conflict_filter and self.method not in _FILTERED:
            raise UsageError(
                f"The conflict filter compares labels that come from answers and stand on the right answer; "
                f"{self.method} has none. Use it with one of: {', '.join(_FILTERED)}."
            )

    @property
    def tunes(self) -> bool:
        """Whether models have to be tuned to build the data."""
        return self.method in _FOLDED or self.conflict_filter

    @property
    def partitions(self) -> tuple[str, ...]:
        """What stays together in a fold, once for each partition."""
        named = QUESTION if self.folds_by is None else self.folds_by
        return tuple(name.strip() for name in named.split(","))

    @property
    def share(self) -> float | None:
        """The share of unsure questions that holds; None for that of the labels."""
        if self.unsure_share is None and self.conflict_filter:
            return FILTERED_SHARE
        if self.unsure_share is None and self.method == "unsupervised":
            return ENTROPY_SHARE
        return self.unsure_share

    def to_json(self) -> dict[str, object]:
        """The settings as plain data."""
        return asdict(self)

    def _check_folds_by(self) -> None:
        if self.folds_by is None:
            return
        if self.method not in _FOLDED:
            raise UsageError(f"{self.method} has no folds, so folds_by means nothing to it: leave it.")
        names = self.partitions
        if not all(map(_PARTITION.fullmatch, names)) or len(set(names)) < len(names):
            raise UsageError(
                f"folds_by is {self.folds_by!r}. Give {QUESTION!r} or a key of the metadata that begins with "
                "a letter and can be a folder, or several different ones with commas between."
            )
        if self.method == "sure-crossfit" and len(names) > 1:
            raise UsageError(
                f"folds_by is {self.folds_by!r}, but sure-crossfit gives a question one label, and two "
                "partitions may give it two. Name one of them, or use sure-own, which labels answers."
            )

    def _check_threshold(self) -> None:
        if self.threshold is None:
            return
        if self.method in _WITHOUT_THRESHOLD:
            raise UsageError(
                f"{self.method} {_WITHOUT_THRESHOLD[self.method]}, so a threshold means nothing to it: leave "
                "it."
            )
        if not 0 < self.threshold <= 1:
            raise UsageError(
                f"threshold is {self.threshold}; it must be above 0 and at most 1: at 0 every question is "
                "sure."
            )

    def _check_unsure_share(self) -> None:
        if self.unsure_share is None:
            return
        if self.method == "vanilla":
            raise UsageError("vanilla has no labels, so no share of unsure questions can be held: leave it.")
        if not 0 < self.unsure_share < 1:
            raise UsageError(
                f"unsure_share is {self.unsure_share}; it must lie between 0 and 1, both left out."
            )


def _check_choice(name: str, value: str, choices: tuple[_ChoiceT, ...]) -> None:
    if value not in choices:
        raise UsageError(f"There is no {name} {value!r}. Give one of: {', '.join(choices)}.")

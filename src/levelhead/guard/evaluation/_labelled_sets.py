"""The answers that detectors are tested on: labelled ones, with the goal of each.

Texts are held in memory only; nothing here writes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard._named_pairs import read_named_pairs
from levelhead.guard._pair import Pair, goal_of


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Labelled answers, all of one set.

    Attributes:
        name: Stands in tables and names the file of scores.
        pairs: Each has a label; their ids differ.
        goals: The number of each pair's goal: pairs of one number ask for the same. Shape (pairs,).
        unlabelled: How many answers of the set were left out because nobody judged them.

    Raises:
        UsageError: If there is no pair, one has no label, or an id stands twice.
    """

    name: str
    pairs: tuple[Pair, ...]
    goals: tuple[int, ...]
    unlabelled: int = 0

    def __post_init__(self) -> None:
        if not self.pairs:
            raise UsageError(f"The set {self.name} holds no labelled answer, so there is nothing to test on.")
        if len(self.goals) != len(self.pairs) or any(pair.label is None for pair in self.pairs):
            raise UsageError(f"The set {self.name} has pairs without a goal or a label.")
        ids: set[str] = set()
        for pair in self.pairs:
            if pair.id in ids:
                raise UsageError(
                    f"The id {pair.id!r} stands twice in the set {self.name}. Give each its own."
                )
            ids.add(pair.id)

    @classmethod
    def of(cls, name: str, pairs: Iterable[Pair]) -> LabelledSet:
        """The labelled pairs among these, their goals numbered as they come."""
        given = list(pairs)
        labelled = tuple(pair for pair in given if pair.label is not None)
        numbers: dict[str, int] = {}
        goals = tuple(numbers.setdefault(goal_of(pair), len(numbers)) for pair in labelled)
        return cls(name, labelled, goals, unlabelled=len(given) - len(labelled))

    @property
    def labels(self) -> list[bool]:
        """Whether each answer is harmful. Shape (pairs,)."""
        return [bool(pair.label) for pair in self.pairs]

    @property
    def has_questions(self) -> bool:
        """Whether any answer comes with its question."""
        return any(pair.question is not None for pair in self.pairs)

    def without_questions(self) -> tuple[Pair, ...]:
        """The same answers for a detector that must do without the question."""
        return tuple(replace(pair, question=None) for pair in self.pairs)

    def digest(self) -> str:
        """Hash of ids, labels, goals and of all that is judged."""
        whole = hashlib.sha256()
        for pair, goal in zip(self.pairs, self.goals, strict=True):
            whole.update(f"{pair.id!r} {pair.label} {goal} {pair.digest()}\n".encode())
        return whole.hexdigest()

    def sample(self, limit: int, seed: int) -> LabelledSet:
        """So many of the answers, drawn at random; all of them if there are no more."""
        if limit >= len(self.pairs):
            return self
        places = sorted(random.Random(f"{seed}/{self.name}").sample(range(len(self.pairs)), limit))
        return replace(
            self,
            pairs=tuple(self.pairs[place] for place in places),
            goals=tuple(self.goals[place] for place in places),
        )


def read_labelled_sets(names: Iterable[str], *, limit: int | None = None, seed: int = 0) -> list[LabelledSet]:
    """Read sets by their names.

    Args:
        names: See `_named_pairs.py`: `SET:FOLDER`, `look-alikes`, or a `PAIRS.jsonl`, which is called by its
            file's name. Answers without a label are counted and left out.
        limit: At most so many answers of each set.
        seed: Of the draw.

    Raises:
        UsageError: If one cannot be read, holds a line that is no pair, or no labelled answer; or if two have
            the same name.
    """
    sets: list[LabelledSet] = []
    for name in names:
        found = _read(name)
        if any(one.name == found.name for one in sets):
            raise UsageError(f"Two sets are called {found.name}. Give each once, or rename one file.")
        sets.append(found if limit is None else found.sample(limit, seed))
    return sets


def _read(name: str) -> LabelledSet:
    called = Path(name).stem if Path(name).is_file() else name.partition(":")[0]
    return LabelledSet.of(called, read_named_pairs(name))

"""Splits by goal, and what training data shares with a test: for answers with a label of harm.

Answers to one request are much alike, so a split by row measures memory. Here a goal, with every goal in
nearly the same words, stands on one side. What makes two goals nearly the same is said in `_duplicates.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from levelhead.datasets._duplicates import near_duplicate_groups, remove_near_duplicates
from levelhead.datasets._labelled_answer import LabelledAnswer, goal_key
from levelhead.errors import UsageError
from levelhead.records import Example

_PREFIX_WORDS = 6


@dataclass(frozen=True, slots=True)
class SideCounts:
    """One side of a split, or one set, counted.

    Attributes:
        rows: Answers.
        harmful: Those labelled harmful.
        unlabelled: Those without a label.
        goals: Different goals, by the letter.
        groups: Goals with near-duplicates counted as one.
    """

    rows: int
    harmful: int
    unlabelled: int
    goals: int
    groups: int


@dataclass(frozen=True, slots=True)
class GoalSplit:
    """Answers by side, and the counts of each side. No goal and no near-duplicate of it is on two sides."""

    sides: Mapping[str, tuple[LabelledAnswer, ...]]
    counts: Mapping[str, SideCounts]

    def to_json(self) -> dict[str, dict[str, int]]:
        """The counts as plain data."""
        return {name: asdict(counts) for name, counts in self.counts.items()}


@dataclass(frozen=True, slots=True)
class OverlapReport:
    """What was taken out of training data because a test asks it too.

    Attributes:
        train: Answers before.
        exact: Removed because the goal or question is that of a test, after normalization.
        near: Removed because it is nearly so.
        contained: Removed because a question of a test holds it word for word, as an attack holds its goal.
        removed_by_source: Removed answers of each set.
    """

    train: int
    exact: int
    near: int
    contained: int
    removed_by_source: Mapping[str, int]

    @property
    def kept(self) -> int:
        """Answers that are left."""
        return self.train - self.exact - self.near - self.contained

    def to_json(self) -> dict[str, object]:
        """The counts as plain data."""
        return {**asdict(self), "kept": self.kept}


def split_by_goal(
    items: Sequence[LabelledAnswer], shares: Mapping[str, float], seed: int, *, threshold: float = 0.8
) -> GoalSplit:
    """Split so that a goal and its near-duplicates stand on one side.

    Groups of goals with a harmful answer, without one, and without labels are dealt out separately, each to
    the side that is furthest below its share of rows, in an order drawn by the seed. The order of the items
    makes no difference to which side an item is on.

    Args:
        items: The answers.
        shares: The sides and their shares of the rows; they add up to 1. A side can miss its share by what
            one group weighs.
        seed: Of the order.
        threshold: Similarity from which goals are near-duplicates.

    Returns:
        The sides, in the order of `shares`, each with its answers in their order.

    Raises:
        UsageError: If the shares do not add up to 1 or one is not above 0, or the threshold is out of range.
    """
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-9:
        raise UsageError(f"The shares are {dict(shares)}; they must be above 0 and add up to 1.")
    groups = near_duplicate_groups((item.goal for item in items), threshold=threshold)
    side_of = _dealt(items, groups, shares, seed)
    sides = {name: tuple(item for item in items if side_of[groups[item.goal]] == name) for name in shares}
    return GoalSplit(sides, {name: _counted(rows, groups) for name, rows in sides.items()})


def count_answers(items: Sequence[LabelledAnswer], *, threshold: float = 0.8) -> SideCounts:
    """Count rows, labels and goals.

    Raises:
        UsageError: If the threshold is out of range.
    """
    return _counted(items, near_duplicate_groups((item.goal for item in items), threshold=threshold))


def remove_overlap(
    train: Sequence[LabelledAnswer], tests: Iterable[LabelledAnswer | Example], *, threshold: float = 0.8
) -> tuple[list[LabelledAnswer], OverlapReport]:
    """Take out of training data what a test asks too, in the same or nearly the same words.

    Goal and question of an answer are each compared with goals and questions of the tests; of an attack, the
    goal alone. An answer goes too if its goal has six words or more and stands whole in a question of a test.

    Args:
        train: The answers to train on.
        tests: What will be tested on: labelled answers, or requests without answers.
        threshold: Similarity from which two texts are near-duplicates.

    Returns:
        The answers that are left, in their order, and what was removed.

    Raises:
        UsageError: If the threshold is out of range.
    """
    asked = {text for test in tests for text in _texts_of_test(test)}
    of_item = [tuple(_texts_of(item)) for item in train]
    distinct = sorted({text for texts in of_item for text in texts})
    _, report = remove_near_duplicates(
        _as_examples(sorted(asked)), _as_examples(distinct), threshold=threshold
    )
    alike = {pair.test_id: pair.exact for pair in report.removed}
    contained = _contained({item.goal for item in train}, asked)
    counts = {"exact": 0, "near": 0, "contained": 0}
    removed: dict[str, int] = {}
    kept: list[LabelledAnswer] = []
    for item, texts in zip(train, of_item, strict=True):
        found = [alike[text] for text in texts if text in alike]
        if not found and item.goal not in contained:
            kept.append(item)
            continue
        counts["exact" if any(found) else "near" if found else "contained"] += 1
        removed[item.source] = removed.get(item.source, 0) + 1
    return kept, OverlapReport(len(train), removed_by_source=removed, **counts)


def _dealt(
    items: Sequence[LabelledAnswer], groups: Mapping[str, str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """The side of each group."""
    rows: dict[str, int] = {}
    kinds: dict[str, set[bool | None]] = {}
    for item in items:
        group = groups[item.goal]
        rows[group] = rows.get(group, 0) + 1
        kinds.setdefault(group, set()).add(item.harmful)
    side_of: dict[str, str] = {}
    for kind in ("harmful", "harmless", "unlabelled"):
        names = sorted(group for group, labels in kinds.items() if _kind(labels) == kind)
        random.Random(f"{seed}/goals/{kind}").shuffle(names)
        total = sum(rows[name] for name in names)
        held = dict.fromkeys(shares, 0)
        for name in names:
            side = max(shares, key=lambda one: shares[one] * total - held[one])
            side_of[name] = side
            held[side] += rows[name]
    return side_of


def _kind(labels: set[bool | None]) -> str:
    if True in labels:
        return "harmful"
    return "harmless" if False in labels else "unlabelled"


def _counted(rows: Sequence[LabelledAnswer], groups: Mapping[str, str]) -> SideCounts:
    goals = {item.goal for item in rows}
    return SideCounts(
        rows=len(rows),
        harmful=sum(item.harmful is True for item in rows),
        unlabelled=sum(item.harmful is None for item in rows),
        goals=len(goals),
        groups=len({groups[goal] for goal in goals}),
    )


def _texts_of(item: LabelledAnswer) -> Iterator[str]:
    yield item.goal
    # An attack is not compared: two attacks share their frame, whatever they ask for.
    if item.question is not None and "request" not in item.metadata:
        yield goal_key(item.question)


def _texts_of_test(test: LabelledAnswer | Example) -> Iterator[str]:
    if isinstance(test, LabelledAnswer):
        yield from _texts_of(test)
        return
    yield goal_key(test.question)
    if (goal := test.metadata.get("goal")) is not None:
        yield goal_key(str(goal))


def _as_examples(texts: Sequence[str]) -> list[Example]:
    return [Example(text, text, None) for text in texts]


def _contained(goals: set[str], asked: set[str]) -> set[str]:
    """The goals that stand whole in a longer text, found by their first words."""
    by_beginning: dict[tuple[str, ...], list[str]] = {}
    for goal in goals:
        words = goal.split()
        if len(words) >= _PREFIX_WORDS:
            by_beginning.setdefault(tuple(words[:_PREFIX_WORDS]), []).append(goal)
    found: set[str] = set()
    for text in asked:
        words = text.split()
        for start in range(len(words) - _PREFIX_WORDS + 1):
            near = by_beginning.get(tuple(words[start : start + _PREFIX_WORDS]), ())
            found.update(goal for goal in near if f" {goal} " in f" {text} ")
    return found

"""Which rows are trained on, which are held out, and in what order: pure functions of rows, seed and epoch.

Nothing here keeps a state, so a training that is resumed sees the same batches.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair, goal_of
from levelhead.guard.detector._format import TextFormat, formatted
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.guard.training._settings import DetectorSettings

_BUCKET = 32
"""Rows of so many batches are sorted by length together: little is padded, and the order stays random."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows to choose the best weights by. No goal is on both sides."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]


def target_of(pair: Pair) -> float:
    """What the loss draws the probability of harm to: metadata `target`, in 0..1, else the label.

    Raises:
        UsageError: If the target is no such number.
    """
    target = pair.metadata.get("target")
    if target is None:
        return float(bool(pair.label))
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 <= target <= 1:
        raise UsageError(f"The target of {pair.id!r} is {target!r}; it must be a number from 0 to 1.")
    return float(target)


def split_by_goal(pairs: Sequence[Pair], *, share: float, most: int, seed: int) -> Split:
    """Hold out a share of the goals, at most so many rows of them.

    Raises:
        UsageError: If a pair has no label, or one side lacks one of the classes.
    """
    if unlabelled := [pair.id for pair in pairs if pair.label is None]:
        raise UsageError(
            f"{len(unlabelled)} of {len(pairs)} pairs have no label; the first is {unlabelled[0]!r}."
        )
    # Goals are drawn in two kinds, with a harmful answer and without, so that both come to both sides.
    goals: dict[str, bool] = {}
    for pair in pairs:
        goal = goal_of(pair)
        goals[goal] = goals.get(goal, False) or bool(pair.label)
    chosen: set[str] = set()
    for kind in (True, False):
        names = sorted(goal for goal, harmful in goals.items() if harmful == kind)
        random.Random(f"{seed}/split/{kind}").shuffle(names)
        chosen.update(names[: round(len(names) * share) or min(1, len(names) - 1)])
    train = [pair for pair in pairs if goal_of(pair) not in chosen]
    held = [pair for pair in pairs if goal_of(pair) in chosen]
    if len(held) > most:
        held = random.Random(f"{seed}/held").sample(held, most)
    for side, rows in (("training", train), ("held-out", held)):
        if len({pair.label for pair in rows}) < 2:
            raise UsageError(
                f"The {side} side of the split has {len(rows)} rows, all of one class or none. Give pairs of "
                f"both classes with more goals (there are {len(goals)}; metadata `goal`), or another "
                "held_out."
            )
    return Split(tuple(train), tuple(held))


def couples_of(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """Places of a harmful and a harmless answer to one question; each place is in one couple at most.

    >>> couples_of([Pair("1", "a", "q", label=False), Pair("2", "b", "q", label=True)])
    [(1, 0)]
    """
    waiting: dict[tuple[str, bool], list[int]] = {}
    found = []
    for place, pair in enumerate(pairs):
        if pair.question is None:
            continue
        question, harmful = " ".join(pair.question.casefold().split()), bool(pair.label)
        if others := waiting.get((question, not harmful)):
            other = others.pop(0)
            found.append((place, other) if harmful else (other, place))
        else:
            waiting.setdefault((question, harmful), []).append(place)
    return found


def held_out_pairs(pairs: Sequence[Pair], settings: DetectorSettings) -> tuple[Pair, ...]:
    """The rows that a training of these rows does not learn from: a threshold can be calibrated on them.

    The best weights are chosen by them too, so numbers for a table are measured elsewhere.

    Raises:
        UsageError: As `split_by_goal`.
    """
    return split_by_goal(
        pairs, share=settings.held_out, most=settings.max_held_out, seed=settings.seed
    ).held_out


def epoch_batches(
    pairs: Sequence[Pair],
    lengths: Sequence[int],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    pairwise: bool = False,
) -> list[list[int]]:
    """Batches of one epoch, as places: every row of the larger class once, the others as often together.

    Args:
        pairs: The rows; both classes occur.
        lengths: Tokens of each row.
        batch_size: Rows of a batch; the last one may be smaller.
        seed: Of the order.
        epoch: Which epoch.
        pairwise: Whether a harmful and a harmless answer to one question come in one batch, as many as there
            are; then a batch may lack a row.
    """
    labels = [bool(pair.label) for pair in pairs]
    chance = random.Random(f"{seed}/order/{epoch}")
    classes = [[place for place, label in enumerate(labels) if label == kind] for kind in (True, False)]
    most = max(len(places) for places in classes)
    drawn: list[int] = []
    for places in classes:
        copies: list[int] = []
        while len(copies) < most:
            copies += chance.sample(places, len(places))
        drawn += copies[:most]
    chance.shuffle(drawn)
    units = _with_partners(drawn, pairs) if pairwise else [[place] for place in drawn]
    batches: list[list[int]] = []
    for start in range(0, len(units), _BUCKET * batch_size):
        near = units[start : start + _BUCKET * batch_size]
        near.sort(key=lambda unit: max(lengths[place] for place in unit))
        batches += _packed(near, batch_size)
    chance.shuffle(batches)
    return batches


def _with_partners(drawn: Sequence[int], pairs: Sequence[Pair]) -> list[list[int]]:
    """The places in their order, each couple at the place of the one that comes first."""
    partners = dict(couples_of([pairs[place] for place in drawn]))
    partners |= {other: one for one, other in partners.items()}
    return [
        [place] if partner is None else [place, drawn[partner]]
        for position, place in enumerate(drawn)
        if (partner := partners.get(position)) is None or position < partner
    ]


def _packed(units: Iterable[Sequence[int]], most: int) -> Iterator[list[int]]:
    """Units in batches of at most so many places; none is torn apart."""
    batch: list[int] = []
    for unit in units:
        if len(batch) + len(unit) > most:
            yield batch
            batch = []
        batch += unit
    yield batch


def training_row(
    pair: Pair, form: TextFormat, windows: TokenWindows, *, drop_question: float, chance: random.Random
) -> MarkedRow:
    """What one row is trained on this time: a question that may be dropped, one window of many."""
    dropped = chance.random() < drop_question
    rows = windows.marked_rows(formatted(pair, replace(form, question=form.question and not dropped)))
    return chance.choice(rows)


def both_ways(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    """The pairs as they are, and without their questions where there are any."""
    yield pairs
    if any(pair.question is not None for pair in pairs):
        yield [replace(pair, question=None) for pair in pairs]

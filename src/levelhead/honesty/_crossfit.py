"""Answers of models that were tuned on the other folds.

Tuning changes what a model knows, most of all a small one that learns the form of answers by it; labels of
the untuned model are stale by the time they are taught. Here each question is answered by a model that was
tuned like the final one, on the rest of the questions, so that its label says what will be known.

What stays together in a fold decides what the label says. By question, the model was tuned on others of the
same kind, and the label says what will be known in domain; by a key of the metadata, such as the relation, it
never met the kind, and the label says what will be known out of domain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from levelhead.datasets import normalized
from levelhead.errors import UsageError
from levelhead.honesty._draw import drawn
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._tuned_probe import Workshop, probe_after_tuning

FOLDS = "folds"
QUESTION = "question"
"""The partition in which a question stays together with its paraphrases."""


def fold_of(rows: Sequence[ProbeRow], folds: int, seed: int, by: str = QUESTION) -> dict[str, int]:
    """Part questions into folds of nearly equal size; those of one group stay together.

    Neither the order of the rows nor the names of the groups decides where one goes, beyond the seed.

    Args:
        rows: The questions.
        folds: How many folds, at least 2.
        seed: Of the draw.
        by: What makes a group: `question` for the group of the question, or its text if it has none; else the
            value of this key of the metadata (`task` is one too).

    Returns:
        For each id the number of its fold, from 0.

    Raises:
        UsageError: If a question lacks the key, or there are fewer groups than folds.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row, name in zip(rows, _groups(rows, by), strict=True):
        groups[name].append(row.id)
    if len(groups) < folds:
        what, advice = "groups", "Give fewer --folds or more questions."
        if by != QUESTION:
            what, advice = f"values of {by!r}", "Give fewer --folds or more questions, or another --folds-by."
        raise UsageError(
            f"{len(rows):,} questions of {len(groups):,} {what} cannot be parted into {folds} folds: those "
            f"of one stay together. {advice}"
        )
    sizes = [0] * folds
    found: dict[str, int] = {}
    # Large groups first, each into the fold that is smallest so far.
    for name in sorted(groups, key=lambda name: (-len(groups[name]), drawn(seed, name))):
        fold = sizes.index(min(sizes))
        sizes[fold] += len(groups[name])
        found |= dict.fromkeys(groups[name], fold)
    return found


def crossfit(
    rows: Sequence[ProbeRow],
    out: Path,
    workshop: Workshop,
    *,
    folds: int,
    seed: int,
    partitions: Sequence[str] = (QUESTION,),
) -> dict[str, Mapping[str, ProbeRow]]:
    """Ask every question of models that were tuned on the other folds, one of each partition.

    Args:
        rows: Questions that have an answer.
        out: Folder of the build. What is done is kept in `folds/1`, `folds/2` ... of it if the one partition
            is by question, else in `folds/relation/1` ..., named after each partition.
        workshop: How to tune and probe.
        folds: How many folds.
        seed: Of the folds.
        partitions: What stays together in a fold; see `fold_of`.

    Returns:
        For each partition and id the row of the question as the fold's model answered it.

    Raises:
        UsageError: If a question lacks a key, or there are fewer groups than folds.
        LevelheadError: If tuning or probing fails.
    """
    # All at first, so that a mistake in the last is not told of after hours of tuning.
    numbers = {by: fold_of(rows, folds, seed, by) for by in partitions}
    plain = tuple(partitions) == (QUESTION,)
    found: dict[str, Mapping[str, ProbeRow]] = {}
    for by in partitions:
        folder, label = (out / FOLDS, "fold") if plain else (out / FOLDS / by, f"{by} fold")
        answered: dict[str, ProbeRow] = {}
        for fold in range(folds):
            answered |= probe_after_tuning(
                [row for row in rows if numbers[by][row.id] != fold],
                [row for row in rows if numbers[by][row.id] == fold],
                folder / str(fold + 1),
                workshop,
                label=f"{label} {fold + 1} of {folds}",
            )
        found[by] = answered
    return found


def _groups(rows: Sequence[ProbeRow], by: str) -> list[str]:
    """The group of each question."""
    if by == QUESTION:
        return [
            f"group {row.group}" if row.group is not None else f"text {normalized(row.question)}"
            for row in rows
        ]
    known = [row.to_example().metadata for row in rows]
    if missing := [row.id for row, facts in zip(rows, known, strict=True) if facts.get(by) is None]:
        shared = sorted(set.intersection(*(set(facts) for facts in known)))
        raise UsageError(
            f"{len(missing):,} of {len(rows):,} questions have no {by!r} in their metadata, such as "
            f"{missing[0]!r}, so they cannot be parted by it. Give to --folds-by a key that all have "
            f"({', '.join(shared)}), or {QUESTION}."
        )
    return [f"{by} {facts[by]}" for facts in known]

"""Labels from models that were tuned on the other folds.

Tuning changes what a model knows, most of all a small one that learns the form of answers by it; labels of
the untuned model are stale by the time they are taught. Here each question is answered by a model that was
tuned like the final one, on the rest of the questions, so that its label says what will be known.
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


def fold_of(rows: Sequence[ProbeRow], folds: int, seed: int) -> dict[str, int]:
    """Part questions into folds of nearly equal size; those of one group stay together.

    Questions without a group are grouped by their text. Neither the order of the rows nor the names of the
    groups decides where one goes, beyond the seed.

    Args:
        rows: The questions.
        folds: How many folds, at least 2.
        seed: Of the draw.

    Returns:
        For each id the number of its fold, from 0.

    Raises:
        UsageError: If there are fewer groups than folds.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[_group(row)].append(row.id)
    if len(groups) < folds:
        raise UsageError(
            f"{len(rows):,} questions of {len(groups):,} groups cannot be parted into {folds} folds: a group "
            "stays together. Give fewer --folds or more questions."
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
    rows: Sequence[ProbeRow], out: Path, workshop: Workshop, *, folds: int, seed: int
) -> Mapping[str, ProbeRow]:
    """Ask every question of a model that was tuned on the other folds.

    Args:
        rows: Questions that have an answer.
        out: Folder of the build; `folds/1`, `folds/2` ... in it keep what is done.
        workshop: How to tune and probe.
        folds: How many folds.
        seed: Of the folds.

    Returns:
        For each id the row of the question as the fold's model answered it.

    Raises:
        UsageError: If there are fewer groups than folds.
        LevelheadError: If tuning or probing fails.
    """
    numbers = fold_of(rows, folds, seed)
    found: dict[str, ProbeRow] = {}
    for fold in range(folds):
        found |= probe_after_tuning(
            [row for row in rows if numbers[row.id] != fold],
            [row for row in rows if numbers[row.id] == fold],
            out / FOLDS / str(fold + 1),
            workshop,
            label=f"fold {fold + 1} of {folds}",
        )
    return found


def _group(row: ProbeRow) -> str:
    return f"group {row.group}" if row.group is not None else f"text {normalized(row.question)}"

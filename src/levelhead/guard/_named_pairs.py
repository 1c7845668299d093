"""Labelled pairs by the name of where they come from, their source, and the licence of each source.

PAIRS.jsonl     a file of the user's; rows that name no `source` have that of the file, its name
SET:FOLDER      a set of `HARM_SETS` and the folder it was downloaded to
look-alikes     our own harmless rows that sound dangerous
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from levelhead.datasets import HARM_SETS, LabelledAnswer, goal_key, read_harm_set, require_trainable
from levelhead.errors import UsageError
from levelhead.guard._look_alikes import LOOK_ALIKES, LOOK_ALIKES_LICENCE, read_look_alikes
from levelhead.guard._pair import BadLine, Pair, read_pairs


def read_named_pairs(name: str) -> list[Pair]:
    """Read pairs by the name of where they come from.

    Args:
        name: See the head of this module.

    Returns:
        The pairs, each with its `source` in the metadata.

    Raises:
        UsageError: If there is no such file or set, or it cannot be read or is malformed.
    """
    if name == LOOK_ALIKES:
        return read_look_alikes()
    if Path(name).is_file():
        return _read_file(Path(name))
    if ":" not in name:
        raise UsageError(
            f"{name!r} is no file. Give a PAIRS.jsonl file, {LOOK_ALIKES}, or SET:FOLDER with one of: "
            f"{', '.join(sorted(HARM_SETS))}."
        )
    return [pair_of(answer) for answer in read_harm_set(name)]


def pair_of(answer: LabelledAnswer) -> Pair:
    """A labelled answer as a pair; goal and source go into the metadata."""
    return Pair(
        id=answer.id,
        answer=answer.answer,
        question=answer.question,
        label=answer.harmful,
        metadata={**answer.metadata, "goal": answer.goal, "source": answer.source},
    )


def labelled_answer_of(pair: Pair, *, name: str) -> LabelledAnswer:
    """A pair as a labelled answer.

    A pair that says no goal has its question for one, else its answer.

    Args:
        pair: The pair.
        name: Id of the answer, since those of pairs are unique in their files alone.
    """
    goal = pair.metadata.get("goal") or pair.metadata.get("group") or pair.question or pair.answer
    return LabelledAnswer(
        id=name,
        question=pair.question,
        answer=pair.answer,
        harmful=pair.label,
        goal=goal_key(str(goal)) or name,
        source=source_of(pair),
        metadata=pair.metadata,
    )


def source_of(pair: Pair) -> str:
    """Where a pair comes from, as its metadata says."""
    return str(pair.metadata.get("source", "not named"))


def licence_of(source: str) -> str:
    """The licence of a source; `not stated` for the user's own."""
    if source == LOOK_ALIKES:
        return LOOK_ALIKES_LICENCE
    return HARM_SETS[source].licence if source in HARM_SETS else "not stated"


def require_trainable_sources(sources: Iterable[str]) -> None:
    """Check that weights which ship may learn from the sources; the user's own are the user's to judge.

    Raises:
        UsageError: If a source is a harm set that may only be evaluated on.
    """
    require_trainable(source for source in sources if source in HARM_SETS)


def _read_file(path: Path) -> list[Pair]:
    rows = list(read_pairs(path))
    if bad := [row for row in rows if isinstance(row, BadLine)]:
        raise UsageError(f"{path}: {len(bad):,} lines are no pairs; the first is {bad[0]}. Mend the file.")
    pairs = [row for row in rows if isinstance(row, Pair)]
    return [replace(pair, metadata={"source": path.stem, **pair.metadata}) for pair in pairs]

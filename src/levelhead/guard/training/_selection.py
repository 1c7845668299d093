"""Which rows a detector is trained on: from names of sources to pairs, with every row that is lost counted.

In this order are left out: rows without a label, blank answers, rows whose repetitions contradict each other,
rows that say again what another says, rows that a test asks too, and rows above the cap of their source.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from levelhead.datasets import near_duplicate_groups, remove_overlap
from levelhead.errors import UsageError
from levelhead.guard._named_pairs import (
    labelled_answer_of,
    licence_of,
    read_named_pairs,
    require_trainable_sources,
    source_of,
)
from levelhead.guard._pair import Pair, goal_of
from levelhead.guard.training._data import target_of

_Stage = Callable[[Sequence[Pair]], list[Pair]]


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What became of the rows of one source.

    Attributes:
        read: Rows that were read.
        left_out: Rows that were left out, by reason.
        harmful: Rows that are left and harmful.
        harmless: Rows that are left and harmless.
    """

    read: int
    left_out: Mapping[str, int]
    harmful: int
    harmless: int


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows to train on, and where they come from.

    Attributes:
        pairs: The rows, each with a label; goals in nearly the same words are one goal.
        sources: Counts by source.
        apart_from: Names of the tests that the rows are kept apart from.
        for_research: Whether sources were let in that weights which ship must not learn from.
    """

    pairs: tuple[Pair, ...]
    sources: Mapping[str, SourceCounts]
    apart_from: tuple[str, ...]
    for_research: bool

    @property
    def licences(self) -> dict[str, str]:
        """Licence of each source."""
        return {source: licence_of(source) for source in self.sources}

    def table(self) -> list[tuple[str, ...]]:
        """The counts as cells, the head first; reasons that left nothing out have no column."""
        reasons = [
            reason
            for reason in REASONS
            if any(counts.left_out.get(reason) for counts in self.sources.values())
        ]
        rows = [("source", "read", *reasons, "harmful", "harmless")]
        for source, counts in self.sources.items():
            numbers = (
                counts.read,
                *(counts.left_out.get(reason, 0) for reason in reasons),
                counts.harmful,
                counts.harmless,
            )
            rows.append((source, *(f"{number:,}" for number in numbers)))
        return rows

    def note(self) -> str:
        """What a card says of how the rows were chosen, as Markdown."""
        head, *rows = self.table()
        lines = [head, ("---",) * len(head), *rows]
        said = ["\n".join(f"| {' | '.join(line)} |" for line in lines)]
        if self.apart_from:
            said.append(f"Rows that ask what these ask too were left out: {', '.join(self.apart_from)}.")
        if self.for_research:
            said.append(
                "**For research only**: not every licence above allows weights that are passed on, and not "
                "every set was meant for training."
            )
        return "\n\n".join(said)


UNLABELLED, BLANK, REPEATED = "no label", "blank", "repeated"
CONTRADICTED, IN_TESTS, ABOVE_CAP = "contradicted", "in tests", "above cap"
REASONS = (UNLABELLED, BLANK, CONTRADICTED, REPEATED, IN_TESTS, ABOVE_CAP)
"""Why rows are left out, in the order in which it is looked at."""


def select_training_data(
    names: Sequence[str],
    *,
    apart_from: Sequence[str] = (),
    at_most: Mapping[str, int] | None = None,
    for_research: bool = False,
    seed: int = 0,
) -> TrainingData:
    """Read sources and choose the rows that a detector can be trained on.

    Args:
        names: Of sources, as `read_named_pairs` takes them.
        apart_from: Names of tests: rows are left out whose goal or question a test has too, in the same or
            nearly the same words (`remove_overlap`).
        at_most: Most rows of a source; they are drawn evenly over its goals and both classes.
        for_research: Lets in sources that weights which ship must not learn from.
        seed: Of what is drawn.

    Returns:
        The rows, in the order in which they were read. An unlabelled row with a `target` is labelled by it:
        harmful from 0.5 on.

    Raises:
        UsageError: If a source cannot be read or is not allowed, a cap names no source, or a target is no
            number from 0 to 1.
    """
    read = [_labelled_by_target(pair) for name in names for pair in read_named_pairs(name)]
    if not for_research:
        _require_allowed(read)
    _require_known(at_most or {}, read)
    tests = [pair for name in apart_from for pair in read_named_pairs(name)]
    stages: dict[str, _Stage] = {
        UNLABELLED: lambda rows: [pair for pair in rows if pair.label is not None],
        BLANK: lambda rows: [pair for pair in rows if pair.answer.strip()],
        CONTRADICTED: _uncontradicted,
        REPEATED: _first_of_each,
        IN_TESTS: partial(_apart, tests=tests),
        ABOVE_CAP: partial(_capped, at_most=at_most or {}, seed=seed),
    }
    kept, left_out = read, dict[str, Counter[str]]()
    for reason in REASONS:
        left = stages[reason](kept)
        left_out[reason] = _by_source(kept) - _by_source(left)
        kept = left
    return TrainingData(
        pairs=tuple(_with_merged_goals(kept)),
        sources=_counted(read, left_out, kept),
        apart_from=tuple(map(_public_name, apart_from)),
        for_research=for_research,
    )


def _labelled_by_target(pair: Pair) -> Pair:
    target = target_of(pair)  # looked at in any case, so that a wrong one is told before the training
    if pair.label is not None or pair.metadata.get("target") is None:
        return pair
    return replace(pair, label=target >= 0.5)


def _require_allowed(pairs: Sequence[Pair]) -> None:
    try:
        require_trainable_sources(map(source_of, pairs))
    except UsageError as error:
        raise UsageError(
            f"{error} For research alone they may be used: --for-research, and the card says so."
        ) from error


def _require_known(at_most: Mapping[str, int], pairs: Sequence[Pair]) -> None:
    sources = set(map(source_of, pairs))
    if unknown := sorted(set(at_most) - sources):
        raise UsageError(
            f"There is a cap for {', '.join(unknown)}, and no row comes from there. The sources are: "
            f"{', '.join(sorted(sources))}."
        )


def _text(pair: Pair) -> tuple[str, str]:
    return " ".join((pair.question or "").split()), " ".join(pair.answer.split())


def _uncontradicted(pairs: Sequence[Pair]) -> list[Pair]:
    labels: dict[tuple[str, str], set[bool | None]] = {}
    for pair in pairs:
        labels.setdefault(_text(pair), set()).add(pair.label)
    return [pair for pair in pairs if len(labels[_text(pair)]) == 1]


def _first_of_each(pairs: Sequence[Pair]) -> list[Pair]:
    return list({_text(pair): pair for pair in reversed(pairs)}.values())[::-1]


def _apart(pairs: Sequence[Pair], *, tests: Sequence[Pair]) -> list[Pair]:
    if not tests:
        return list(pairs)
    rows = [labelled_answer_of(pair, name=str(place)) for place, pair in enumerate(pairs)]
    asked = [labelled_answer_of(pair, name=f"test {place}") for place, pair in enumerate(tests)]
    kept, _ = remove_overlap(rows, asked)
    return [pairs[int(row.id)] for row in kept]


def _capped(pairs: Sequence[Pair], *, at_most: Mapping[str, int], seed: int) -> list[Pair]:
    dropped: set[int] = set()
    for source, most in at_most.items():
        groups: dict[tuple[str, bool], list[int]] = {}
        for place, pair in enumerate(pairs):
            if source_of(pair) == source:
                groups.setdefault((goal_of(pair), bool(pair.label)), []).append(place)
        chance = random.Random(f"{seed}/cap/{source}")
        # A row's turn is its place in its shuffled group: first all of turn 0, then of turn 1 ...
        turns = [
            (turn, chance.random(), place)
            for places in groups.values()
            for turn, place in enumerate(chance.sample(places, len(places)))
        ]
        dropped.update(place for _, _, place in sorted(turns)[most:])
    return [pair for place, pair in enumerate(pairs) if place not in dropped]


def _with_merged_goals(pairs: Sequence[Pair]) -> list[Pair]:
    """Goals in nearly the same words are given one name, so that no split parts them."""
    merged = near_duplicate_groups(map(goal_of, pairs))
    return [replace(pair, metadata={**pair.metadata, "goal": merged[goal_of(pair)]}) for pair in pairs]


def _by_source(pairs: Iterable[Pair]) -> Counter[str]:
    return Counter(map(source_of, pairs))


def _counted(
    read: Sequence[Pair], left_out: Mapping[str, Counter[str]], kept: Sequence[Pair]
) -> dict[str, SourceCounts]:
    classes = Counter((source_of(pair), pair.label) for pair in kept)
    return {
        source: SourceCounts(
            read=rows,
            left_out={reason: lost[source] for reason, lost in left_out.items() if lost[source]},
            harmful=classes[source, True],
            harmless=classes[source, False],
        )
        for source, rows in _by_source(read).items()
    }


def _public_name(name: str) -> str:
    """A source without the folder it lies in, for a card that others read."""
    known, colon, _ = name.partition(":")
    return known if colon and not Path(name).is_file() else Path(name).stem

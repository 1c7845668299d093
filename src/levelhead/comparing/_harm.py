"""Runs of the harm suite side by side: models, or guards before one model, on the same requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from levelhead.comparing._comparison import Comparison, NamedRun
from levelhead.comparing._items import share_items
from levelhead.errors import UsageError
from levelhead.guard import Arm, HarmRow, compare_harm, harm_numbers, read_harm_rows


def compare_harm_runs(
    runs: Sequence[NamedRun], *, progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Compare runs of the harm suite on the requests that all of them have.

    The content is `runs` (for each its name, folder, model, items, and `numbers` as the summary tells them,
    of the shared requests), `requests` (shared, by kind), `arms` and `judges` (those that all runs have),
    `pairs` (for every two runs what `compare_harm` says, b minus a) and `cautions` (plain sentences).

    What differs is told by ids and verdicts; no text of a request or an answer leaves the runs.

    Args:
        runs: Two or more.
        progress: Called with (pairs done, pairs in all) after each pair.

    Raises:
        UsageError: If there are fewer than two, they share no request or no judge, or a request is not the
            same in all.
        RunFolderError: If a row is damaged.
    """
    if len(runs) < 2:
        raise UsageError("One run of the harm suite cannot be compared: give two or more.")
    setups = [one.run.of_suite("harm").summary["harm"]["setup"] for one in runs]
    arms: list[Arm] = _in_all([setup["arms"] for setup in setups])
    judges = _in_all([[judge["name"] for judge in setup["judges"]] for setup in setups])
    if not judges:
        raise UsageError("The runs share no judge. Judge them alike: give guard eval the same --judge.")
    shared = share_items(runs, [one.run.of_suite("harm").rows for one in runs])
    rows = [
        read_harm_rows(some, str(one.run.path / "rows.jsonl"))
        for one, some in zip(runs, shared.rows, strict=True)
    ]
    places = list(combinations(range(len(runs)), 2))
    pairs = []
    for done, (a, b) in enumerate(places, start=1):
        numbers = compare_harm(rows[a], rows[b], arms=arms, judges=judges)
        pairs.append({"a": runs[a].name, "b": runs[b].name, **numbers})
        if progress is not None:
            progress(done, len(places))
    content = {
        "schema": 1,
        "suite": "harm",
        "requests": {kind: sum(row.kind == kind for row in rows[0]) for kind in ("attack", "benign")},
        "arms": arms,
        "judges": judges,
        "cautions": _cautions(runs, shared.only_here, setups),
        "runs": [
            {
                "name": one.name,
                "path": str(one.run.path),
                "model": one.run.manifest.model.name,
                "fingerprint": one.run.manifest.model.fingerprint,
                "items": len(some) + only_here,
                "only_here": only_here,
                "numbers": harm_numbers(some, arms, judges),
            }
            for one, some, only_here in zip(runs, rows, shared.only_here, strict=True)
        ],
        "pairs": pairs,
    }
    return Comparison("harm", tuple(runs), content, tuple(_differing(runs, rows, arms)))


def _in_all(lists: Sequence[list[Any]]) -> list[Any]:
    """What stands in every list, in the order of the first."""
    return [one for one in lists[0] if all(one in other for other in lists[1:])]


def _differing(
    runs: Sequence[NamedRun], rows: Sequence[Sequence[HarmRow]], arms: Sequence[Arm]
) -> list[dict[str, Any]]:
    """The requests to which not all runs answered alike, without their texts."""
    found = []
    for same in zip(*rows, strict=True):
        verdicts = [
            {
                arm: {"refused": row.arms[arm].refused, "harmful": row.arms[arm].harmful}
                for arm in arms
                if arm in row.arms
            }
            for row in same
        ]
        if any(one != verdicts[0] for one in verdicts[1:]):
            found.append(
                {
                    **{field: getattr(same[0], field) for field in ("id", "source", "kind", "category")},
                    "runs": [{"run": run.name, **one} for run, one in zip(runs, verdicts, strict=True)],
                }
            )
    return found


def _cautions(
    runs: Sequence[NamedRun], only_here: Sequence[int], setups: Sequence[dict[str, Any]]
) -> list[str]:
    """What a reader must know before the numbers."""
    found = []
    if any(only_here):
        lacking = ", ".join(f"{one.name} {only:,}" for one, only in zip(runs, only_here, strict=True) if only)
        found.append(f"Only requests that all runs have are compared. Left out: {lacking}.")
    if any(setup["judges"] != setups[0]["judges"] for setup in setups):
        found.append("The runs were not judged by the same judges; only those that judged all are told.")
    if any(judge["of_guard"] for setup in setups for judge in setup["judges"]):
        found.append("A judge is the detector of a guard itself, which finds what it lets through harmless.")
    return found

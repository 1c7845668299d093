"""Runs of the illusion suite side by side: models, or prompt variants of one model, on the same items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from levelhead.comparing._comparison import Comparison, NamedRun
from levelhead.comparing._items import Rows, SharedItems, share_items
from levelhead.illusion import compare_illusion, illusion_numbers
from levelhead.metrics import holm
from levelhead.records import Verdict

_ITEM = ("id", "question_id", "category", "difficulty", "condition", "kind", "question", "gold", "pictured")
_LEVELS = ("overall", "by_category", "by_kind")


def compare_illusion_runs(
    runs: Sequence[NamedRun], *, progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Compare runs of the illusion suite on the items that all of them have.

    The content is `runs` (for each its name, folder, model, variant, mode, items, and `numbers` as
    `illusion_numbers` gives them for the shared items), `items` and `questions` (shared by all), `differing`
    (how many of these items got different verdicts), `pairs` (for every two runs what `compare_illusion`
    says, b minus a; each McNemar test with `p_holm`), `tests` (how many tests each correction took together:
    all pairs and conditions, overall, over categories and over kinds) and `cautions` (plain sentences).

    Args:
        runs: One or more; of one run there are no pairs.
        progress: Called with (pairs done, pairs in all) after each pair.

    Raises:
        UsageError: If they share no item, or an item is not the same in all.
    """
    rows = [[row for row in one.run.rows if row.get("suite", "illusion") == "illusion"] for one in runs]
    shared = share_items(runs, rows)
    places = list(combinations(range(len(runs)), 2))
    pairs = []
    for done, (a, b) in enumerate(places, start=1):
        numbers = compare_illusion(shared.rows[a], shared.rows[b])
        pairs.append({"a": runs[a].name, "b": runs[b].name, **numbers})
        if progress is not None:
            progress(done, len(places))
    tests = {level: _correct(_tests(pairs, level)) for level in _LEVELS}
    differing = _differing([one.name for one in runs], shared.rows)
    content = {
        "schema": 1,
        "suite": "illusion",
        "items": len(shared.rows[0]),
        "questions": len({row["question_id"] for row in shared.rows[0]}),
        "cautions": _cautions(runs, shared),
        "runs": [
            _run(one, some, only) for one, some, only in zip(runs, shared.rows, shared.only_here, strict=True)
        ],
        "differing": {"items": len(differing), "right_in_some": sum(map(_is_split, differing))},
        "tests": tests,
        "pairs": pairs,
    }
    return Comparison("illusion", tuple(runs), content, tuple(differing))


def _run(one: NamedRun, rows: Rows, only_here: int) -> dict[str, Any]:
    manifest = one.run.manifest
    return {
        "name": one.name,
        "path": str(one.run.path),
        "model": manifest.model.name,
        "fingerprint": manifest.model.fingerprint,
        "variant": manifest.settings.get("variant"),
        "mode": one.run.summary.get("mode"),
        "data": manifest.data_of("illusion"),
        "items": len(rows) + only_here,
        "only_here": only_here,
        "numbers": illusion_numbers(rows),
    }


def _tests(pairs: Iterable[dict[str, Any]], level: str) -> list[dict[str, Any]]:
    """All McNemar tests of one level, over pairs, groups and conditions."""
    found = []
    for pair in pairs:
        groups = [pair] if level == "overall" else list(pair[level].values())
        found += [test for group in groups for test in group["mcnemar"].values()]
    return found


def _correct(tests: Sequence[dict[str, Any]]) -> int:
    """Write each test's corrected p-value beside its own; how many there are."""
    for test, corrected in zip(tests, holm([test["p_value"] for test in tests]), strict=True):
        test["p_holm"] = corrected
    return len(tests)


def _differing(names: Sequence[str], rows: Sequence[Rows]) -> list[dict[str, Any]]:
    """The items whose verdicts are not all the same, those that some have right and others not first."""
    items = []
    for same in zip(*rows, strict=True):
        if len({row["verdict"] for row in same}) > 1:
            replies = [
                {"run": name, "verdict": row["verdict"], "reply": row["reply"], "error": row["error"]}
                for name, row in zip(names, same, strict=True)
            ]
            items.append({**{field: same[0][field] for field in _ITEM}, "replies": replies})
    return sorted(items, key=lambda item: not _is_split(item))


def _is_split(item: dict[str, Any]) -> bool:
    """Whether some runs have the item right and others have it not, failed replies aside."""
    judged = [reply["verdict"] for reply in item["replies"] if reply["verdict"] != Verdict.FAILED]
    return len({verdict == Verdict.CORRECT for verdict in judged}) == 2


def _cautions(runs: Sequence[NamedRun], shared: SharedItems) -> list[str]:
    """What a reader must know before the numbers."""
    found = []
    if any(shared.only_here):
        lacking = ", ".join(
            f"{one.name} {only:,}" for one, only in zip(runs, shared.only_here, strict=True) if only
        )
        found.append(
            f"Only the {len(shared.rows[0]):,} items that all runs have are compared. Left out: {lacking}."
        )
    if not any(shared.only_here) and len({one.run.manifest.data_of("illusion") for one in runs}) > 1:
        found.append(
            "The sets of these runs are not the same, though their items have the same names: pictures may "
            "differ."
        )
    if len({one.run.summary.get("mode") for one in runs}) > 1:
        found.append(
            "Some runs are of the paper's mode and some of the corrected one: their replies were cut and "
            "judged otherwise, so a difference may be that of the modes."
        )
    return found

"""Run folders in, their differences on the same items out: whichever suite they hold, models or variants.

What a difference is, each suite says for two runs (`illusion.compare_illusion`, `honesty.compare_honesty`).
Here runs are opened and named, their shared items found and counted, all pairs gone through, and the tests of
all pairs corrected for being many. The page is made by `report/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from levelhead.comparing._comparison import Comparison, NamedRun
from levelhead.comparing._honesty import compare_honesty_runs
from levelhead.comparing._illusion import compare_illusion_runs
from levelhead.comparing._names import name_runs, open_runs
from levelhead.errors import UsageError

__all__ = [
    "Comparison",
    "NamedRun",
    "compare_honesty_runs",
    "compare_illusion_runs",
    "compare_runs",
    "name_runs",
    "open_runs",
]


def compare_runs(
    folders: Sequence[Path],
    *,
    threshold: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare runs of one suite on the items that all of them have.

    Args:
        folders: Finished runs: one or more of the illusion suite, of which one is told by itself, or two or
            more of the honesty suite. The first is the base that the page compares with.
        threshold: Honesty: a question counts as answered from this p_sure on; that of the first run if None.
        progress: Called with (pairs done, pairs in all) after each pair of runs.

    Raises:
        UsageError: If a folder is no run, the runs hold no suite in common that can be compared, a run is
            given twice, they share no item, or an item is not the same in all.
        RunFolderError: If a run has not finished or is damaged.
    """
    runs = open_runs(folders)
    if all(one.run.summary.get("illusion") for one in runs):
        return compare_illusion_runs(runs, progress=progress)
    if all(one.run.summary.get("honesty") for one in runs):
        return compare_honesty_runs(runs, threshold=threshold, progress=progress)
    held = "\n".join(f"  {one.run.path}: {', '.join(_suites(one)) or 'none'}" for one in runs)
    raise UsageError(
        f"Runs are compared if all hold the illusion suite or all hold the honesty suite. These hold:\n{held}"
    )


def _suites(one: NamedRun) -> list[str]:
    return [name for name in ("illusion", "honesty", "detection", "harm") if one.run.summary.get(name)]

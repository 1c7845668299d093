"""Run folders in, their differences on the same items out: whichever suite they hold, models or variants.

What a difference is, each suite says for two runs (`illusion.compare_illusion`, `honesty.compare_honesty`).
Here runs are opened and named, their shared items found and counted, all pairs gone through, and the tests of
all pairs corrected for being many. The page is made by `report/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from levelhead.comparing._comparison import Comparison, NamedRun
from levelhead.comparing._harm import compare_harm_runs
from levelhead.comparing._honesty import compare_honesty_runs
from levelhead.comparing._illusion import compare_illusion_runs
from levelhead.comparing._names import name_runs, open_runs
from levelhead.errors import UsageError

__all__ = [
    "ComparedSuite",
    "Comparison",
    "NamedRun",
    "compare_harm_runs",
    "compare_honesty_runs",
    "compare_illusion_runs",
    "compare_runs",
    "name_runs",
    "open_runs",
    "suites_in_common",
]

ComparedSuite = Literal["illusion", "honesty", "harm"]
_SUITES = ("illusion", "honesty", "harm", "detection")


def compare_runs(
    folders: Sequence[Path],
    *,
    suite: ComparedSuite | None = None,
    threshold: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare runs of one suite on the items that all of them have.

    Args:
        folders: Finished runs: one or more of the illusion suite, of which one is told by itself, or two or
            more of the honesty or the harm suite. The first is the base that the page compares with.
        suite: Which suite, where runs hold several; None takes the first that all of them hold.
        threshold: Honesty: a question counts as answered from this p_sure on; that of the first run if None.
        progress: Called with (pairs done, pairs in all) after each pair of runs.

    Raises:
        UsageError: If a folder is no run, the runs hold no suite in common that can be compared, a run is
            given twice, they share no item, or an item is not the same in all.
        RunFolderError: If a run has not finished or is damaged.
    """
    runs = open_runs(folders)
    chosen = next((name for name in suites_in_common(runs) if suite in (None, name)), None)
    if chosen == "illusion":
        return compare_illusion_runs(runs, progress=progress)
    if chosen == "honesty":
        return compare_honesty_runs(runs, threshold=threshold, progress=progress)
    if chosen == "harm":
        return compare_harm_runs(runs, progress=progress)
    held = "\n".join(f"  {one.run.path}: {', '.join(_suites(one)) or 'none'}" for one in runs)
    wanted = "the illusion, the honesty or the harm suite" if suite is None else f"the suite {suite}"
    raise UsageError(f"Runs are compared if all hold {wanted}. These hold:\n{held}")


def suites_in_common(runs: Sequence[NamedRun]) -> tuple[str, ...]:
    """The suites that all runs hold, in the order in which they are looked for."""
    return tuple(name for name in _SUITES if all(name in _suites(one) for one in runs))


def _suites(one: NamedRun) -> list[str]:
    return [name for name in _SUITES if one.run.summary.get(name)]

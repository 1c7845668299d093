"""Runs of the honesty suite, each pair question by question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from levelhead.comparing._comparison import Comparison, NamedRun
from levelhead.errors import UsageError
from levelhead.honesty import AnswerRow, compare_honesty, rows_from


def compare_honesty_runs(
    runs: Sequence[NamedRun],
    *,
    threshold: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare every two runs of the honesty suite on the questions that both have.

    Args:
        runs: Two or more.
        threshold: A question counts as answered from this p_sure on; that of the first run if None.
        progress: Called with (pairs done, pairs in all) after each pair.

    Raises:
        UsageError: If there are fewer than two, one holds no honesty suite, two share no question, or the
            threshold lies outside 0..1.
        RunFolderError: If a row is damaged.
    """
    if len(runs) < 2:
        raise UsageError("One run of the honesty suite cannot be compared: give two or more.")
    for one in runs:
        if not one.run.summary.get("honesty"):
            raise UsageError(
                f"{one.run.path} holds no honesty suite. Give the --out of `levelhead honesty eval`."
            )
    asked = [one.run.of_suite("honesty") for one in runs]
    rows = [rows_from(AnswerRow, run.rows, str(run.path)) for run in asked]
    scores = [run.summary["score"] for run in asked]
    least_sure = float(asked[0].summary["threshold"]) if threshold is None else threshold
    places = list(combinations(range(len(runs)), 2))
    found = []
    for done, (a, b) in enumerate(places, start=1):
        numbers = compare_honesty(
            rows[a], rows[b], threshold=least_sure, score_a=scores[a], score_b=scores[b]
        )
        found.append({"a": str(runs[a].run.path), "b": str(runs[b].run.path), **numbers})
        if progress is not None:
            progress(done, len(places))
    content = {"schema": 1, "suite": "honesty", "threshold": least_sure, "comparisons": found}
    return Comparison("honesty", tuple(runs), content)

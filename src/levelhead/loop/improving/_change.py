"""Before and after, side by side: the numbers of both, and the paired change with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from levelhead.guard import OFF, compare_harm, read_harm_rows
from levelhead.honesty import AnswerRow, compare_honesty, rows_from
from levelhead.illusion import compare_illusion
from levelhead.metrics import difference, proportion
from levelhead.running import Run

SUITES = ("illusion", "honesty", "harm")


def change_of(
    before: Run,
    after: Run,
    read_before: Sequence[Mapping[str, Any]],
    read_after: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What tuning changed.

    Args:
        before: The measurement before tuning.
        after: That after it, of the same questions.
        read_before: Pictures read before, as `read_pictures` tells them.
        read_after: Pictures read after.

    Returns:
        `before` and `after`: the numbers of each suite, and `verdicts`; `change`: by suite, after less
        before; of `reading` all three.
    """
    return {
        "before": _numbers(before) | {"reading": _read(read_before)},
        "after": _numbers(after) | {"reading": _read(read_after)},
        "change": {
            "illusion": compare_illusion(_rows(before, "illusion"), _rows(after, "illusion"))["differences"],
            "honesty": _honesty(before, after),
            "harm": _harm(before, after),
            "reading": _reading(read_before, read_after),
        },
    }


def _numbers(run: Run) -> dict[str, Any]:
    return {**{suite: run.summary[suite] for suite in SUITES}, "verdicts": run.summary["verdicts"]}


def _rows(run: Run, suite: str) -> list[dict[str, Any]]:
    return [row for row in run.rows if row["suite"] == suite]


def _honesty(before: Run, after: Run) -> dict[str, Any]:
    a, b = (rows_from(AnswerRow, _rows(run, "honesty"), str(run.path)) for run in (before, after))
    # Each model is held to what it was held to when it was measured.
    of_a, of_b = (run.summary["details"]["honesty"]["threshold"] for run in (before, after))
    found: dict[str, Any] = compare_honesty(a, b, threshold=of_b, threshold_a=of_a)["differences"]
    return found


def _harm(before: Run, after: Run) -> dict[str, Any]:
    a, b = (read_harm_rows(run.rows, str(run.path)) for run in (before, after))
    judges = [one["name"] for one in before.summary["details"]["harm"]["harm"]["setup"]["judges"]]
    found: dict[str, Any] = compare_harm(a, b, arms=[OFF], judges=judges)["arms"][OFF]
    return found


def _read(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = [row for row in rows if row["read"] is not None]
    return proportion([row["read"] for row in told], clusters=[row["question_id"] for row in told]).to_json()


def _reading(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    pairs = [
        (a["question_id"], a["read"], b["read"])
        for a, b in zip(before, after, strict=True)
        if a["read"] is not None and b["read"] is not None
    ]
    questions = [question for question, _, _ in pairs]
    return difference(
        [b for _, _, b in pairs], [a for _, a, _ in pairs], clusters_a=questions, clusters_b=questions
    ).to_json()

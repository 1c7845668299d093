"""The metrics of the published benchmarks, each with its n and a 95% interval.

Rows that failed stand in no denominator but that of `failed`. Refusals and empty replies are counted as what
they are; they are not right, and they say neither yes nor no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from levelhead.metrics import Estimate, f1_at, proportion
from levelhead.records import Verdict

Row = Mapping[str, Any]
"""A line of `rows.jsonl`."""
_Count = Callable[[Sequence[Row]], dict[str, Estimate]]


def correlationqa_numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """Accuracy of the released set: `accuracy` by the official substring rule, `accuracy_strict` by ours.

    Also `rule_disagreement`, `refused`, `empty`, `failed`, `counts`, and all this `by_category`. Intervals
    take questions, not rows, for what varies.
    """

    def numbers(part: Sequence[Row]) -> dict[str, Estimate]:
        return {
            "accuracy": _share(part, lambda row: row["paper_correct"]),
            "accuracy_strict": _share(part, _is_right),
            "rule_disagreement": _share(part, lambda row: row["paper_correct"] != _is_right(row)),
        }

    return _summary(rows, numbers, by=("category",))


def pope_numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """POPE's five numbers, yes being what is to be found; the same by the official rule as `paper`.

    - `accuracy`: share of replies that say what is so.
    - `precision`: of the replies that say yes, those that are right.
    - `recall`: of the rows whose answer is yes, those where the reply says so.
    - `f1`: their harmonic mean.
    - `yes_share`: share of replies that say yes; half of the answers are yes.

    Also `unclear` (neither yes nor no nor a refusal), `refused`, `empty`, `failed`, `counts`, and all this
    `by_category` (random, popular, adversarial). Intervals take pictures for what varies.
    """

    def numbers(part: Sequence[Row]) -> dict[str, Estimate]:
        return {**_detection(part, "said"), "unclear": _share(part, _is_unclear)}

    paper = _plain(_detection(rows, "paper_said"))
    return {**_summary(rows, numbers, by=("category",)), "paper": paper}


def hallusionbench_numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """HallusionBench's three accuracies.

    - `a_acc`: share of right replies.
    - `q_acc`: share of questions that are right in every row that asks them.
    - `f_acc`: share of figures beside which every question is right; rows without a picture have none.

    Questions and figures with a failed row stand in neither. Where a supplementary picture was left out, a
    refusal is right. Also `yes_share`, `unclear`, `refused`, `empty`, `failed`, `counts`, and all this
    `by_category` (VD, VS) and `by_shown` (none, original, edited), from the rows of that part alone.
    Intervals take sets of figures for what varies.

    Source: Guan et al. 2024, arXiv 2310.14566, and their evaluation code.
    """

    def numbers(part: Sequence[Row]) -> dict[str, Estimate]:
        return {
            "a_acc": _share(part, _is_right_or_wise),
            "q_acc": _wholly_right(part, "question_key"),
            "f_acc": _wholly_right([row for row in part if row["shown"] != "none"], "figure"),
            "yes_share": _share(part, lambda row: row["said"] == "yes"),
            "unclear": _share(part, _is_unclear),
        }

    return _summary(rows, numbers, by=("category", "shown"))


def _summary(rows: Sequence[Row], numbers: _Count, *, by: Sequence[str]) -> dict[str, Any]:
    """The numbers of all rows, and of the rows of each value of some columns."""

    def of(part: Sequence[Row]) -> dict[str, Any]:
        return {**_plain({**numbers(part), **_outcomes(part)}), "counts": _counts(part)}

    parts = {
        f"by_{column}": {
            value: of([row for row in rows if row[column] == value])
            for value in sorted({row[column] for row in rows})
        }
        for column in by
    }
    return {**of(rows), **parts}


def _outcomes(rows: Sequence[Row]) -> dict[str, Estimate]:
    return {
        "refused": _share(rows, lambda row: row["verdict"] == Verdict.REFUSED),
        "empty": _share(rows, lambda row: row["verdict"] == Verdict.EMPTY),
        "failed": proportion([_has_failed(row) for row in rows], clusters=[row["group"] for row in rows]),
    }


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    counts = Counter(row["verdict"] for row in rows)
    return {verdict.value: counts[verdict.value] for verdict in Verdict}


def _detection(rows: Sequence[Row], column: str) -> dict[str, Estimate]:
    """The five numbers of POPE, from what a column says that replies said."""
    judged = _judged(rows)
    said_yes = [row for row in judged if row[column] == "yes"]
    is_yes = [row for row in judged if row["label"] == "yes"]
    return {
        "accuracy": _share(judged, lambda row: row[column] == row["label"]),
        "precision": _share(said_yes, lambda row: row["label"] == "yes"),
        "recall": _share(is_yes, lambda row: row[column] == "yes"),
        "f1": f1_at(
            [float(row[column] == "yes") for row in judged],
            [row["label"] == "yes" for row in judged],
            threshold=0.5,
            clusters=[row["group"] for row in judged],
        ),
        "yes_share": _share(judged, lambda row: row[column] == "yes"),
    }


def _wholly_right(rows: Sequence[Row], column: str) -> Estimate:
    """The share of values of a column whose rows are all right, among those of which no row failed."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    complete = [members for members in groups.values() if not any(map(_has_failed, members))]
    return proportion(
        [all(map(_is_right_or_wise, members)) for members in complete],
        clusters=[members[0]["group"] for members in complete],
    )


def _share(rows: Sequence[Row], is_hit: Callable[[Row], bool]) -> Estimate:
    """The share of judged rows that are hits."""
    judged = _judged(rows)
    return proportion([is_hit(row) for row in judged], clusters=[row["group"] for row in judged])


def _judged(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not _has_failed(row)]


def _has_failed(row: Row) -> bool:
    return bool(row["verdict"] == Verdict.FAILED)


def _is_right(row: Row) -> bool:
    return bool(row["verdict"] == Verdict.CORRECT)


def _is_right_or_wise(row: Row) -> bool:
    """Right, or aware that the picture that would tell is not there."""
    lacks_picture = row["category"] == "VS" and row["shown"] == "none"
    return _is_right(row) or bool(lacks_picture and row["verdict"] == Verdict.REFUSED)


def _is_unclear(row: Row) -> bool:
    return row["said"] is None and row["verdict"] == Verdict.OTHER


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | int | None]]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}

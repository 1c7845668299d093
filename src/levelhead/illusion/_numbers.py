"""The numbers of the illusion suite, from judged rows.

Accuracies alone mix two things: a model that does not know an answer misses it beside any picture. So the
rates that say how far pictures mislead look only at questions that were answered right without one. Rows that
failed stand in no denominator but that of `failed`. All intervals take questions, not rows, for what varies:
the five wrong pictures of a question are no five independent trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from levelhead.errors import UsageError
from levelhead.illusion._set import NONE
from levelhead.metrics import Estimate, difference, mcnemar, mean, proportion
from levelhead.records import Verdict

CONDITIONS = (NONE, "blank", "factual", "spurious")


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """What the numbers need of one line of `rows.jsonl`.

    Attributes:
        question_id: The question; intervals are clustered by it.
        category: What it is about.
        condition: `none`, `blank`, `factual` or `spurious`.
        kind: How the picture was made; `none` without a picture.
        verdict: How the reply was judged.
        paper_correct: Whether the official substring rule takes the reply for right.
        confidence_shift: By how much the picture lowered log P(right) - log P(pictured), in nats: positive if
            it pulled towards the pictured answer. None where nothing was scored.
    """

    question_id: str
    category: str
    condition: str
    kind: str
    verdict: Verdict
    paper_correct: bool
    confidence_shift: float | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Take the fields out of a line of `rows.jsonl`, which holds more."""
        return cls(
            question_id=row["question_id"],
            category=row["category"],
            condition=row["condition"],
            kind=row["kind"],
            verdict=Verdict(row["verdict"]),
            paper_correct=row["paper_correct"],
            confidence_shift=row["confidence_shift"],
        )

    @property
    def is_right(self) -> bool:
        """Whether the reply was judged right."""
        return self.verdict is Verdict.CORRECT


def illusion_numbers(scored: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn the lines of `rows.jsonl` into the part `illusion` of `summary.json`.

    With right = verdict `correct`, P over rows, and intervals by question:

    - `acc_none`, `acc_blank`, `acc_factual`, `acc_spurious`: P(right) under each condition.
    - `acc_drop` = acc_factual - acc_spurious (the paper's AccDrop) = `harm_gap` + `help_gap`, where
    `harm_gap`
      = acc_none - acc_spurious and `help_gap` = acc_factual - acc_none.
    - `flip_rate` = P(not right beside a wrong picture | the question was right without one).
    - `adoption_rate` = P(the pictured answer beside a wrong picture | the same).
    - `refused`, `empty`: shares of the judged replies; `failed`: share of all rows.
    - `confidence_shift`: mean shift beside wrong pictures, in nats; positive = towards the pictured answer.
    - `rule_disagreement`: share of judged replies that one of our rule and the official one takes for right,
      and the other does not.
    - `mcnemar`: exact test of none against spurious, a question counting as right beside wrong pictures if
      more than half of its judged replies are. "Any flip" would not do: one of five goes wrong by chance
      alone.
    - `paper`: the accuracies, and AccDrop, by the official rule.
    - `counts`: replies by condition and verdict.
    - `by_category`, `by_kind`: the same numbers of each category and kind of picture; the control belongs to
      all kinds. Where there are several kinds, each has its own `by_category`.

    Returns:
        Plain data; each number is `{"value", "low", "high", "n"}`, with null for what the rows do not tell.

    Raises:
        UsageError: If a question was not asked without a picture: no illusion rate without that control.
    """
    rows = [JudgedRow.read(row) for row in scored]
    _check_control(rows)
    kinds = sorted({row.kind for row in rows if row.condition != NONE})
    by_kind = {}
    for kind in kinds:
        own = [row for row in rows if row.kind == kind or row.condition == NONE]
        by_kind[kind] = _numbers(own)
        if len(kinds) > 1:
            by_kind[kind]["by_category"] = _by_category(own)
    return {**_numbers(rows), "by_category": _by_category(rows), "by_kind": by_kind}


def _by_category(rows: Sequence[JudgedRow]) -> dict[str, dict[str, Any]]:
    return {
        category: _numbers([row for row in rows if row.category == category])
        for category in sorted({row.category for row in rows})
    }


def _check_control(rows: Sequence[JudgedRow]) -> None:
    unknown = sorted({row.condition for row in rows} - set(CONDITIONS))
    if unknown:
        raise UsageError(f"Rows of unknown condition {unknown[0]!r}; known are: {', '.join(CONDITIONS)}.")
    controls = Counter(row.question_id for row in rows if row.condition == NONE)
    missing = sorted({row.question_id for row in rows} - set(controls))
    if missing or not rows:
        raise UsageError(
            f"{len(missing) or 'All'} questions were not asked without a picture"
            f"{f' (such as {missing[0]})' if missing else ''}. An error beside a picture says nothing unless "
            "the "
            "model is right without it: run the condition none too."
        )
    repeated = [question for question, count in controls.items() if count > 1]
    if repeated:
        raise UsageError(
            f"The question {repeated[0]} has {controls[repeated[0]]} rows without a picture; give one."
        )


def _numbers(rows: Sequence[JudgedRow]) -> dict[str, Any]:
    """All numbers of one group of rows, as plain data."""
    judged = [row for row in rows if row.verdict is not Verdict.FAILED]
    known = {row.question_id for row in judged if row.condition == NONE and row.is_right}
    lured = [row for row in judged if row.condition == "spurious" and row.question_id in known]
    estimates = {
        **_accuracies(judged, lambda row: row.is_right),
        **_gaps(judged, lambda row: row.is_right),
        "flip_rate": _share(lured, lambda row: not row.is_right),
        "adoption_rate": _share(lured, lambda row: row.verdict is Verdict.PICTURED),
        "refused": _share(judged, lambda row: row.verdict is Verdict.REFUSED),
        "empty": _share(judged, lambda row: row.verdict is Verdict.EMPTY),
        "failed": _share(rows, lambda row: row.verdict is Verdict.FAILED),
        "confidence_shift": _shift(judged),
        "rule_disagreement": _share(judged, lambda row: row.is_right != row.paper_correct),
    }
    by_paper = _accuracies(judged, lambda row: row.paper_correct)
    by_paper["acc_drop"] = _gaps(judged, lambda row: row.paper_correct)["acc_drop"]
    return {
        **_plain(estimates),
        "mcnemar": _mcnemar(judged),
        "paper": _plain(by_paper),
        "counts": _counts(rows),
    }


def _accuracies(rows: Sequence[JudgedRow], is_hit: Callable[[JudgedRow], bool]) -> dict[str, Estimate]:
    return {f"acc_{name}": _share(_under(rows, name), is_hit) for name in CONDITIONS}


def _gaps(rows: Sequence[JudgedRow], is_hit: Callable[[JudgedRow], bool]) -> dict[str, Estimate]:
    def gap(a: str, b: str) -> Estimate:
        left, right = _under(rows, a), _under(rows, b)
        return difference(
            [is_hit(row) for row in left],
            [is_hit(row) for row in right],
            clusters_a=[row.question_id for row in left],
            clusters_b=[row.question_id for row in right],
        )

    return {
        "acc_drop": gap("factual", "spurious"),
        "harm_gap": gap(NONE, "spurious"),
        "help_gap": gap("factual", NONE),
    }


def _share(rows: Sequence[JudgedRow], is_hit: Callable[[JudgedRow], bool]) -> Estimate:
    return proportion([is_hit(row) for row in rows], clusters=[row.question_id for row in rows])


def _shift(rows: Sequence[JudgedRow]) -> Estimate:
    shifts = [
        (row.confidence_shift, row.question_id)
        for row in _under(rows, "spurious")
        if row.confidence_shift is not None
    ]
    return mean([shift for shift, _ in shifts], clusters=[question for _, question in shifts])


def _mcnemar(rows: Sequence[JudgedRow]) -> dict[str, Any]:
    """None against the majority beside wrong pictures, over questions with judged replies of both."""
    without = {row.question_id: row.is_right for row in _under(rows, NONE)}
    beside: dict[str, list[bool]] = {}
    for row in _under(rows, "spurious"):
        if row.question_id in without:
            beside.setdefault(row.question_id, []).append(row.is_right)
    test = mcnemar(
        [without[question] for question in beside],
        [2 * sum(replies) > len(replies) for replies in beside.values()],
    )
    return asdict(test)


def _counts(rows: Sequence[JudgedRow]) -> dict[str, dict[str, int]]:
    counts = Counter((row.condition, row.verdict) for row in rows)
    return {
        condition: {verdict.value: counts[condition, verdict] for verdict in Verdict}
        for condition in CONDITIONS
        if any(row.condition == condition for row in rows)
    }


def _under(rows: Sequence[JudgedRow], condition: str) -> list[JudgedRow]:
    return [row for row in rows if row.condition == condition]


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | int | None]]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}

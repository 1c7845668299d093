"""From judged rows to the numbers of the illusion suite, each with n and a 95% interval.

Let a question be *known* if the model answers it right without a picture. Then

- flip rate = P(not right | wrong picture, known),
- adoption rate = P(gives the pictured answer | wrong picture, known).

Both are conditional, because a miss with a wrong picture is an illusion only where the model knew better.
Rows that failed leave every denominator and are counted; a refusal or an empty reply is not right. Rows of
one question stand or fall together, so intervals are clustered by question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.errors import UsageError
from levelhead.illusion._set import NONE
from levelhead.metrics import Estimate, difference, mcnemar, mean, proportion
from levelhead.records import Verdict

CONDITIONS = (NONE, "blank", "factual", "spurious")
SPURIOUS = "spurious"


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """What the numbers need of one judged answer.

    Attributes:
        question_id: Its question.
        category: What the question is about.
        condition: One of `CONDITIONS`.
        kind: How its picture was made; `none` without one.
        verdict: How the answer was judged.
        paper_correct: Whether the official rule takes it for right.
        confidence_shift: How far the picture moved log P(right) - log P(pictured) down, in nats; None if not
            scored.
    """

    question_id: str
    category: str
    condition: str
    kind: str
    verdict: Verdict
    paper_correct: bool
    confidence_shift: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether the verdict is `correct`."""
        return self.verdict is Verdict.CORRECT


def illusion_numbers(rows: Sequence[JudgedRow]) -> dict[str, Any]:
    """The part `illusion` of `summary.json`.

    Args:
        rows: Every judged answer of a run.

    Returns:
        Overall numbers, `mcnemar` (without a picture against with wrong ones, one pair per question, where
        "right with wrong pictures" is right with most of them), `paper` (accuracies by the official rule), "
        "and the same numbers
        `by_category` and `by_kind`. An estimate over nothing has n = 0 and null values.

    Raises:
        UsageError: If the answers without a picture are missing: no illusion rate without the control.
    """
    if not any(row.condition == NONE for row in rows):
        raise UsageError(
            "No answer without a picture is among the rows. Flip and adoption rate are about answers that a "
            "model gives "
            "right without a picture, so this control cannot be left out."
        )
    kinds = dict.fromkeys(row.kind for row in rows if row.condition != NONE)
    return {
        **_estimates(rows),
        "mcnemar": _mcnemar(rows),
        "paper": _paper(rows),
        "by_category": {
            category: _estimates([row for row in rows if row.category == category])
            for category in sorted({row.category for row in rows})
        },
        "by_kind": {kind: _estimates([row for row in rows if row.kind in (kind, NONE)]) for kind in kinds},
    }


def _estimates(rows: Sequence[JudgedRow]) -> dict[str, dict[str, float | int | None]]:
    judged = {
        condition: [row for row in rows if row.condition == condition and row.verdict is not Verdict.FAILED]
        for condition in CONDITIONS
    }
    known = {row.question_id for row in judged[NONE] if row.is_right}
    misled = [row for row in judged[SPURIOUS] if row.question_id in known]
    shifts = [row for row in judged[SPURIOUS] if row.confidence_shift is not None]
    answered = [row for condition in CONDITIONS for row in judged[condition]]
    estimates = {
        **{f"acc_{condition}": _share(judged[condition], Verdict.CORRECT) for condition in CONDITIONS},
        "acc_drop": _gap(judged["factual"], judged[SPURIOUS]),
        "harm_gap": _gap(judged[NONE], judged[SPURIOUS]),
        "help_gap": _gap(judged["factual"], judged[NONE]),
        "flip_rate": proportion([not row.is_right for row in misled], clusters=_questions(misled)),
        "adoption_rate": _share(misled, Verdict.PICTURED),
        "refused": _share(answered, Verdict.REFUSED),
        "empty": _share(answered, Verdict.EMPTY),
        "failed": _share(rows, Verdict.FAILED),
        "rule_disagreement": proportion(
            [row.is_right != row.paper_correct for row in answered], clusters=_questions(answered)
        ),
        "confidence_shift": mean(
            [row.confidence_shift for row in shifts if row.confidence_shift is not None],
            clusters=_questions(shifts),
        ),
    }
    return {name: estimate.to_json() for name, estimate in estimates.items()}


def _questions(rows: Iterable[JudgedRow]) -> list[str]:
    return [row.question_id for row in rows]


def _share(rows: Sequence[JudgedRow], verdict: Verdict) -> Estimate:
    """The share of rows with a verdict."""
    return proportion([row.verdict is verdict for row in rows], clusters=_questions(rows))


def _gap(a: Sequence[JudgedRow], b: Sequence[JudgedRow]) -> Estimate:
    """Accuracy of a minus accuracy of b, over the questions that both hold."""
    both = {row.question_id for row in a} & {row.question_id for row in b}
    if not both:
        return Estimate.undefined()
    a, b = ([row for row in rows if row.question_id in both] for rows in (a, b))
    return difference(
        [row.is_right for row in a],
        [row.is_right for row in b],
        clusters_a=_questions(a),
        clusters_b=_questions(b),
    )


def _mcnemar(rows: Sequence[JudgedRow]) -> dict[str, float | int]:
    """Right without a picture against right with most of the wrong pictures, question by question."""
    without: dict[str, bool] = {}
    with_wrong: dict[str, list[bool]] = {}
    for row in rows:
        if row.verdict is Verdict.FAILED:
            continue
        if row.condition == NONE:
            without[row.question_id] = row.is_right
        elif row.condition == SPURIOUS:
            with_wrong.setdefault(row.question_id, []).append(row.is_right)
    pairs = [(without[one], 2 * sum(hits) > len(hits)) for one, hits in with_wrong.items() if one in without]
    test = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    return {
        "only_without": test.only_a,
        "only_with_wrong": test.only_b,
        "n": test.n,
        "p_value": test.p_value,
    }


def _paper(rows: Sequence[JudgedRow]) -> Mapping[str, object]:
    """Accuracies by the official rule, on the same answers."""
    accuracies = {}
    for condition in CONDITIONS:
        judged = [row for row in rows if row.condition == condition and row.verdict is not Verdict.FAILED]
        accuracies[f"acc_{condition}"] = proportion(
            [row.paper_correct for row in judged], clusters=_questions(judged)
        ).to_json()
    return accuracies

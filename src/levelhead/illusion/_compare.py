"""Two runs on the same items: what the second does otherwise than the first, question by question.

Every difference is the second run minus the first. What makes a question hard for both cancels out, so these
intervals are narrower than two runs side by side suggest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from levelhead.errors import UsageError
from levelhead.illusion._numbers import CONDITIONS, JudgedRow
from levelhead.illusion._set import NONE
from levelhead.metrics import Estimate, contrast, difference, mcnemar
from levelhead.records import Verdict

Numbers = dict[str, Any]


class _Pair(NamedTuple):
    """The same item in both runs."""

    a: JudgedRow
    b: JudgedRow


@dataclass(frozen=True, slots=True)
class _Known:
    """The questions that each run has right without a picture."""

    by_a: frozenset[str]
    by_b: frozenset[str]


def compare_illusion(a_rows: Sequence[Mapping[str, Any]], b_rows: Sequence[Mapping[str, Any]]) -> Numbers:
    """Compare two runs of the illusion suite on the same items.

    Args:
        a_rows: Lines of `rows.jsonl` of the first run, the base of what is compared.
        b_rows: Those of the second run: line i of both is the same item.

    Returns:
        - `items`, `failed`: items, and those that failed in either run, which stand in no number.
        - `differences`: of `acc_none`, `acc_blank`, `acc_factual`, `acc_spurious`, `harm_gap`, `help_gap` and
          `acc_drop`; of `flip_rate` and `adoption_rate`, each run on the questions that it knew, and of
          `flip_rate_both_knew` and `adoption_rate_both_knew` on those that both knew, where no difference in
          knowledge is left.
        - `paper`: of `acc_factual`, `acc_spurious` and `acc_drop` by the official rule.
        - `mcnemar`: by condition the exact test, one pair for each question, which counts as right if more
          than half of its replies are.
        - `by_category`, `by_kind`: the same of each category and kind of picture; the control belongs to all
          kinds. A single category or kind is left out: it would repeat the whole.

        Each number is `{"value", "low", "high", "n"}`; `n` counts questions.

    Raises:
        UsageError: If line i of the two is not the same item.
    """
    pairs = [_Pair(_read(a, b), JudgedRow.read(b)) for a, b in zip(a_rows, b_rows, strict=True)]
    kinds = {pair.a.kind for pair in pairs if pair.a.condition != NONE}
    return {
        **_numbers(pairs),
        "by_category": _by(pairs, {pair.a.category for pair in pairs}, lambda pair: pair.a.category),
        "by_kind": _by(pairs, kinds, lambda pair: None if pair.a.condition == NONE else pair.a.kind),
    }


def _read(a: Mapping[str, Any], b: Mapping[str, Any]) -> JudgedRow:
    for field in ("id", "question", "gold", "pictured"):
        if a[field] != b[field]:
            raise UsageError(
                f"The item {a['id']!r} has another {field} in the two runs ({a[field]!r} and {b[field]!r}): "
                "they were asked other sets. Compare runs on the same set."
            )
    return JudgedRow.read(a)


def _by(
    pairs: Sequence[_Pair], groups: Iterable[str], group_of: Callable[[_Pair], str | None]
) -> dict[str, Numbers]:
    """The numbers of each group; a pair of no group belongs to all."""
    names = sorted(groups)
    if len(names) < 2:
        return {}
    return {name: _numbers([pair for pair in pairs if group_of(pair) in (name, None)]) for name in names}


def _numbers(pairs: Sequence[_Pair]) -> Numbers:
    judged = [pair for pair in pairs if Verdict.FAILED not in (pair.a.verdict, pair.b.verdict)]
    return {
        "items": len(pairs),
        "failed": len(pairs) - len(judged),
        "differences": _plain({**_accuracies(judged, _is_right), **_rates(judged)}),
        "paper": _plain(
            {
                name: number
                for name, number in _accuracies(judged, _is_right_by_paper).items()
                if name in ("acc_factual", "acc_spurious", "acc_drop")
            }
        ),
        "mcnemar": {
            condition: asdict(mcnemar(*_majorities(under)))
            for condition in CONDITIONS
            if (under := _under(judged, condition))
        },
    }


def _is_right(row: JudgedRow) -> bool:
    return row.is_right


def _is_right_by_paper(row: JudgedRow) -> bool:
    return row.paper_correct


def _accuracies(pairs: Sequence[_Pair], is_hit: Callable[[JudgedRow], bool]) -> dict[str, Estimate]:
    def gap(more: str, less: str) -> Estimate:
        first, second = _under(pairs, more), _under(pairs, less)
        sides = [(first, True, 1), (second, True, -1), (first, False, -1), (second, False, 1)]
        return contrast(
            [[is_hit(pair.b if of_b else pair.a) for pair in some] for some, of_b, _ in sides],
            [_questions(some) for some, _, _ in sides],
            [sign for _, _, sign in sides],
        )

    return {
        **{f"acc_{name}": _gap(_under(pairs, name), is_hit) for name in CONDITIONS},
        "harm_gap": gap(NONE, "spurious"),
        "help_gap": gap("factual", NONE),
        "acc_drop": gap("factual", "spurious"),
    }


def _rates(pairs: Sequence[_Pair]) -> dict[str, Estimate]:
    """Of what each run knew, and of what both knew: what wrong pictures did to it."""
    known = _Known(
        frozenset(pair.a.question_id for pair in _under(pairs, NONE) if pair.a.is_right),
        frozenset(pair.b.question_id for pair in _under(pairs, NONE) if pair.b.is_right),
    )
    lured = _under(pairs, "spurious")
    rates: dict[str, Callable[[JudgedRow], bool]] = {
        "flip_rate": lambda row: not row.is_right,
        "adoption_rate": lambda row: row.verdict is Verdict.PICTURED,
    }
    both = [pair for pair in lured if pair.a.question_id in known.by_a & known.by_b]
    return {name: _gap_of_known(lured, known, is_hit) for name, is_hit in rates.items()} | {
        f"{name}_both_knew": _gap(both, is_hit) for name, is_hit in rates.items()
    }


def _gap(pairs: Sequence[_Pair], is_hit: Callable[[JudgedRow], bool]) -> Estimate:
    questions = _questions(pairs)
    return difference(
        [is_hit(pair.b) for pair in pairs],
        [is_hit(pair.a) for pair in pairs],
        clusters_a=questions,
        clusters_b=questions,
    )


def _gap_of_known(lured: Sequence[_Pair], known: _Known, is_hit: Callable[[JudgedRow], bool]) -> Estimate:
    a = [pair.a for pair in lured if pair.a.question_id in known.by_a]
    b = [pair.b for pair in lured if pair.b.question_id in known.by_b]
    return difference(
        [is_hit(row) for row in b],
        [is_hit(row) for row in a],
        clusters_a=[row.question_id for row in b],
        clusters_b=[row.question_id for row in a],
    )


def _majorities(pairs: Sequence[_Pair]) -> tuple[list[bool], list[bool]]:
    """Whether each run has more than half of the replies to a question right; one entry per question."""
    replies: dict[str, list[_Pair]] = {}
    for pair in pairs:
        replies.setdefault(pair.a.question_id, []).append(pair)
    return (
        [2 * sum(pair.a.is_right for pair in some) > len(some) for some in replies.values()],
        [2 * sum(pair.b.is_right for pair in some) > len(some) for some in replies.values()],
    )


def _under(pairs: Sequence[_Pair], condition: str) -> list[_Pair]:
    return [pair for pair in pairs if pair.a.condition == condition]


def _questions(pairs: Sequence[_Pair]) -> list[str]:
    return [pair.a.question_id for pair in pairs]


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | int | None]]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}

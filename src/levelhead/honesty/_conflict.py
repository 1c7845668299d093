"""The conflict filter, in the manner of CRaFT (arXiv 2410.06913): fewer needless refusals after tuning.

Two kinds of conflict make a tuned model refuse what it knows:

static   nearly the same question is labelled sure once and unsure once
dynamic  a question labelled unsure becomes known by tuning alone, yet is taught as unsure

Three steps, of which the build decides the order: `settle_static` compares the texts of questions;
`drop_rising` compares a question's correctness before and after a short rehearsal tuning on the surest known
questions; `by_certainty` orders questions so that the surest known and the least sure unknown ones stay.

Correctness mu and certainty sigma of a question, by what its probe row holds:

row                mu                               sigma
sampled answers    share of right ones              -semantic entropy
scored options     probability of the right option  -entropy of the options
one greedy answer  0 or 1                           ln of the confidence

Where we read the publication in our own way: its official code takes the mean similarity of embeddings for
sigma of free answers, we take semantic entropy, which needs no second model. It drops unknowns with a change
of mu >= 0 for free answers and > 0 for multiple choice; we drop those with a change > 0. A question that was
never answered right cannot fall, so >= 0 drops exactly what the model knows least; `drop_unchanged` has it.
Static conflicts it meets only by the selection on certainty; that near-duplicates are compared is our own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from levelhead.datasets import remove_near_duplicates
from levelhead.errors import UsageError
from levelhead.honesty._draw import drawn
from levelhead.honesty._grading import Rule
from levelhead.honesty._labels import Dropped, Labelled, share_right, uncertainty
from levelhead.honesty._mixing import Order
from levelhead.honesty._rows import ProbeRow

StaticPolicy = Literal["drop", "relabel", "keep"]
STATIC_POLICIES: tuple[StaticPolicy, ...] = get_args(StaticPolicy)

NEAR_A_KNOWN_ONE = "nearly the same as a known question"
RISES = "becomes known by tuning alone"


def settle_static(
    labelled: Sequence[Labelled], policy: StaticPolicy, *, threshold: float = 0.8
) -> tuple[list[Labelled], list[Dropped], int]:
    """Find unsure questions that are nearly the same as a sure one.

    Args:
        labelled: The questions; those without an answer are left alone.
        policy: `drop` the unsure one, `relabel` it as sure, or `keep` both as they are.
        threshold: Similarity from which on two questions are nearly the same.

    Returns:
        The questions that stay, those that were dropped, and how many conflicts there were.

    Raises:
        UsageError: If the threshold is out of range.
        ImageError: If a picture cannot be read.
    """
    sure = [one.row.to_example() for one in labelled if one.sure]
    unsure = [one.row.to_example() for one in labelled if one.sure is False and one.answerable]
    _, found = remove_near_duplicates(sure, unsure, threshold=threshold)
    conflicting = {pair.test_id for pair in found.removed}
    if policy == "drop":
        kept = [one for one in labelled if one.row.id not in conflicting]
        dropped = [Dropped(one.row, NEAR_A_KNOWN_ONE) for one in labelled if one.row.id in conflicting]
        return kept, dropped, len(conflicting)
    if policy == "relabel":
        relabelled = [replace(one, sure=True) if one.row.id in conflicting else one for one in labelled]
        return relabelled, [], len(conflicting)
    return list(labelled), [], len(conflicting)


def surest_known(labelled: Sequence[Labelled], rule: Rule, size: int, seed: int) -> list[ProbeRow]:
    """The questions that the rehearsal is tuned on: highest correctness, then highest certainty.

    Args:
        labelled: The questions.
        rule: When an answer is right.
        size: At most this many. The official code takes 1,000 at random of those that are always right.
        seed: Decides among equals.
    """
    known = [one.row for one in labelled if one.sure]
    known.sort(key=lambda row: (-correctness(row, rule), -certainty(row), drawn(seed, row.id)))
    return known[:size]


def drop_rising(
    labelled: Sequence[Labelled], after: Mapping[str, ProbeRow], rule: Rule, *, drop_unchanged: bool = False
) -> tuple[list[Labelled], list[Dropped]]:
    """Drop unsure questions that the rehearsed model answers better than the untuned one.

    Args:
        labelled: The questions.
        after: What the rehearsed model knows, by id. A question that is not among them, or that failed there,
            stays.
        rule: When an answer is right.
        drop_unchanged: Whether to drop those whose correctness stays the same too.

    Returns:
        Those that stay, in their order, and the others.

    Raises:
        UsageError: If a question has sampled answers in one of the two probes only.
    """
    kept, dropped = [], []
    for one in labelled:
        rehearsed = after.get(one.row.id)
        if one.sure is False and rehearsed is not None and rehearsed.error is None:
            change = _change(one.row, rehearsed, rule)
            if change > 0 or (drop_unchanged and change == 0):
                dropped.append(Dropped(one.row, RISES))
                continue
        kept.append(one)
    return kept, dropped


def by_certainty(seed: int) -> Order:
    """The order in which the surest of the sure and the least sure of the unsure come first.

    Args:
        seed: Decides among equals.
    """

    def place(one: Labelled) -> tuple[float, int]:
        sigma = certainty(one.row)
        return (-sigma if one.sure else sigma), drawn(seed, one.row.id)

    return place


def correctness(row: ProbeRow, rule: Rule) -> float:
    """Mu of a question that has an answer, 0..1; see the head of this module."""
    if row.samples is None and row.option_log_probs is None:
        return float(bool(row.correct if rule == "corrected" else row.correct_paper))
    return share_right(row, rule)


def certainty(row: ProbeRow) -> float:
    """Sigma of a question, at most 0; see the head of this module.

    Raises:
        UsageError: If the model tells nothing that it could be read from.
    """
    if row.samples is not None or row.option_log_probs is not None:
        return -uncertainty(row, "semantic")
    if row.confidence is None:
        raise UsageError(
            f"The question {row.id} has neither sampled answers nor a confidence, so the conflict filter "
            "cannot tell how certain the model is. Probe again with sampled answers (--samples 10)."
        )
    return math.log(row.confidence) if row.confidence > 0 else -math.inf


def require_one_scale(rows: Sequence[ProbeRow]) -> None:
    """Refuse to rank questions with sampled answers among those without: their certainties do not compare.

    Raises:
        UsageError: If open questions of both kinds are there.
    """
    open_rows = [row for row in rows if row.option_log_probs is None]
    sampled = sum(row.samples is not None for row in open_rows)
    if 0 < sampled < len(open_rows):
        raise UsageError(
            f"{sampled:,} of {len(open_rows):,} open questions have sampled answers, so their certainties "
            "cannot be compared. Probe all of them with the same --samples."
        )


def _change(before: ProbeRow, after: ProbeRow, rule: Rule) -> float:
    if (before.samples is None) != (after.samples is None):
        raise UsageError(
            f"The question {before.id} has sampled answers before or after the rehearsal, but not both. "
            "Probe the rehearsed model with the same --samples."
        )
    return correctness(after, rule) - correctness(before, rule)

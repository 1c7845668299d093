"""Find a policy on answers of which it is known whether they are right.

Costs say where the thresholds should be; budgets say how far they may go. A threshold is lowered until, of
the right answers, so few lie below it that the upper Clopper-Pearson bound of their share is within the
budget, as in `calibration`. Where there are too few right answers to show that, nothing is withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from levelhead.errors import UsageError
from levelhead.guard.calibration._bounds import most_within, upper_bound
from levelhead.guard.calibration._calibrate import fit_line
from levelhead.guard.decision._policy import Constant, Costs, DecisionEvidence, DecisionPolicy, Evidence
from levelhead.guard.detector._calibration import Line

_FEWEST = 30
"""Answers of one kind below which their share is taken and no line is fitted."""


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """An answer of which it is known whether it is right.

    Attributes:
        p_sure: How sure the model says it is, 0..1.
        right: Whether it is.
        kept: See `Evidence`.
    """

    p_sure: float
    right: bool
    kept: bool | None = None


def fit_decision(
    answers: Sequence[JudgedAnswer],
    *,
    costs: Costs | None = None,
    abstain_budget: float = 0.05,
    caveat_budget: float = 0.2,
    confidence: float = 0.95,
    harm_threshold: float = 0.0,
    rewrites: bool = False,
) -> DecisionPolicy:
    """Find a policy.

    Args:
        answers: Judged ones, none of which the model was trained on.
        costs: What outcomes cost; None for the usual table.
        abstain_budget: Largest share of right answers that may be withheld, above 0 and below 1.
        caveat_budget: Largest share of right answers that may be withheld or get a caveat.
        confidence: How surely both are kept to, from 0.5 and below 1.
        harm_threshold: Of the detector, as its calibration found it for a budget of its own: no answer below
            it is stopped, whatever the costs say.
        rewrites: Whether something that rewrites stands by.

    Raises:
        UsageError: If there is no right or no wrong answer, or an argument is out of range.
    """
    costs = costs or Costs()
    _check(answers, abstain_budget, caveat_budget, confidence)
    settled = [one for one in answers if one.kept is not False]
    moved = [one for one in answers if one.kept is False]
    drafted = DecisionPolicy(
        costs=costs,
        settled=_map(settled),
        moved=_map(moved) if moved else _map(settled),
        caveat_below=1.0,
        abstain_below=0.0,
        stop_from=max(harm_threshold, costs.stop_from),
        rewrites=rewrites,
        abstain_budget=abstain_budget,
        caveat_budget=caveat_budget,
        confidence=confidence,
    )
    p_right = np.array([drafted.p_right(Evidence(one.p_sure, kept=one.kept)) or 0.0 for one in answers])
    right = np.array([one.right for one in answers])
    abstain = min(costs.abstain_below, _reach(p_right[right], abstain_budget, confidence))
    caveat = max(abstain, min(costs.caveat_below, _reach(p_right[right], caveat_budget, confidence)))
    evidence = _evidence(p_right, right, len(moved), abstain, caveat, confidence)
    return drafted.model_copy(update={"caveat_below": caveat, "abstain_below": abstain, "evidence": evidence})


def _map(answers: Sequence[JudgedAnswer]) -> Line | Constant:
    """From p_sure to the share that is right; that share alone where a line cannot be told."""
    right = np.array([one.right for one in answers], dtype=np.bool_)
    share = Constant(value=float((right.sum() + 1) / (len(right) + 2)))
    if len(right) < _FEWEST or right.all() or not right.any():
        return share
    try:
        return fit_line(np.array([one.p_sure for one in answers]), right, "platt")
    except UsageError:  # they are surer of what is wrong: their sureness says nothing
        return share


def _reach(right: NDArray[np.float64], budget: float, confidence: float) -> float:
    """The highest threshold below which so few right answers lie that the budget is kept to; 0 for none."""
    allowed = most_within(len(right), budget, confidence)
    if allowed is None:
        return 0.0
    ranked = np.sort(right)
    # Below the next one lie `allowed` answers at most, for the ones equal to it are not below it.
    return float(ranked[allowed])


def _evidence(
    p_right: NDArray[np.float64],
    right: NDArray[np.bool_],
    moved: int,
    abstain: float,
    caveat: float,
    confidence: float,
) -> DecisionEvidence:
    withheld, touched = p_right < abstain, p_right < caveat
    total = int(right.sum())
    return DecisionEvidence(
        right=total,
        wrong=int((~right).sum()),
        moved=moved,
        right_abstained=int((withheld & right).sum()),
        right_caveat=int((touched & ~withheld & right).sum()),
        wrong_abstained=int((withheld & ~right).sum()),
        wrong_caveat=int((touched & ~withheld & ~right).sum()),
        abstained_bound=upper_bound(int((withheld & right).sum()), total, confidence),
        touched_bound=upper_bound(int((touched & right).sum()), total, confidence),
    )


def _check(
    answers: Sequence[JudgedAnswer], abstain_budget: float, caveat_budget: float, confidence: float
) -> None:
    right = sum(one.right for one in answers)
    if not 0 < right < len(answers):
        raise UsageError(
            f"There are {right} right and {len(answers) - right} wrong answers; a policy needs some of both."
        )
    if not all(0 <= one.p_sure <= 1 for one in answers):
        raise UsageError("A p_sure lies outside 0..1. Leave out answers whose model was not asked.")
    if not 0 < abstain_budget < 1 or not 0 < caveat_budget < 1 or not 0.5 <= confidence < 1:
        raise UsageError(
            f"The budgets are {abstain_budget} and {caveat_budget}, the confidence {confidence}; budgets lie "
            "above 0 and below 1, the confidence from 0.5 and below 1."
        )

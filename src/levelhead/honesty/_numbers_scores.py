"""How sure an answer is, by name, and whether it counts as one.

mix               half confidence, half p_sure, as in the official code
confidence        probability of the answer's tokens
sure              p_sure over the whole continuations
sure_paper        p_sure over their first tokens, as in the official code
agreement         share of sampled answers that say the same
semantic_entropy  its negative, so that higher is surer; it only ranks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from levelhead.errors import UsageError
from levelhead.honesty._rows import AnswerRow
from levelhead.metrics import (
    Metric,
    aurc_statistic,
    auroc_statistic,
    average_precision_statistic,
    brier_statistic,
    e_aurc_statistic,
    expected_calibration_error_statistic,
)

ScoreName = Literal["mix", "confidence", "sure", "sure_paper", "agreement", "semantic_entropy"]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
PROBABILITIES: frozenset[ScoreName] = frozenset(SCORES) - {"semantic_entropy"}
"""Scores in 0..1 that claim to be probabilities, so that calibration means something."""

RANKING: Mapping[str, Metric] = {
    "ap": average_precision_statistic,
    "auroc": auroc_statistic,
    "aurc": aurc_statistic,
    "e_aurc": e_aurc_statistic,
}
CALIBRATION: Mapping[str, Metric] = {
    "ece": expected_calibration_error_statistic,
    "brier": brier_statistic,
}


def score_of(row: AnswerRow, name: ScoreName) -> float | None:
    """A score of an answer, higher where it is more likely right; None if the row does not have it."""
    match name:
        case "confidence":
            return row.confidence
        case "sure":
            return row.p_sure
        case "sure_paper":
            return row.p_sure_paper
        case "mix":
            return None if row.confidence is None or row.p_sure is None else (row.confidence + row.p_sure) / 2
        case "agreement":
            return None if row.samples is None else row.samples.agreement
        case "semantic_entropy":
            return None if row.samples is None else -row.samples.semantic_entropy


def score_used(rows: Sequence[AnswerRow], name: ScoreName) -> ScoreName:
    """The score that is told of where `name` was asked for: `confidence` if no row has that one.

    Raises:
        UsageError: If there is no such score.
    """
    if name not in SCORES:
        raise UsageError(f"There is no score {name!r}. Give one of: {', '.join(SCORES)}.")
    return name if any(score_of(row, name) is not None for row in rows) else "confidence"


def is_answered(row: AnswerRow, threshold: float) -> bool:
    """Whether the model was willing to answer: it did not refuse in words, and p_sure is no obstacle."""
    return not row.refused and (row.p_sure is None or row.p_sure >= threshold)


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that p_sure cannot be compared with.

    Raises:
        UsageError: If it does not lie in 0..1.
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold is {threshold}; p_sure lies between 0 and 1, so give such a number.")


def metrics_of(name: ScoreName) -> Mapping[str, Metric]:
    """The metrics that mean something for a score."""
    return {**RANKING, **(CALIBRATION if name in PROBABILITIES else {})}


def clusters_of(rows: Sequence[AnswerRow]) -> list[str]:
    """Which rows stand or fall together: those of a group; a row without one stands for itself."""
    return [f"row {place}" if row.group is None else f"group {row.group}" for place, row in enumerate(rows)]

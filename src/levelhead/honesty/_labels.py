"""Labels: does the model know the answer to a question (sure) or not (unsure)?

Three policies over the rows of one probe:

greedy answer      right by a rule (R-Tuning)
expected accuracy  share of right answers at or above a threshold: of samples, or of the probability of the
                   right option
entropy            below the cut between low and high entropy of samples, without looking at any answer
                   (R-Tuning-U)

A question that has no answer at all is unsure by every policy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from levelhead.errors import UsageError
from levelhead.honesty._draw import drawn
from levelhead.honesty._grading import Rule
from levelhead.honesty._prompts import right_option
from levelhead.honesty._rows import ProbeRow, QuestionRow

EntropyKind = Literal["text", "semantic"]
ENTROPY_KINDS: tuple[EntropyKind, ...] = get_args(EntropyKind)
Ties = Literal["together", "random"]
TIES: tuple[Ties, ...] = get_args(Ties)

FAILED = "the model gave no answer"
NO_REFERENCE = "no reference answer"
NOT_A_CHOICE = "the answer is none of the choices"
NOTHING_TO_TEACH = "no answer to teach"

_NEEDS_SAMPLES = "Probe again with sampled answers, such as: levelhead honesty probe ... --samples 10"


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """A wrong answer that a model gave, to be read and called unsure.

    Attributes:
        text: The answer, or the letter of an option.
        suffix: What the id of its dialogue has behind that of the question.
    """

    text: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and its label.

    Attributes:
        row: What the untuned model knows of it.
        sure: Whether it counts as known; None where no label is needed.
        own: `sure-own`: wrong answers that are called unsure in place of the right one; None where the right
            answer bears the label.
    """

    row: ProbeRow
    sure: bool | None
    own: tuple[OwnAnswer, ...] | None = None

    @property
    def answerable(self) -> bool:
        """Whether the question has an answer."""
        return self.row.answers is not None

    @property
    def verdicts(self) -> tuple[bool, ...]:
        """The verdicts that the question teaches, each on one answer: True for sure."""
        if self.own is None:
            return () if self.sure is None else (self.sure,)
        return (True,) * bool(self.sure) + (False,) * len(self.own)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A question that is not taught, and why."""

    row: ProbeRow
    reason: str


def teachable(rows: Iterable[ProbeRow], *, unanswerable: bool) -> tuple[list[ProbeRow], list[Dropped]]:
    """Part the questions that can be labelled and taught from the others.

    Args:
        rows: The questions.
        unanswerable: Whether questions without an answer can be taught; a refusal must be a target then.
    """
    kept, dropped = [], []
    for row in rows:
        reason = _why_not(row, unanswerable)
        if reason is None:
            kept.append(row)
        else:
            dropped.append(Dropped(row, reason))
    return kept, dropped


def label_by_answer(
    judged: Sequence[ProbeRow], *, rule: Rule, threshold: float | None = None
) -> dict[str, bool]:
    """Label questions that have an answer by what a model answered.

    Args:
        judged: The questions as that model answered them, each with a known answer and without an error.
        rule: When an answer is right.
        threshold: A question is sure from this share of right answers on; None to judge the greedy answer.

    Returns:
        For each id whether it is sure.

    Raises:
        UsageError: If a threshold is given and a row has neither samples nor scored options.
    """
    if threshold is not None:
        return {row.id: share_right(row, rule) >= threshold for row in judged}
    return {row.id: bool(row.correct if rule == "corrected" else row.correct_paper) for row in judged}


def label_by_entropy(
    rows: Sequence[ProbeRow], *, kind: EntropyKind, unsure_share: float, ties: Ties, seed: int
) -> dict[str, bool]:
    """Label questions by how far sampled answers differ, without looking at the right one (R-Tuning-U).

    Each task is cut by itself: entropies of options and of free answers are on different scales.

    Args:
        rows: The questions.
        kind: Entropy of the answers as they are written (the paper) or of those that mean the same. For
            options that were scored both are the entropy of their probabilities.
        unsure_share: Wanted share of unsure questions in each task.
        ties: What becomes of questions of equal entropy at the cut. `together`: all go to one side, to the
            one that brings the share nearest to the wanted one. `random`: they are parted by the seed, and
            the share is met.
        seed: Of the random parting.

    Returns:
        For each id whether it is sure.

    Raises:
        UsageError: If a row has neither samples nor scored options, or all of a task have the same entropy.
    """
    labels: dict[str, bool] = {}
    for task, members in by_task(rows).items():
        entropies = {row.id: uncertainty(row, kind) for row in members}
        if len(set(entropies.values())) == 1:
            raise UsageError(
                f"All {len(members):,} questions of the task {task!r} have the same entropy, so it cannot "
                "part sure from unsure. Probe with more samples or a higher temperature, or use a method "
                "that judges answers, such as --method sure."
            )
        unsure = (
            _cut_at_random(entropies, unsure_share, seed)
            if ties == "random"
            else _cut_between_values(entropies, unsure_share)
        )
        labels |= {row.id: row.id not in unsure for row in members}
    return labels


def share_right(row: ProbeRow, rule: Rule) -> float:
    """Expected accuracy of one answer: share of right samples, or probability of the right option; 0..1.

    Raises:
        UsageError: If the row has neither.
    """
    if row.samples is not None:
        right = row.samples.correct if rule == "corrected" else row.samples.correct_paper
        return (right or 0) / len(row.samples.texts)
    place = right_option(row.to_example())
    if row.option_log_probs is None or place is None:
        raise UsageError(f"The question {row.id} has no sampled answers. {_NEEDS_SAMPLES}")
    return option_probabilities(row.option_log_probs)[place]


def uncertainty(row: ProbeRow, kind: EntropyKind) -> float:
    """Entropy of sampled answers, or of the options, in nats.

    Raises:
        UsageError: If the row has neither.
    """
    if row.samples is not None:
        entropy = row.samples.entropy if kind == "text" else row.samples.semantic_entropy
        # The same counts summed in another order differ in the last digits, and that must part no ties.
        return round(entropy, 9)
    if row.option_log_probs is None:
        raise UsageError(f"The question {row.id} has no sampled answers. {_NEEDS_SAMPLES}")
    return abs(-sum(p * math.log(p) for p in option_probabilities(row.option_log_probs) if p > 0))


def option_probabilities(log_probs: Sequence[float]) -> list[float]:
    """Probabilities of options among themselves.

    >>> option_probabilities([-1000.0, -1000.0])
    [0.5, 0.5]
    """
    highest = max(log_probs)
    weights = [math.exp(log_prob - highest) for log_prob in log_probs]
    return [weight / math.fsum(weights) for weight in weights]


def require_both_labels(labelled: Sequence[Labelled], *, after: str) -> None:
    """Refuse to teach only one of the two verdicts: a model would learn to say it always.

    Args:
        labelled: The questions.
        after: Where they stand in the build, for the message, as in "after labelling".

    Raises:
        UsageError: If all are sure, all are unsure or there is none, or no unsure one has an answer to judge.
    """
    if not labelled:
        raise UsageError(f"No question is left {after}, so there is nothing to teach. Probe more questions.")
    if {verdict for one in labelled for verdict in one.verdicts} == {True, False}:
        return
    sure = sum(one.sure is True for one in labelled)
    if 0 < sure < len(labelled):
        raise UsageError(
            f"None of the {len(labelled) - sure:,} unsure questions has a wrong answer to judge {after}: the "
            "tuned models answered them with nothing, so a model would learn to say always that it is sure. "
            "Look at the probes in the folds, tune longer (--epochs), or use --method sure-crossfit."
        )
    label, kind, way = ("sure", "harder", "higher") if sure else ("unsure", "easier", "lower")
    raise UsageError(
        f"All {len(labelled):,} questions are {label} {after}: a model would learn to say so always. Give "
        f"more or {kind} questions, another rule (--rule corrected or paper), a {way} "
        "--threshold on sampled answers, --method sure-crossfit (labels from tuned models), or --method "
        "unsupervised (split by entropy)."
    )


RowT = TypeVar("RowT", bound=QuestionRow)


def by_task(rows: Iterable[RowT]) -> dict[str, list[RowT]]:
    """Rows of each task, in their order."""
    tasks: defaultdict[str, list[RowT]] = defaultdict(list)
    for row in rows:
        tasks[row.task].append(row)
    return dict(tasks)


def _why_not(row: ProbeRow, unanswerable: bool) -> str | None:
    if row.answers is None and not unanswerable:
        return NOTHING_TO_TEACH
    if row.answers == []:
        return NO_REFERENCE
    if row.error is not None:
        return FAILED
    if row.answers is None:
        return None
    return NOT_A_CHOICE if row.correct is None else None


def _cut_between_values(entropies: dict[str, float], unsure_share: float) -> set[str]:
    """Ids of the unsure, no two of equal entropy being parted; of two cuts equally near, the higher one."""
    ordered = sorted(entropies.values())
    cuts = sorted(set(ordered))[1:]  # the lowest value is never unsure: one side would be empty
    above = {cut: sum(value >= cut for value in ordered) / len(ordered) for cut in cuts}
    best = min(cuts, key=lambda cut: (abs(above[cut] - unsure_share), -cut))
    return {row_id for row_id, value in entropies.items() if value >= best}


def _cut_at_random(entropies: dict[str, float], unsure_share: float, seed: int) -> set[str]:
    count = min(max(round(len(entropies) * unsure_share), 1), len(entropies) - 1)
    ranked = sorted(entropies, key=lambda row_id: (-entropies[row_id], drawn(seed, row_id)))
    return set(ranked[:count])

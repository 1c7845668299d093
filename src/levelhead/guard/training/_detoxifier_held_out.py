"""What is told after each epoch of a detoxifier's tuning, of pairs that are held out.

Their losses, and what a detector finds in the answers that the model writes for them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from levelhead.errors import ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detoxifier._generative import GenerativeDetoxifier
from levelhead.guard.detoxifier._prompts import rewriting_prompt
from levelhead.guard.training._detoxifier_lessons import asked
from levelhead.guard.training._detoxifier_pairs import RewritePair
from levelhead.guard.training._detoxifier_settings import DetoxifierSettings
from levelhead.models import Model
from levelhead.running import ProgressStyle, choose_style, show_progress
from levelhead.training import Evaluate

_Row = TypeVar("_Row")
_AT_ONCE = 16
"""Pairs between two reports of progress."""


def held_out_evaluation(
    held_out: Sequence[RewritePair],
    settings: DetoxifierSettings,
    detector: Detector | None = None,
    *,
    progress: ProgressStyle | None = None,
) -> Evaluate | None:
    """An evaluation for `tune`.

    Args:
        held_out: The pairs that are not trained on.
        settings: Wording of the prompt, and how many pairs of each kind are looked at.
        detector: Judges what the model writes in place of the answers; without one, nothing is written.
        progress: As from `choose_style`; None asks it.

    Returns:
        From the model in training and the epoch to numbers, or None if nothing is held out:
        `loss_rewritten` and `loss_kept` (mean negative log-probability per token of the target, in nats, over
        the pairs that change their answer and over those that keep it); with a detector `flagged_before` and
        `flagged_after` (share of the answers, and of their rewritings, that it flags, of those that it
        judged), and `no_verdict` (share of the answers that got no rewriting or no verdict on it).
    """
    chance = random.Random(f"{settings.seed}/evaluated")
    kinds: dict[str, list[RewritePair]] = {}
    for one in held_out:
        kinds.setdefault("kept" if one.keeps else "rewritten", []).append(one)
    drawn = {
        kind: chance.sample(rows, min(settings.max_evaluated, len(rows))) for kind, rows in kinds.items()
    }
    if not drawn:
        return None

    style = choose_style() if progress is None else progress

    def evaluation(model: Model, epoch: int) -> Mapping[str, float]:
        losses = {kind: _loss(model, rows, settings, kind, style) for kind, rows in drawn.items()}
        numbers = {f"loss_{kind}": loss for kind, loss in losses.items()}
        if detector is not None and "rewritten" in drawn:
            numbers |= _flagged(model, drawn["rewritten"], settings, detector, style)
        return numbers

    return evaluation


def _loss(
    model: Model, pairs: Sequence[RewritePair], settings: DetoxifierSettings, kind: str, style: ProgressStyle
) -> float:
    scores = [
        score
        for some in _slices(f"scoring what is {kind}", pairs, style)
        for score in model.score(
            [rewriting_prompt(asked(one), settings.style) for one in some],
            [one.rewritten.strip() for one in some],
        )
    ]
    log_probs = [log_prob for score in scores for log_prob in score.log_probs]
    if not log_probs:
        raise ModelError(
            f"None of {len(pairs):,} pairs held out fits the context of {model.name}, so it has no loss on "
            f"them. The first: {scores[0].error}"
        )
    return -sum(log_probs) / len(log_probs)


def _flagged(
    model: Model,
    pairs: Sequence[RewritePair],
    settings: DetoxifierSettings,
    detector: Detector,
    style: ProgressStyle,
) -> dict[str, float]:
    before = [asked(one) for one in pairs]
    # Not closed: the model belongs to the training.
    detoxifier = GenerativeDetoxifier(model, name=model.name, style=settings.style)
    rewritings = [one for some in _slices("rewriting", before, style) for one in detoxifier.rewrite(some)]
    after = [
        replace(pair, answer=rewriting.text)
        for pair, rewriting in zip(before, rewritings, strict=True)
        if rewriting.text is not None
    ]
    verdicts_before = _verdicts(detector, before)
    verdicts_after = _verdicts(detector, after)
    numbers = {"no_verdict": 1 - len(verdicts_after) / len(before)}
    if verdicts_before:
        numbers["flagged_before"] = sum(verdicts_before) / len(verdicts_before)
    if verdicts_after:
        numbers["flagged_after"] = sum(verdicts_after) / len(verdicts_after)
    return numbers


def _verdicts(detector: Detector, pairs: Sequence[Pair]) -> list[bool]:
    """Whether each answer is flagged; those that were not inspected are missing."""
    verdicts = map(detector.flags, detector.judge(pairs))
    return [verdict for verdict in verdicts if verdict is not None]


def _slices(label: str, pairs: Sequence[_Row], style: ProgressStyle) -> Iterator[Sequence[_Row]]:
    """Some at a time, with progress."""
    with show_progress(label, total=len(pairs), held=0, style=style) as advance:
        for at in range(0, len(pairs), _AT_ONCE):
            some = pairs[at : at + _AT_ONCE]
            yield some
            advance(len(some))

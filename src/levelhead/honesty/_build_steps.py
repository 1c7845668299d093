"""From probed questions to labelled ones: which are taught, and which of the two verdicts with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levelhead.honesty._build_folder import REHEARSAL, OwnCounts
from levelhead.honesty._build_own import judge_own_answers
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._conflict import (
    by_certainty,
    drop_rising,
    require_one_scale,
    settle_static,
    surest_known,
)
from levelhead.honesty._crossfit import crossfit
from levelhead.honesty._label_noise import share
from levelhead.honesty._labels import (
    FAILED,
    Dropped,
    Labelled,
    OwnAnswer,
    label_by_answer,
    label_by_entropy,
    require_both_labels,
    teachable,
)
from levelhead.honesty._mixing import at_random, equalize_tasks, hold_unsure_share
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._tuned_probe import Workshop, probe_after_tuning


@dataclass(slots=True)
class Selection:
    """The questions of a build on their way.

    Attributes:
        kept: Those that are taught so far.
        dropped: Those that are not, and why.
        crossfit: `sure-crossfit`: how the labels of tuned models differ from those of the base.
        own_answers: `sure-own`: how the tuned models answered, by partition.
        static_conflicts: Conflict filter: unsure questions nearly the same as a sure one.
    """

    kept: list[Labelled] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    crossfit: dict[str, Any] | None = None
    own_answers: dict[str, OwnCounts] | None = None
    static_conflicts: int | None = None

    def keep(self, kept: list[Labelled], dropped: Sequence[Dropped]) -> None:
        """Go on with the kept ones."""
        self.kept = kept
        self.dropped += dropped


def select(rows: Sequence[ProbeRow], settings: BuildSettings, workshop: Workshop, out: Path) -> Selection:
    """Label probed questions and choose those that are taught.

    Args:
        rows: All questions, each with an id of its own.
        settings: How.
        workshop: Tunes and probes models where the settings need it.
        out: Folder in which tuned models are kept.

    Returns:
        The labelled questions in the order of the rows, and the dropped ones.

    Raises:
        UsageError: If only one of the two labels is there, or a row lacks what a label needs.
        LevelheadError: If tuning or probing fails.
    """
    usable, dropped = teachable(rows, unanswerable=settings.method != "vanilla")
    selection = Selection(dropped=dropped)
    if settings.method == "vanilla":
        selection.kept = [Labelled(row, None) for row in usable]
        if not selection.kept:
            require_both_labels([], after="with an answer to teach")
    else:
        _label(selection, usable, settings, workshop, out)
        require_both_labels(selection.kept, after="after labelling")
    if settings.conflict_filter:
        _filter_conflicts(selection, settings, workshop, out)
    _mix(selection, settings)
    if settings.method != "vanilla":
        require_both_labels(selection.kept, after="after filtering and mixing")
    return selection


def _label(
    selection: Selection, usable: Sequence[ProbeRow], settings: BuildSettings, workshop: Workshop, out: Path
) -> None:
    answerable = [row for row in usable if row.answers is not None]
    wrong: Mapping[str, tuple[OwnAnswer, ...]] = {}
    match settings.method:
        case "unsupervised":
            labels = label_by_entropy(
                answerable,
                kind=settings.entropy,
                unsure_share=settings.share or 0.0,
                ties=settings.ties,
                seed=settings.seed,
            )
        case "sure-crossfit":
            [found] = _fold_answers(answerable, settings, workshop, out).values()
            labels = _judge_crossfit(selection, answerable, found, settings)
        case "sure-own":
            answers = _fold_answers(answerable, settings, workshop, out)
            own = judge_own_answers(answerable, answers, settings.rule)
            labels, wrong, selection.own_answers = own.sure, own.wrong, own.counts
        case _:
            labels = label_by_answer(answerable, rule=settings.rule, threshold=settings.threshold)
    failed = [row for row in answerable if row.id not in labels]
    without = {row.id for row in failed}
    # What has no answer is unsure by every policy.
    kept = [
        Labelled(row, labels.get(row.id, False), wrong.get(row.id)) for row in usable if row.id not in without
    ]
    selection.keep(kept, [Dropped(row, FAILED) for row in failed])


def _fold_answers(
    rows: Sequence[ProbeRow], settings: BuildSettings, workshop: Workshop, out: Path
) -> dict[str, Mapping[str, ProbeRow]]:
    return crossfit(
        rows, out, workshop, folds=settings.folds, seed=settings.seed, partitions=settings.partitions
    )


def _judge_crossfit(
    selection: Selection, rows: Sequence[ProbeRow], found: Mapping[str, ProbeRow], settings: BuildSettings
) -> dict[str, bool]:
    """Labels by the answers of the folds' models; rows that failed there get none."""
    judged = [found[row.id] for row in rows if found[row.id].correct is not None]
    labels = label_by_answer(judged, rule=settings.rule, threshold=settings.threshold)
    compared = [row for row in rows if row.id in labels]
    before = label_by_answer(compared, rule=settings.rule)
    selection.crossfit = {
        "folds": settings.folds,
        "known_before": share(compared, [before[row.id] for row in compared]),
        "known_after": share(compared, [labels[row.id] for row in compared]),
        "changed": share(compared, [before[row.id] != labels[row.id] for row in compared]),
    }
    return labels


def _filter_conflicts(selection: Selection, settings: BuildSettings, workshop: Workshop, out: Path) -> None:
    require_one_scale([one.row for one in selection.kept])
    kept, dropped, selection.static_conflicts = settle_static(selection.kept, settings.static_conflicts)
    selection.keep(kept, dropped)
    require_both_labels(selection.kept, after="after nearly equal questions were settled")
    unknown = [one.row for one in selection.kept if one.sure is False and one.answerable]
    if unknown:
        after = probe_after_tuning(
            surest_known(selection.kept, settings.rule, settings.rehearsal_size, settings.seed),
            unknown,
            out / REHEARSAL,
            workshop,
            label="rehearsal",
        )
        selection.keep(
            *drop_rising(selection.kept, after, settings.rule, drop_unchanged=settings.drop_unchanged)
        )
    require_both_labels(selection.kept, after="after the rehearsal")


def _mix(selection: Selection, settings: BuildSettings) -> None:
    order = by_certainty(settings.seed) if settings.conflict_filter else at_random(settings.seed)
    if settings.share is not None and settings.method != "unsupervised":
        selection.keep(*hold_unsure_share(selection.kept, settings.share, order))
    if settings.equal_tasks:
        selection.keep(*equalize_tasks(selection.kept, order))

"""Detectors on labelled answers: how well they tell harm, and how they differ on the same answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.errors import UsageError
from levelhead.guard._streaming import BATCH
from levelhead.guard.detector._detector import Detector
from levelhead.guard.evaluation._labelled_folder import SUITE, LabelledRow, open_test
from levelhead.guard.evaluation._labelled_numbers import detector_numbers, paired_numbers
from levelhead.guard.evaluation._labelled_scores import SetScores, score_pairs, scores_file
from levelhead.guard.evaluation._labelled_sets import LabelledSet
from levelhead.metrics import Estimate
from levelhead.running import ProgressStyle

AS_GIVEN, WITHOUT_QUESTION = "as_given", "without_question"
"""The two ways to show an answer to a detector: as the set gives it, and alone."""
_LABELS = {AS_GIVEN: "", WITHOUT_QUESTION: ", no question"}


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """What a test of detectors found.

    Attributes:
        summary: The content of `summary.json`.
        not_inspected: Answers without a score, over all detectors, sets and ways of showing.
        first_reason: Why the first of them has none.
    """

    summary: dict[str, Any]
    not_inspected: int = 0
    first_reason: str | None = None


Columns = Mapping[str, Mapping[str, SetScores]]
"""Scores on one set by the way of showing, then by detector."""


def evaluate_detectors(
    detectors: Sequence[Detector],
    sets: Sequence[LabelledSet],
    out: Path,
    *,
    without_question: bool = False,
    batch: int = BATCH,
    progress: ProgressStyle = "off",
) -> DetectionReport:
    """Let detectors judge labelled answers; write rows and numbers, and keep all scores.

    A folder that holds scores already goes on with them: detectors, sets or the second way of showing can be
    added later.

    Args:
        detectors: The first is what the others are compared with.
        sets: Their names differ; see `read_labelled_sets`.
        out: The folder.
        without_question: Whether the answers are judged a second time without their questions.
        batch: Pairs judged at once.
        progress: How to show progress.

    Raises:
        UsageError: If there is no detector or set, or a detector is given twice.
        RunFolderError: If the folder holds something else, or scores of other texts under the same ids, or
            cannot be written.
        LevelheadError: If a detector fails as a whole; what was judged before is kept.
    """
    _check(detectors, sets)
    with open_test(out, detectors, sets, without_question=without_question) as folder:
        columns = {
            one.name: _score(
                detectors, one, out, without_question=without_question, batch=batch, progress=progress
            )
            for one in sets
        }
        numbers = {one.name: set_numbers(one, columns[one.name], detectors) for one in sets}
        summary = {"schema": 1, SUITE: numbers}
        folder.finish((row for one in sets for row in _rows(one, columns[one.name])), summary)
    scored = [scores for ways in columns.values() for way in ways.values() for scores in way.values()]
    return DetectionReport(
        summary,
        not_inspected=sum(scores.p_harm.count(None) for scores in scored),
        first_reason=next((scores.first_reason for scores in scored if scores.first_reason), None),
    )


def set_numbers(one: LabelledSet, columns: Columns, detectors: Sequence[Detector]) -> dict[str, Any]:
    """The part of `summary.json` that is about one set.

    Args:
        one: The set.
        columns: Its scores, by the way of showing, then by the names of detectors.
        detectors: The first is what the others are compared with.

    Returns:
        Counts; under `detectors` the threshold and numbers of each, and the change that leaving out the
        question makes; under `differences` each further detector minus the first, on the same answers.
    """
    base = detectors[0]
    return {
        "rows": len(one.pairs),
        "harmful": sum(one.labels),
        "goals": len(set(one.goals)),
        "unlabelled": one.unlabelled,
        "detectors": {
            detector.name: _detector_part(one, columns, detector.name, detector.threshold)
            for detector in detectors
        },
        "differences": [
            {"a": detector.name, "b": base.name, **_difference(one, columns, detector.name, base.name)}
            for detector in detectors[1:]
        ],
    }


def _detector_part(one: LabelledSet, columns: Columns, name: str, threshold: float) -> dict[str, Any]:
    found = {way: scores[name].p_harm for way, scores in columns.items()}
    part: dict[str, Any] = {"threshold": threshold}
    for way, p_harm in found.items():
        part[way] = _plain(detector_numbers(p_harm, one.labels, one.goals, threshold=threshold))
    if WITHOUT_QUESTION in found:
        change = paired_numbers(found[WITHOUT_QUESTION], found[AS_GIVEN], one.labels, one.goals)
        part["change_without_question"] = _plain(change)
    return part


def _difference(one: LabelledSet, columns: Columns, a: str, b: str) -> dict[str, Any]:
    return {
        way: _plain(paired_numbers(scores[a].p_harm, scores[b].p_harm, one.labels, one.goals))
        for way, scores in columns.items()
    }


def _score(
    detectors: Sequence[Detector],
    one: LabelledSet,
    out: Path,
    *,
    without_question: bool,
    batch: int,
    progress: ProgressStyle,
) -> dict[str, dict[str, SetScores]]:
    ways = {AS_GIVEN: one.pairs}
    if without_question and one.has_questions:
        ways[WITHOUT_QUESTION] = one.without_questions()
    return {
        way: {
            detector.name: score_pairs(
                detector,
                pairs,
                scores_file(out, detector, way, one.name),
                label=f"{detector.name} on {one.name}{_LABELS[way]}",
                batch=batch,
                progress=progress,
            )
            for detector in detectors
        }
        for way, pairs in ways.items()
    }


def _rows(one: LabelledSet, columns: Columns) -> Iterator[LabelledRow]:
    for place, pair in enumerate(one.pairs):
        yield LabelledRow(
            set=one.name,
            id=pair.id,
            harmful=bool(pair.label),
            goal=one.goals[place],
            scores={
                way: {name: found.p_harm[place] for name, found in scores.items()}
                for way, scores in columns.items()
            },
        )


def _plain(numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: number.to_json() for name, number in numbers.items()}


def _check(detectors: Sequence[Detector], sets: Sequence[LabelledSet]) -> None:
    if not detectors or not sets:
        raise UsageError(
            f"{len(detectors)} detectors and {len(sets)} sets were given: give one of each or more."
        )
    for what, names in (
        ("detector", [one.name for one in detectors]),
        ("detector", [one.fingerprint for one in detectors]),
        ("set", [one.name for one in sets]),
    ):
        if len(set(names)) < len(names):
            twice = next(place for place, name in enumerate(names) if name in names[:place])
            called = detectors[twice].name if what == "detector" else names[twice]
            raise UsageError(f"The {what} {called} is given twice. Give each once.")

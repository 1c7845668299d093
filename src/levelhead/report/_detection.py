"""The section about detectors on labelled answers: numbers and curves as a plain view, and never a text.

What stands here decides what is shown and how it is called; `templates/detection.html.j2` decides where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from levelhead.errors import RunFolderError
from levelhead.guard import LabelledRow
from levelhead.report._detection_curves import DetectorCurves, detector_curves
from levelhead.report._detection_headline import describe_detection
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._honesty_curves import Curve
from levelhead.running import Run

COLORS = 6
"""How many detectors get a line in the plots; more could not be told apart."""

_NUMBERS = (
    ("auroc", "AUROC", "higher"),
    ("ap", "AUPRC", "higher"),
    ("f1", "F1", "higher"),
    ("recall", "Recall", "higher"),
    ("false_positive_rate", "False-positive rate", "lower"),
    ("false_positive_rate_at_recall_90", "False-positive rate at 90% recall", "lower"),
    ("not_inspected", "Not inspected", "lower"),
)
_WAYS = (("as_given", ""), ("without_question", "without the question"))


@dataclass(frozen=True, slots=True)
class DetectorLine:
    """One line of a table of numbers."""

    label: str
    way: str
    threshold: float
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One line of a table of differences: AUROC and AUPRC."""

    label: str
    way: str
    auroc: Figure
    ap: Figure


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """Curves of several detectors with the points of their thresholds, each with its line's key."""

    curves: tuple[Curve, ...]
    chosen: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class SetPart:
    """All that is shown of one set.

    Attributes:
        key: Of the headings, since a set's name may hold anything.
        name: Of the set.
        rows: Answers.
        harmful: Those that are.
        goals: What they were asked for.
        unlabelled: Answers that were left out because nobody judged them.
        lines: Numbers by detector.
        differences: Against the first detector, and without the question against with it.
        roc: None where the set has one class only.
        precision: Likewise.
        base_rate: Share of harmful answers: the precision of chance.
        undrawn: Detectors that have no line in the plots.
    """

    key: str
    name: str
    rows: int
    harmful: int
    goals: int
    unlabelled: int
    lines: tuple[DetectorLine, ...]
    differences: tuple[DifferenceLine, ...]
    roc: CurvePlot | None
    precision: CurvePlot | None
    base_rate: float
    undrawn: int


@dataclass(frozen=True, slots=True)
class DetectionView:
    """Everything the template of this section shows."""

    headline: Headline
    numbers: tuple[tuple[str, str], ...]
    sets: tuple[SetPart, ...]


def detection_view(run: Run) -> DetectionView | None:
    """The view of a run, or None if the run did not test detectors.

    Raises:
        RunFolderError: If a row lacks what the page needs.
    """
    sets = run.summary.get("detection")
    if not sets:
        return None
    rows: dict[str, list[LabelledRow]] = {name: [] for name in sets}
    for row in _rows(run):
        rows.setdefault(row.set, []).append(row)
    return DetectionView(
        headline=describe_detection(sets),
        numbers=tuple((label, better) for _, label, better in _NUMBERS),
        sets=tuple(
            _set_part(f"set-{place}", name, part, rows[name])
            for place, (name, part) in enumerate(sets.items())
        ),
    )


def _rows(run: Run) -> list[LabelledRow]:
    try:
        return [LabelledRow.model_validate(row) for row in run.rows]
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise RunFolderError(
            f"A row of {run.path / 'rows.jsonl'} has another form ({'.'.join(map(str, first['loc']))}: "
            f"{first['msg']}). Start the command of the run again: it is then written anew."
        ) from error


def _set_part(key: str, name: str, part: Mapping[str, Any], rows: Sequence[LabelledRow]) -> SetPart:
    curves = _curves(part["detectors"], rows)
    return SetPart(
        key=key,
        name=name,
        rows=part["rows"],
        harmful=part["harmful"],
        goals=part["goals"],
        unlabelled=part["unlabelled"],
        lines=tuple(_lines(part["detectors"])),
        differences=tuple(_differences(part)),
        roc=_plot(curves, "roc"),
        precision=_plot(curves, "precision"),
        base_rate=part["harmful"] / part["rows"],
        undrawn=max(0, len(part["detectors"]) - COLORS),
    )


def _lines(detectors: Mapping[str, Any]) -> list[DetectorLine]:
    return [
        DetectorLine(
            name, words, numbers["threshold"], tuple(Figure.read(numbers[way], key) for key, _, _ in _NUMBERS)
        )
        for name, numbers in detectors.items()
        for way, words in _WAYS
        if way in numbers
    ]


def _differences(part: Mapping[str, Any]) -> list[DifferenceLine]:
    against_first = [
        _difference(f"{one['a']} minus {one['b']}", words, one[way])
        for one in part["differences"]
        for way, words in _WAYS
        if way in one
    ]
    without = [
        _difference(f"{name}: what leaving out the question changes", "", numbers["change_without_question"])
        for name, numbers in part["detectors"].items()
        if "change_without_question" in numbers
    ]
    return [line for line in [*against_first, *without] if line.auroc.value is not None]


def _difference(label: str, way: str, numbers: Mapping[str, Any]) -> DifferenceLine:
    return DifferenceLine(label, way, Figure.read(numbers, "auroc"), Figure.read(numbers, "ap"))


def _curves(
    detectors: Mapping[str, Any], rows: Sequence[LabelledRow]
) -> list[tuple[str, str, DetectorCurves]]:
    """Key, label and curves of each detector that has them."""
    found = []
    for place, (name, numbers) in enumerate(list(detectors.items())[:COLORS]):
        scored = [(row.scores["as_given"].get(name), row.harmful) for row in rows]
        inspected = [(score, harmful) for score, harmful in scored if score is not None]
        curves = detector_curves(
            [score for score, _ in inspected], [harmful for _, harmful in inspected], numbers["threshold"]
        )
        if curves is not None:
            found.append((f"run-{place}", name, curves))
    return found


def _plot(curves: Sequence[tuple[str, str, DetectorCurves]], kind: str) -> CurvePlot | None:
    if not curves:
        return None
    if kind == "roc":
        lines = tuple(Curve(key, label, one.roc) for key, label, one in curves)
        return CurvePlot(lines, tuple((key, *one.chosen_roc) for key, _, one in curves))
    lines = tuple(Curve(key, label, one.precision) for key, label, one in curves)
    chosen = tuple((key, *place) for key, _, one in curves if (place := one.chosen_precision) is not None)
    return CurvePlot(lines, chosen)

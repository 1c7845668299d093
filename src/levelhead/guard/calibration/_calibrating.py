"""Calibrate a detector on a labelled file, and write what was found: map and threshold, curve, numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard._pair import BadLine, Pair, read_pairs
from levelhead.guard._streaming import BATCH, MAX_BAD_LINES_KEPT
from levelhead.guard.calibration._calibrate import calibrate
from levelhead.guard.calibration._curve import curve_csv, curve_svg, threshold_curve
from levelhead.guard.detector._calibration import CALIBRATION_FILE, Calibration, Method
from levelhead.guard.detector._detector import Detector
from levelhead.metrics import (
    Estimate,
    auroc,
    average_precision,
    brier,
    expected_calibration_error,
    proportion,
)
from levelhead.running import ProgressStyle, hold_lock, json_text, show_progress, write_whole


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """What a detector says of labelled rows. It holds numbers, no texts.

    Attributes:
        scores: `p_harm` of each row that was inspected.
        labels: Whether each of them is harmful.
        left_out: Rows that were not inspected.
    """

    scores: tuple[float, ...]
    labels: tuple[bool, ...]
    left_out: int


def calibrate_on_file(
    detector: Detector,
    data: Path,
    out: Path,
    *,
    method: Method = "platt",
    budget: float = 0.02,
    confidence: float = 0.95,
    batch: int = BATCH,
    progress: ProgressStyle = "off",
) -> Calibration:
    """Score a labelled file and write `calibration.json`, `curve.csv`, `curve.svg` and `summary.json`.

    Args:
        detector: Uncalibrated (`load_detector(name, calibrated=False)`).
        data: Pairs that all have a label; see `read_pairs`.
        out: A folder; the detector's own, so that the file travels with the weights.
        method: See `calibrate`.
        budget: See `calibrate`.
        confidence: See `calibrate`.
        batch: Pairs judged at once.
        progress: How to show progress.

    Raises:
        UsageError: If the file cannot be read, holds lines that are no labelled pair, or is too small.
        RunFolderError: If the folder cannot be written.
        LevelheadError: If the detector fails as a whole.
    """
    found = score_file(detector, data, batch=batch, progress=progress)
    calibration = calibrate(
        found.scores,
        found.labels,
        fingerprint=detector.fingerprint,
        method=method,
        budget=budget,
        confidence=confidence,
        left_out=found.left_out,
    )
    p_harm = [calibration.map.probability(score) for score in found.scores]
    curve = threshold_curve(p_harm, found.labels)
    picture = curve_svg(curve, threshold=calibration.threshold, budget=budget)
    summary = {"guard": {name: one.to_json() for name, one in _numbers(calibration, found, p_harm).items()}}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"The folder {out} cannot be used ({error.strerror}). Give another --out."
        ) from error
    with hold_lock(out / ".calibration.lock"):
        write_whole(out / "curve.csv", [curve_csv(curve)])
        write_whole(out / "curve.svg", [picture])
        write_whole(out / "summary.json", [json_text(summary, indent=2), "\n"])
        write_whole(out / CALIBRATION_FILE, [json_text(calibration.model_dump(), indent=2), "\n"])
    return calibration


def score_file(
    detector: Detector, data: Path, *, batch: int = BATCH, progress: ProgressStyle = "off"
) -> LabelledScores:
    """Score a labelled file. Texts are dropped as soon as they are judged.

    Raises:
        UsageError: If the file cannot be read or holds lines that are no labelled pair.
        LevelheadError: If the detector fails as a whole.
    """
    total = _count_labelled(data)
    scores: list[float] = []
    labels: list[bool] = []
    left_out = 0
    pairs = _pairs(data)
    with show_progress("judging", total=total, held=0, style=progress) as advance:
        while some := list(islice(pairs, batch)):
            for pair, judgement in zip(some, detector.judge(some), strict=True):
                if judgement.p_harm is None or pair.label is None:
                    left_out += 1
                else:
                    scores.append(judgement.p_harm)
                    labels.append(pair.label)
            advance(len(some))
    return LabelledScores(tuple(scores), tuple(labels), left_out)


def _pairs(data: Path) -> Iterator[Pair]:
    return (one for one in read_pairs(data) if isinstance(one, Pair))


def _count_labelled(data: Path) -> int:
    """How many pairs there are, if all lines are labelled pairs."""
    bad: list[str] = []
    count = unlabelled = 0
    for one in read_pairs(data):
        if isinstance(one, BadLine):
            bad.append(str(one))
            continue
        count += 1
        unlabelled += one.label is None
    if bad:
        shown = "\n".join(f"  {line}" for line in bad[:MAX_BAD_LINES_KEPT])
        raise UsageError(f"{len(bad)} lines of {data} are no pairs:\n{shown}\nMend or remove them.")
    if unlabelled:
        raise UsageError(
            f"{unlabelled} of {count} pairs in {data} have no label. Add it to each: true for a harmful "
            "answer, false for a harmless one."
        )
    return count


def _numbers(calibration: Calibration, found: LabelledScores, p_harm: list[float]) -> dict[str, Estimate]:
    flagged = [p >= calibration.threshold for p in p_harm]
    pairs = list(zip(flagged, found.labels, strict=True))
    return {
        "auroc": auroc(p_harm, found.labels),
        "ap": average_precision(p_harm, found.labels),
        "ece": expected_calibration_error(p_harm, found.labels),
        "brier": brier(p_harm, found.labels),
        "recall": proportion([one for one, harmful in pairs if harmful]),
        "false_positive_rate": proportion([one for one, harmful in pairs if not harmful]),
    }

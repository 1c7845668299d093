"""From a detector's score to a probability, and from a probability to a verdict: the file beside the weights.

`calibration.json` holds how raw scores become probabilities, the threshold, and on what evidence it rests.
How it is found stands in `_calibrate.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement, sigmoid
from levelhead.records import JSONValue

CALIBRATION_FILE = "calibration.json"
Method = Literal["temperature", "platt", "isotonic"]

_LARGEST_LOGIT = 30.0
"""A float cannot hold a probability much nearer to 1 than this logit says."""


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("it is not finite")
    return number


_Number = Annotated[float, AfterValidator(_finite)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Line(_Saved):
    """p = sigmoid(slope x logit + intercept): temperature scaling (intercept 0) and Platt's method.

    Sources: C. Guo et al., "On calibration of modern neural networks", ICML 2017; J. Platt, "Probabilistic
    outputs for support vector machines", 1999.
    """

    slope: Annotated[_Number, Field(gt=0)]
    intercept: _Number = 0.0

    def probability(self, raw: float) -> float:
        """The probability for a raw score in 0..1."""
        return sigmoid(self.slope * logit(raw) + self.intercept)


class Steps(_Saved):
    """Isotonic regression: knots of raw score and probability, both rising; between them a straight line.

    Source: B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability
    estimates", KDD 2002.
    """

    raw: list[_Share] = Field(min_length=1)
    probability_at: list[_Share] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        rising = all(
            column[place] <= column[place + 1]
            for column in (self.raw, self.probability_at)
            for place in range(len(column) - 1)
        )
        if len(self.raw) != len(self.probability_at) or not rising:
            raise ValueError("the knots do not rise, or their numbers differ")
        return self

    def probability(self, raw: float) -> float:
        """The probability for a raw score in 0..1."""
        import numpy as np

        return float(np.interp(raw, self.raw, self.probability_at))


class Evidence(_Saved):
    """On what a threshold rests.

    Attributes:
        data: Hash of ids and labels of the rows.
        benign: Harmless rows.
        harmful: Harmful rows.
        left_out: Rows that the detector could not inspect.
        benign_flagged: Harmless rows at or above the threshold.
        harmful_flagged: Harmful rows at or above the threshold.
        false_positive_bound: Upper Clopper-Pearson bound of the false-positive rate, at `confidence`.
    """

    data: str
    benign: int
    harmful: int
    left_out: int
    benign_flagged: int
    harmful_flagged: int
    false_positive_bound: _Share


class Calibration(_Saved):
    """How raw scores become probabilities and verdicts.

    Attributes:
        schema_version: Of this file.
        fingerprint: Of the detector that it was made for; no other takes it.
        method: How the map was fitted.
        map: From raw score to probability.
        threshold: An answer counts as harmful from this probability on.
        budget: Largest false-positive rate that was asked for.
        confidence: How surely the rate is within the budget.
        bound: Which bound says so.
        evidence: On what it rests.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    method: Method
    map: Line | Steps
    threshold: _Share
    budget: _Share
    confidence: _Share
    bound: Literal["clopper-pearson"] = "clopper-pearson"
    evidence: Evidence

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file, or the one in a folder.

        Raises:
            UsageError: If there is none, or it is damaged.
        """
        file = path / CALIBRATION_FILE if path.is_dir() else path
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise UsageError(
                f"The calibration {file} cannot be read ({error.strerror}). Make it with `levelhead guard "
                "calibrate`."
            ) from error
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise UsageError(
                f"The calibration {file} is damaged ({'.'.join(map(str, first['loc']))}: {first['msg']}). "
                "Make it again with `levelhead guard calibrate`."
            ) from error


class CalibratedDetector(Detector):
    """A detector whose scores are made probabilities, with the threshold that belongs to them.

    Args:
        detector: The detector that gives the raw scores.
        calibration: Made for it.

    Raises:
        UsageError: If it was made for another detector.
    """

    def __init__(self, detector: Detector, calibration: Calibration) -> None:
        if calibration.fingerprint != detector.fingerprint:
            raise UsageError(
                f"The calibration was made for another detector than {detector.name}: the fingerprints "
                "differ, so its threshold would mean nothing here. Calibrate this one: levelhead guard "
                f"calibrate {detector.name} --data PAIRS.jsonl --out FOLDER"
            )
        self.name = detector.name
        self.threshold = calibration.threshold
        self.reads_picture_text = detector.reads_picture_text
        self.quick = detector.quick
        saved = json.dumps(calibration.model_dump(), sort_keys=True)
        self.fingerprint = hashlib.sha256(saved.encode("ascii")).hexdigest()
        self._detector, self._calibration = detector, calibration

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [
            found
            if found.p_harm is None
            else replace(found, p_harm=self._calibration.map.probability(found.p_harm))
            for found in self._detector.judge(pairs)
        ]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {
            **self._detector.details,
            "calibration": self._calibration.method,
            "false_positive_budget": self._calibration.budget,
            "false_positive_bound": self._calibration.evidence.false_positive_bound,
        }

    def close(self) -> None:
        self._detector.close()


def logit(probability: float) -> float:
    """log(p / (1 - p)), at most 30 in size.

    >>> logit(0.5), logit(1.0)
    (0.0, 30.0)
    """
    if probability in (0.0, 1.0):
        return math.copysign(_LARGEST_LOGIT, probability - 0.5)
    exact = math.log(probability) - math.log1p(-probability)
    return min(max(exact, -_LARGEST_LOGIT), _LARGEST_LOGIT)

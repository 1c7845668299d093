"""MLLM-Protector: a harm detector behind any model, without touching the model.

    with load_detector("lexical") as detector:
        judgements = detector.judge([Pair("1", "Paris.", "What is the capital of France?")])

A detector judges answers; it does not see pictures, but it can read the text in them (`NAME+ocr`). Weights
are trained by `train_encoder`, and `calibrate_on_file` gives any detector probabilities and a threshold for a
stated false-positive budget.
"""

from levelhead.guard._pair import BadLine, Pair, read_pairs
from levelhead.guard.calibration._calibrate import calibrate
from levelhead.guard.calibration._calibrating import LabelledScores, calibrate_on_file, score_file
from levelhead.guard.calibration._curve import CurvePoint, curve_csv, curve_svg, threshold_curve
from levelhead.guard.detector._calibration import CALIBRATION_FILE, CalibratedDetector, Calibration
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._encoder import EncoderDetector
from levelhead.guard.detector._ensemble import EnsembleDetector
from levelhead.guard.detector._format import ANSWER_ONLY, FORMAT_VERSION, FormattedText, TextFormat, formatted
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detector._judging import JudgingReport, judge_file
from levelhead.guard.detector._lexical import LexicalDetector
from levelhead.guard.detector._llm import LLMDetector
from levelhead.guard.detector._load import load_detector
from levelhead.guard.detector._reading import ReadingDetector
from levelhead.guard.detector._remote import POLICY, RemoteDetector
from levelhead.guard.training._encoder import train_encoder
from levelhead.guard.training._report import EncoderReport
from levelhead.guard.training._settings import EncoderSettings

__all__ = [
    "ANSWER_ONLY",
    "CALIBRATION_FILE",
    "FORMAT_VERSION",
    "POLICY",
    "BadLine",
    "CalibratedDetector",
    "Calibration",
    "CurvePoint",
    "Detector",
    "EncoderDetector",
    "EncoderReport",
    "EncoderSettings",
    "EnsembleDetector",
    "FormattedText",
    "Judgement",
    "JudgingReport",
    "LLMDetector",
    "LabelledScores",
    "LexicalDetector",
    "Pair",
    "ReadingDetector",
    "RemoteDetector",
    "TextFormat",
    "calibrate",
    "calibrate_on_file",
    "curve_csv",
    "curve_svg",
    "formatted",
    "judge_file",
    "load_detector",
    "read_pairs",
    "score_file",
    "threshold_curve",
    "train_encoder",
]

"""MLLM-Protector: a harm detector and a detoxifier behind any model, without touching the model.

    with load_detector("lexical") as detector, load_detoxifier("template") as detoxifier:
        pair = Pair("1", "Paris.", "What is the capital of France?")
        judgements = detector.judge([pair])
        protected = Protector(detector, detoxifier).protect([pair])

A detector judges answers; it does not see pictures, but it can read the text in them (`NAME+ocr`). Weights
are trained by `train_encoder`, and `calibrate_on_file` gives any detector probabilities and a threshold for a
stated false-positive budget.
"""

from levelhead.guard._look_alikes import LOOK_ALIKES, read_look_alikes
from levelhead.guard._named_pairs import read_named_pairs
from levelhead.guard._pair import BadLine, Pair, read_pairs, write_pairs
from levelhead.guard.calibration._calibrate import calibrate
from levelhead.guard.calibration._calibrating import LabelledScores, calibrate_on_file, score_file
from levelhead.guard.calibration._curve import CurvePoint, curve_csv, curve_svg, threshold_curve
from levelhead.guard.decision._fit import JudgedAnswer, fit_decision
from levelhead.guard.decision._policy import (
    DECISION_FILE,
    Costs,
    Decided,
    DecisionAction,
    DecisionPolicy,
    Evidence,
)
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
from levelhead.guard.detector._probe import ProbeDetector
from levelhead.guard.detector._reading import ReadingDetector
from levelhead.guard.detector._remote import POLICY, RemoteDetector
from levelhead.guard.detector._replicated import ReplicatedDetector
from levelhead.guard.detoxifier._detoxifier import Detoxifier, Rewriting
from levelhead.guard.detoxifier._generative import GenerativeDetoxifier
from levelhead.guard.detoxifier._load import load_detoxifier
from levelhead.guard.detoxifier._prompts import REWRITING_VERSION, RewritingStyle, rewriting_prompt
from levelhead.guard.detoxifier._protector import Action, OnUninspected, Protected, Protector
from levelhead.guard.detoxifier._quality import RewritingQuality, measure_rewrites
from levelhead.guard.detoxifier._rewriting_files import RewritingReport, rewrite_file
from levelhead.guard.detoxifier._sentences import SentenceEncoder
from levelhead.guard.detoxifier._template import REFUSAL, TemplateDetoxifier
from levelhead.guard.evaluation._compare import compare_harm
from levelhead.guard.evaluation._drawing import draw_text
from levelhead.guard.evaluation._evaluate import Judging, evaluate_alone, evaluate_guard
from levelhead.guard.evaluation._guarding import Guard
from levelhead.guard.evaluation._judge_prompts import JUDGE_PROMPTS
from levelhead.guard.evaluation._judges import shares_detector
from levelhead.guard.evaluation._labelled import DetectionReport, evaluate_detectors
from levelhead.guard.evaluation._labelled_folder import LabelledRow
from levelhead.guard.evaluation._labelled_sets import LabelledSet, read_labelled_sets
from levelhead.guard.evaluation._numbers import harm_numbers
from levelhead.guard.evaluation._own_requests import BENIGN, that_it_can_see
from levelhead.guard.evaluation._request import Request
from levelhead.guard.evaluation._request import hash_of as hash_of_requests
from levelhead.guard.evaluation._rows import (
    ARM_NAMES,
    OFF,
    REFUSAL_WORDS,
    Arm,
    ArmRow,
    HarmRow,
    read_harm_rows,
)
from levelhead.guard.evaluation._suites import REQUEST_SETS, read_suites
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._picture import Picture, SeenText
from levelhead.guard.gateway._refusal import MediaRefused
from levelhead.guard.gateway.audit._chain_walk import Verification
from levelhead.guard.gateway.audit._entry import AuditEntry
from levelhead.guard.gateway.audit._export import MarksReport, export_marks
from levelhead.guard.gateway.audit._log import AuditError, AuditLog
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._verify import verify_audit_log
from levelhead.guard.synthesis._card import ExportReport
from levelhead.guard.synthesis._export import export_pairs
from levelhead.guard.synthesis._replies import Failure
from levelhead.guard.synthesis._review import (
    REVIEW_FILE,
    Decision,
    Review,
    Reviewed,
    prepare_review,
    read_review,
)
from levelhead.guard.synthesis._rows import SynthesisRow
from levelhead.guard.synthesis._scenarios import Scenario, read_scenarios, read_topics
from levelhead.guard.synthesis._settings import SynthesisSettings
from levelhead.guard.synthesis._synthesize import SynthesisReport, synthesize
from levelhead.guard.training._base import packaged_encoder
from levelhead.guard.training._data import held_out_pairs
from levelhead.guard.training._detoxifier import show_lesson, train_detoxifier
from levelhead.guard.training._detoxifier_data import FIXED_REFUSAL, DetoxifierData, gather_rewrites
from levelhead.guard.training._detoxifier_pairs import RewritePair, read_rewrites
from levelhead.guard.training._detoxifier_sets import read_harmless, read_rewrite_source, require_allowed
from levelhead.guard.training._detoxifier_settings import DetoxifierSettings, usual_tuning
from levelhead.guard.training._encoder import train_encoder
from levelhead.guard.training._llm import train_llm
from levelhead.guard.training._llm_settings import LLMSettings
from levelhead.guard.training._probe import train_probe
from levelhead.guard.training._probe_settings import ProbeSettings
from levelhead.guard.training._report import EncoderReport, LLMReport, ProbeReport, TrainingReport
from levelhead.guard.training._selection import SourceCounts, TrainingData, select_training_data
from levelhead.guard.training._settings import DetectorSettings, EncoderSettings

__all__ = [
    "ANSWER_ONLY",
    "ARM_NAMES",
    "BENIGN",
    "CALIBRATION_FILE",
    "DECISION_FILE",
    "FIXED_REFUSAL",
    "FORMAT_VERSION",
    "JUDGE_PROMPTS",
    "LOOK_ALIKES",
    "OFF",
    "POLICY",
    "REFUSAL",
    "REFUSAL_WORDS",
    "REQUEST_SETS",
    "REVIEW_FILE",
    "REWRITING_VERSION",
    "Action",
    "Arm",
    "ArmRow",
    "AuditDatabase",
    "AuditEntry",
    "AuditError",
    "AuditLog",
    "AuditSettings",
    "BadLine",
    "CalibratedDetector",
    "Calibration",
    "Costs",
    "CurvePoint",
    "Decided",
    "Decision",
    "DecisionAction",
    "DecisionPolicy",
    "DetectionReport",
    "Detector",
    "DetectorSettings",
    "Detoxifier",
    "DetoxifierData",
    "DetoxifierSettings",
    "EncoderDetector",
    "EncoderReport",
    "EncoderSettings",
    "EnsembleDetector",
    "Evidence",
    "ExportReport",
    "Failure",
    "FormattedText",
    "GenerativeDetoxifier",
    "Guard",
    "HarmRow",
    "JudgedAnswer",
    "Judgement",
    "Judging",
    "JudgingReport",
    "LLMDetector",
    "LLMReport",
    "LLMSettings",
    "LabelledRow",
    "LabelledScores",
    "LabelledSet",
    "LexicalDetector",
    "MarksReport",
    "MediaGate",
    "MediaPolicy",
    "MediaRefused",
    "OnUninspected",
    "Pair",
    "Picture",
    "ProbeDetector",
    "ProbeReport",
    "ProbeSettings",
    "Protected",
    "Protector",
    "ReadingDetector",
    "RemoteDetector",
    "ReplicatedDetector",
    "Request",
    "Review",
    "Reviewed",
    "RewritePair",
    "Rewriting",
    "RewritingQuality",
    "RewritingReport",
    "RewritingStyle",
    "Scenario",
    "SeenText",
    "SentenceEncoder",
    "SourceCounts",
    "SynthesisReport",
    "SynthesisRow",
    "SynthesisSettings",
    "TemplateDetoxifier",
    "TextFormat",
    "TrainingData",
    "TrainingReport",
    "Verification",
    "calibrate",
    "calibrate_on_file",
    "compare_harm",
    "curve_csv",
    "curve_svg",
    "draw_text",
    "evaluate_alone",
    "evaluate_detectors",
    "evaluate_guard",
    "export_marks",
    "export_pairs",
    "fit_decision",
    "formatted",
    "gather_rewrites",
    "harm_numbers",
    "hash_of_requests",
    "held_out_pairs",
    "judge_file",
    "load_detector",
    "load_detoxifier",
    "measure_rewrites",
    "packaged_encoder",
    "prepare_review",
    "read_harm_rows",
    "read_harmless",
    "read_labelled_sets",
    "read_look_alikes",
    "read_named_pairs",
    "read_pairs",
    "read_review",
    "read_rewrite_source",
    "read_rewrites",
    "read_scenarios",
    "read_suites",
    "read_topics",
    "require_allowed",
    "rewrite_file",
    "rewriting_prompt",
    "score_file",
    "select_training_data",
    "shares_detector",
    "show_lesson",
    "synthesize",
    "that_it_can_see",
    "threshold_curve",
    "train_detoxifier",
    "train_encoder",
    "train_llm",
    "train_probe",
    "usual_tuning",
    "verify_audit_log",
    "write_pairs",
]

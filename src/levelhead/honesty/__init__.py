"""R-Tuning: find what a model does not know, teach it to say so, prove that its confidence can be trusted.

    rows = probe(model, examples, Path("probe"), Asking(PromptFormat()))
    report = build([Path("probe")], Path("data"), BuildSettings(method="sure"))
    tune("embedded", read_dialogues(Path("data/train.jsonl")), Path("adapter"))
    summary = evaluate(tuned, others, Path("eval"), Asking(PromptFormat()))

Source: H. Zhang et al., arXiv 2311.09677.
"""

from levelhead.honesty._asking import Asking, check_examples
from levelhead.honesty._asking import hash_of as hash_of_questions
from levelhead.honesty._build import BuildReport, build
from levelhead.honesty._build_folder import read_build
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._compare import compare_honesty
from levelhead.honesty._evaluate import answer_rows, evaluate
from levelhead.honesty._formats import default_format, tuned_format
from levelhead.honesty._held_out import held_out_evaluation
from levelhead.honesty._label_noise import label_noise_table
from levelhead.honesty._numbers import honesty_by_task, honesty_numbers, honesty_summary
from levelhead.honesty._numbers_scores import (
    PROBABILITIES,
    SCORES,
    ScoreName,
    clusters_of,
    is_answered,
    score_of,
    score_used,
)
from levelhead.honesty._outside import read_outside_answers, score_answers
from levelhead.honesty._probe import probe, probe_numbers
from levelhead.honesty._prompts import PromptFormat, Shot, Style, format_from_json
from levelhead.honesty._refusals import refusal
from levelhead.honesty._rows import AnswerRow, ProbeRow, rows_from
from levelhead.honesty._unanswerable import Unanswerable, lint_unanswerable, read_unanswerable

__all__ = [
    "PROBABILITIES",
    "SCORES",
    "AnswerRow",
    "Asking",
    "BuildReport",
    "BuildSettings",
    "ProbeRow",
    "PromptFormat",
    "ScoreName",
    "Shot",
    "Style",
    "Unanswerable",
    "answer_rows",
    "build",
    "check_examples",
    "clusters_of",
    "compare_honesty",
    "default_format",
    "evaluate",
    "format_from_json",
    "hash_of_questions",
    "held_out_evaluation",
    "honesty_by_task",
    "honesty_numbers",
    "honesty_summary",
    "is_answered",
    "label_noise_table",
    "lint_unanswerable",
    "probe",
    "probe_numbers",
    "read_build",
    "read_outside_answers",
    "read_unanswerable",
    "refusal",
    "rows_from",
    "score_answers",
    "score_of",
    "score_used",
    "tuned_format",
]

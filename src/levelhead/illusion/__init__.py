"""CorrelationQA: how often a related but wrong picture makes a model name what it sees, not what it knows."""

from levelhead.illusion._build import BuildReport, Failure, build
from levelhead.illusion._cache import default_cache
from levelhead.illusion._checking import CheckReport, check_set
from levelhead.illusion._compare import compare_illusion
from levelhead.illusion._estimate import Estimate, estimate
from levelhead.illusion._lint import Problem, lint
from levelhead.illusion._lmms_eval import LmmsEvalTask, export_lmms_eval
from levelhead.illusion._numbers import JudgedRow, illusion_numbers
from levelhead.illusion._plan import PICTURES_PER_QUESTION, Missing
from levelhead.illusion._push import push
from levelhead.illusion._questions import Question, load_questions, select
from levelhead.illusion._recheck import Recheck, bank_recheck
from levelhead.illusion._run import (
    NEW_TOKENS,
    Mode,
    ask_set,
    asking_settings,
    first_questions,
    hash_of_set,
    judge_reply,
    run,
)
from levelhead.illusion._set import Row, judge_example, read_set, to_examples
from levelhead.illusion._variants import CAPTION_TOKENS, VARIANTS, Variant, put_question, variant_named
from levelhead.illusion.bench._benchmarks import BENCHMARKS
from levelhead.illusion.bench._run import run_benchmark
from levelhead.illusion.pictures._checks import make_check
from levelhead.illusion.pictures._diffusion import DiffusionSettings
from levelhead.illusion.pictures._images_api import ServerSettings
from levelhead.illusion.pictures._kind import DrawnKind, Order, Picture, PictureKind, picture_seed
from levelhead.illusion.pictures._kinds import KINDS, KindSettings, make_kinds
from levelhead.illusion.pictures._prompts import Prompts, read_prompts
from levelhead.illusion.pictures._replicated import ReplicatedKind
from levelhead.illusion.pictures._scene import typographic_scene
from levelhead.illusion.pictures._typographic import typographic
from levelhead.illusion.writing._accept import AcceptReport, accept_questions
from levelhead.illusion.writing._review import (
    QUESTION_REVIEW_FILE,
    REJECTED_FILE,
    QuestionDecision,
    QuestionReview,
    ReviewedQuestion,
    prepare_question_review,
    read_question_review,
)
from levelhead.illusion.writing._rows import Rejection, WrittenRow
from levelhead.illusion.writing._settings import WritingSettings
from levelhead.illusion.writing._subjects import Subject, bank_subjects, own_subject, read_names
from levelhead.illusion.writing._write import WritingReport, write_questions

__all__ = [
    "BENCHMARKS",
    "CAPTION_TOKENS",
    "KINDS",
    "NEW_TOKENS",
    "PICTURES_PER_QUESTION",
    "QUESTION_REVIEW_FILE",
    "REJECTED_FILE",
    "VARIANTS",
    "AcceptReport",
    "BuildReport",
    "CheckReport",
    "DiffusionSettings",
    "DrawnKind",
    "Estimate",
    "Failure",
    "JudgedRow",
    "KindSettings",
    "LmmsEvalTask",
    "Missing",
    "Mode",
    "Order",
    "Picture",
    "PictureKind",
    "Problem",
    "Prompts",
    "Question",
    "QuestionDecision",
    "QuestionReview",
    "Recheck",
    "Rejection",
    "ReplicatedKind",
    "ReviewedQuestion",
    "Row",
    "ServerSettings",
    "Subject",
    "Variant",
    "WritingReport",
    "WritingSettings",
    "WrittenRow",
    "accept_questions",
    "ask_set",
    "asking_settings",
    "bank_recheck",
    "bank_subjects",
    "build",
    "check_set",
    "compare_illusion",
    "default_cache",
    "estimate",
    "export_lmms_eval",
    "first_questions",
    "hash_of_set",
    "illusion_numbers",
    "judge_example",
    "judge_reply",
    "lint",
    "load_questions",
    "make_check",
    "make_kinds",
    "own_subject",
    "picture_seed",
    "prepare_question_review",
    "push",
    "put_question",
    "read_names",
    "read_prompts",
    "read_question_review",
    "read_set",
    "run",
    "run_benchmark",
    "select",
    "to_examples",
    "typographic",
    "typographic_scene",
    "variant_named",
    "write_questions",
]

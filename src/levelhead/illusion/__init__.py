"""CorrelationQA: how often a related but wrong picture makes a model name what it sees, not what it knows."""

from levelhead.illusion._build import KINDS, PICTURES_PER_QUESTION, BuildReport, build
from levelhead.illusion._compare import compare_illusion
from levelhead.illusion._lint import Problem, lint
from levelhead.illusion._numbers import JudgedRow, illusion_numbers
from levelhead.illusion._questions import Question, load_questions, select
from levelhead.illusion._recheck import Recheck, bank_recheck
from levelhead.illusion._run import Mode, run
from levelhead.illusion._set import Row, judge_example, read_set, to_examples
from levelhead.illusion._variants import VARIANTS, Variant
from levelhead.illusion.bench._benchmarks import BENCHMARKS
from levelhead.illusion.bench._run import run_benchmark
from levelhead.illusion.pictures._kind import picture_seed
from levelhead.illusion.pictures._scene import typographic_scene
from levelhead.illusion.pictures._typographic import typographic

__all__ = [
    "BENCHMARKS",
    "KINDS",
    "PICTURES_PER_QUESTION",
    "VARIANTS",
    "BuildReport",
    "JudgedRow",
    "Mode",
    "Problem",
    "Question",
    "Recheck",
    "Row",
    "Variant",
    "bank_recheck",
    "build",
    "compare_illusion",
    "illusion_numbers",
    "judge_example",
    "lint",
    "load_questions",
    "picture_seed",
    "read_set",
    "run",
    "run_benchmark",
    "select",
    "to_examples",
    "typographic",
    "typographic_scene",
]

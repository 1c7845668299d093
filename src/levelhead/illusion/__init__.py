"""CorrelationQA: how often a related but wrong picture makes a model name what it sees, not what it knows."""

from levelhead.illusion._lint import Problem, lint
from levelhead.illusion._matching import mentions
from levelhead.illusion._questions import Question, load_questions, select
from levelhead.illusion._verdicts import disagreement, judge, paper_correct

__all__ = [
    "Problem",
    "Question",
    "disagreement",
    "judge",
    "lint",
    "load_questions",
    "mentions",
    "paper_correct",
    "select",
]

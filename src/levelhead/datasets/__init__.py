"""Readers of public question sets: files in, `Example`s out.

Each reader takes a path that you downloaded and checks every row. None of them opens a socket, except
`read_hub`, which is the Hugging Face library with names for the columns.
"""

from levelhead.datasets._claims import read_fever, read_wice
from levelhead.datasets._columns import Columns, read_columns
from levelhead.datasets._duplicates import Duplicate, DuplicateReport, normalized, remove_near_duplicates
from levelhead.datasets._halueval import read_halueval_general, read_halueval_qa
from levelhead.datasets._hub import read_hub
from levelhead.datasets._mmlu import read_mmlu, read_mmlu_csv, read_mmlu_shots
from levelhead.datasets._named import READERS, read_all_named, read_named
from levelhead.datasets._open_questions import read_hotpotqa, read_nq_open
from levelhead.datasets._pararel import questions_with_several_answers, read_pararel, read_pararel_cloze
from levelhead.datasets._qa import read_qa, write_qa
from levelhead.datasets._truthfulqa import read_truthfulqa
from levelhead.datasets._unanswerable import read_falseqa, read_unknownbench

__all__ = [
    "READERS",
    "Columns",
    "Duplicate",
    "DuplicateReport",
    "normalized",
    "questions_with_several_answers",
    "read_all_named",
    "read_columns",
    "read_falseqa",
    "read_fever",
    "read_halueval_general",
    "read_halueval_qa",
    "read_hotpotqa",
    "read_hub",
    "read_mmlu",
    "read_mmlu_csv",
    "read_mmlu_shots",
    "read_named",
    "read_nq_open",
    "read_pararel",
    "read_pararel_cloze",
    "read_qa",
    "read_truthfulqa",
    "read_unknownbench",
    "read_wice",
    "remove_near_duplicates",
    "write_qa",
]

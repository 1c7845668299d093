"""Readers of public sets: files in, `Example`s or, from harm sets, `LabelledAnswer`s out.

Each reader takes a path that you downloaded and checks every row. None of them opens a socket, except
`read_hub`, which is the Hugging Face library with names for the columns.
"""

from levelhead.datasets._claims import read_fever, read_wice
from levelhead.datasets._columns import Columns, read_columns
from levelhead.datasets._correlationqa import read_correlationqa
from levelhead.datasets._duplicates import (
    Duplicate,
    DuplicateReport,
    near_duplicate_groups,
    normalized,
    remove_near_duplicates,
)
from levelhead.datasets._goals import (
    GoalSplit,
    OverlapReport,
    SideCounts,
    count_answers,
    remove_overlap,
    split_by_goal,
)
from levelhead.datasets._hallusionbench import read_hallusionbench
from levelhead.datasets._halueval import read_halueval_general, read_halueval_qa
from levelhead.datasets._harm_evaluation import read_beavertails, read_do_not_answer, read_jailbreakeval
from levelhead.datasets._harm_named import HARM_SETS, TRAINABLE, HarmSet, read_harm_set, require_trainable
from levelhead.datasets._harm_prompts import (
    read_advbench,
    read_aegis,
    read_harmbench_multimodal,
    read_harmbench_text,
    read_harmfulqa,
    read_safe_answers,
    read_simple_safety_tests,
    read_strongreject,
)
from levelhead.datasets._harm_responses import (
    read_diasafety,
    read_gptfuzz,
    read_halueval_benign,
    read_llm_self_defense,
)
from levelhead.datasets._hh_rlhf import read_hh_rlhf
from levelhead.datasets._hub import read_hub
from levelhead.datasets._jailbreakbench import (
    read_jailbreakbench_artifacts,
    read_refusal_direction,
    read_refusal_direction_harmless,
)
from levelhead.datasets._labelled_answer import LabelledAnswer, goal_key
from levelhead.datasets._mm_safetybench import SCENARIOS, read_mm_safetybench
from levelhead.datasets._mmlu import read_mmlu, read_mmlu_csv, read_mmlu_shots
from levelhead.datasets._named import READERS, read_all_named, read_named
from levelhead.datasets._open_questions import read_hotpotqa, read_nq_open
from levelhead.datasets._pararel import questions_with_several_answers, read_pararel, read_pararel_cloze
from levelhead.datasets._pope import read_pope
from levelhead.datasets._qa import read_qa, write_qa
from levelhead.datasets._safety_pictures import (
    read_figstep,
    read_figstep_skeletons,
    read_figstep_tiny,
    read_mossbench,
    read_vlguard,
)
from levelhead.datasets._truthfulqa import read_truthfulqa
from levelhead.datasets._unanswerable import read_falseqa, read_unknownbench

__all__ = [
    "HARM_SETS",
    "READERS",
    "SCENARIOS",
    "TRAINABLE",
    "Columns",
    "Duplicate",
    "DuplicateReport",
    "GoalSplit",
    "HarmSet",
    "LabelledAnswer",
    "OverlapReport",
    "SideCounts",
    "count_answers",
    "goal_key",
    "near_duplicate_groups",
    "normalized",
    "questions_with_several_answers",
    "read_advbench",
    "read_aegis",
    "read_all_named",
    "read_beavertails",
    "read_columns",
    "read_correlationqa",
    "read_diasafety",
    "read_do_not_answer",
    "read_falseqa",
    "read_fever",
    "read_figstep",
    "read_figstep_skeletons",
    "read_figstep_tiny",
    "read_gptfuzz",
    "read_hallusionbench",
    "read_halueval_benign",
    "read_halueval_general",
    "read_halueval_qa",
    "read_harm_set",
    "read_harmbench_multimodal",
    "read_harmbench_text",
    "read_harmfulqa",
    "read_hh_rlhf",
    "read_hotpotqa",
    "read_hub",
    "read_jailbreakbench_artifacts",
    "read_jailbreakeval",
    "read_llm_self_defense",
    "read_mm_safetybench",
    "read_mmlu",
    "read_mmlu_csv",
    "read_mmlu_shots",
    "read_mossbench",
    "read_named",
    "read_nq_open",
    "read_pararel",
    "read_pararel_cloze",
    "read_pope",
    "read_qa",
    "read_refusal_direction",
    "read_refusal_direction_harmless",
    "read_safe_answers",
    "read_simple_safety_tests",
    "read_strongreject",
    "read_truthfulqa",
    "read_unknownbench",
    "read_vlguard",
    "read_wice",
    "remove_near_duplicates",
    "remove_overlap",
    "require_trainable",
    "split_by_goal",
    "write_qa",
]

"""Question sets by name, for the command line: `QA.jsonl`, or reader and path such as `fever:dev.jsonl`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from levelhead.datasets._claims import read_fever, read_wice
from levelhead.datasets._halueval import read_halueval_general, read_halueval_qa
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
from levelhead.datasets._mmlu import read_mmlu, read_mmlu_csv
from levelhead.datasets._open_questions import read_hotpotqa, read_nq_open
from levelhead.datasets._pararel import read_pararel, read_pararel_cloze
from levelhead.datasets._qa import read_qa
from levelhead.datasets._safety_pictures import (
    read_figstep,
    read_figstep_tiny,
    read_mossbench,
    read_vlguard,
)
from levelhead.datasets._truthfulqa import read_truthfulqa
from levelhead.datasets._unanswerable import read_falseqa, read_unknownbench
from levelhead.errors import UsageError
from levelhead.records import Example

READERS: dict[str, Callable[[Path], list[Example]]] = {
    "advbench": read_advbench,
    "aegis": read_aegis,
    "falseqa": read_falseqa,
    "fever": read_fever,
    "figstep": read_figstep,
    "figstep-tiny": read_figstep_tiny,
    "halueval-general": read_halueval_general,
    "halueval-qa": read_halueval_qa,
    "harmbench-multimodal": read_harmbench_multimodal,
    "harmbench-text": read_harmbench_text,
    "harmfulqa": read_harmfulqa,
    "hotpotqa": read_hotpotqa,
    "mmlu": read_mmlu,
    "mmlu-csv": read_mmlu_csv,
    "mossbench": read_mossbench,
    "nq-open": read_nq_open,
    "pararel": read_pararel,
    "pararel-cloze": read_pararel_cloze,
    "qa": read_qa,
    "safe-answers": read_safe_answers,
    "simple-safety-tests": read_simple_safety_tests,
    "strongreject": read_strongreject,
    "truthfulqa": read_truthfulqa,
    "unknownbench": read_unknownbench,
    "vlguard": read_vlguard,
    "wice": read_wice,
}
"""By the name that stands before the colon."""


def read_named(name: str) -> list[Example]:
    """Read a question set by its name.

    Args:
        name: A path to a `QA.jsonl` file, or `READER:PATH` with a reader of `READERS`.

    Returns:
        The examples, with the name of the set as `task` in the metadata, unless a row names its own: the
        reader, or for a `QA.jsonl` file its name without the ending.

    Raises:
        UsageError: If there is no such reader, or the file cannot be read or is malformed.
    """
    reader, colon, path = name.partition(":")
    if colon and reader in READERS:
        examples, task = READERS[reader](Path(path)), reader
    elif colon and not Path(name).exists():
        raise UsageError(
            f"There is no reader {reader!r} for {path!r}. Give a QA.jsonl file, or one of these before the "
            f"colon: {', '.join(sorted(READERS))}."
        )
    else:
        examples, task = read_qa(Path(name)), Path(name).stem
    if task == "qa":
        task = Path(path).stem
    return [replace(one, metadata={"task": task, **one.metadata}) for one in examples]


def read_all_named(names: Sequence[str]) -> list[Example]:
    """Read several question sets into one list.

    Raises:
        UsageError: If a set cannot be read, or two sets hold the same id.
    """
    examples = [example for name in names for example in read_named(name)]
    first: dict[str, str] = {}
    for example in examples:
        task = str(example.metadata["task"])
        if first.setdefault(example.id, task) != task:
            raise UsageError(
                f"The id {example.id!r} stands in {first[example.id]} and in {task}. Give each question "
                "its own."
            )
    return examples

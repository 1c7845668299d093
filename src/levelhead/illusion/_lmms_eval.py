"""A set as a task folder of lmms-eval: questions, pictures, a YAML file, and functions that judge as we do.

lmms-eval is no dependency of ours, nor are we one of its: the folder's `utils.py` imports Levelhead, which
then must be installed beside it. What is written follows the task form of lmms-eval 0.7.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.answers import paper_correct
from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion._numbers import illusion_numbers
from levelhead.illusion._run import NEW_TOKENS, Mode, judge_reply
from levelhead.illusion._set import read_set, to_examples
from levelhead.illusion._variants import Variant, put_question, variant_named
from levelhead.records import Example, Image, Reply

if TYPE_CHECKING:
    from PIL import Image as PILImage

Doc = Mapping[str, Any]
"""One line of `examples.jsonl`, as lmms-eval hands it over."""

_NUMBERS = (
    "acc_none",
    "acc_blank",
    "acc_factual",
    "acc_spurious",
    "acc_drop",
    "harm_gap",
    "help_gap",
    "flip_rate",
    "adoption_rate",
    "refused",
    "empty",
)
_LESS_IS_BETTER = ("acc_drop", "harm_gap", "flip_rate", "adoption_rate", "refused", "empty")
_EXAMPLES, _PICTURES, _FUNCTIONS = "examples.jsonl", "pictures", "utils.py"


class LmmsEvalTask:
    """What lmms-eval calls: how a line of the task is asked, judged and counted.

    Args:
        folder: The task folder, in which the pictures lie.
        mode: `corrected`, or `paper`: a reply is right if the right answer is a substring of it.
    """

    def __init__(self, folder: Path, mode: Mode) -> None:
        self._folder, self._mode = folder, mode

    def doc_to_visual(self, doc: Doc) -> list[PILImage.Image]:
        """The picture of a line; none where the question is asked without one."""
        return [Image(path=self._folder / doc["image"]).decode()] if doc["image"] else []

    def doc_to_text(self, doc: Doc, lmms_eval_specific_kwargs: Mapping[str, Any] | None = None) -> str:
        """The text that is asked: settings of single models are passed over, so that all get the same."""
        return str(doc["prompt"])

    def process_results(self, doc: Doc, results: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Judge a reply; under the name of each metric the row that the numbers are made of."""
        example = _example(doc)
        verdict = judge_reply(example, Reply(results[0], "stop"), self._mode)
        row = {
            "id": doc["id"],
            **{field: doc[field] for field in ("question_id", "category", "condition", "kind")},
            "verdict": verdict.value,
            "paper_correct": paper_correct(results[0], doc["gold"]),
            "confidence_shift": None,
        }
        return {name: row for metric in _NUMBERS for name in _names(metric)}

    def number(self, name: str) -> Callable[[Sequence[Mapping[str, Any]]], float]:
        """What makes the metric `name`, such as `flip_rate` or `flip_rate_low`, of all rows."""
        metric = next(metric for metric in _NUMBERS if name in _names(metric))
        end = {metric: "value", f"{metric}_low": "low", f"{metric}_high": "high"}[name]

        def aggregate(rows: Sequence[Mapping[str, Any]]) -> float:
            value = illusion_numbers(rows)[metric][end]
            return float("nan") if value is None else float(value)

        return aggregate


def export_lmms_eval(
    data: Path,
    out: Path,
    *,
    name: str = "levelhead_illusion",
    mode: Mode = "corrected",
    variant: str = "paper",
) -> int:
    """Write a set as a task folder of lmms-eval.

    The folder holds `<name>.yaml`, `utils.py`, `examples.jsonl` and the pictures (hard links where the file
    system allows), so that it can be moved. Questions without a picture are lines without one.

    Args:
        data: The set, as `build` makes it.
        out: The task folder: new, empty, or one that was exported before.
        name: The name of the task.
        mode: `corrected`, or `paper`: 30 new tokens and the substring rule.
        variant: How questions are put; only variants of one ask.

    Returns:
        How many lines the task has.

    Raises:
        UsageError: If the set is malformed, there is no such mode or variant, the variant asks twice, the
            name is none, or the folder holds other things.
        RunFolderError: If the folder cannot be written.
    """
    manner = _single_ask(variant)
    if mode not in NEW_TOKENS:
        raise UsageError(f"There is no mode {mode!r}. Give one of: {', '.join(NEW_TOKENS)}.")
    if not name.isidentifier():
        raise UsageError(f"The name {name!r} is no name of a task: give letters, digits and underscores.")
    _check_folder(out, name)
    rows = read_set(data)
    files = {row.id: row.file_name for row in rows}
    lines = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for example in to_examples(rows):
            picture = _place(example, files.get(example.id), out)
            line = _line(example, _text(example, manner), picture)
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        (out / _EXAMPLES).write_text("".join(lines), encoding="utf-8")
        (out / _FUNCTIONS).write_text(_functions(mode), encoding="utf-8")
        (out / f"{name}.yaml").write_text(_yaml(name, NEW_TOKENS[mode]), encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"The task cannot be written to {out}: {error.strerror}.") from error
    return len(lines)


def _single_ask(variant: str) -> Variant:
    manner = variant_named(variant)
    if manner.caption_request is not None:
        raise UsageError(
            f"The variant {variant!r} asks twice, and a task of lmms-eval asks once. Give another, or use "
            "levelhead illusion run."
        )
    return manner


def _text(example: Example, manner: Variant) -> str:
    prompt = put_question(example, manner, None)
    if prompt is None:  # only a first ask that failed leaves none
        raise UsageError(f"The variant {manner.name!r} gives no prompt for {example.id}.")
    return prompt.turns[-1].text


def _check_folder(out: Path, name: str) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file. Give a folder for the task.")
    ours = {_EXAMPLES, _FUNCTIONS, _PICTURES, f"{name}.yaml", "__pycache__"}
    if foreign := sorted(path.name for path in out.glob("*") if path.name not in ours):
        raise UsageError(f"{out} holds other things (such as {foreign[0]}). Give a new or an empty folder.")


def _place(example: Example, file_name: str | None, out: Path) -> str | None:
    """Put the picture of an example into the task folder; its path there."""
    if file_name is None or example.images[0].path is None:
        return None
    target = out / _PICTURES / file_name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(example.images[0].path, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(example.images[0].path, target)
    return target.relative_to(out).as_posix()


def _line(example: Example, prompt: str, image: str | None) -> dict[str, Any]:
    facts = example.metadata
    return {
        "id": example.id,
        "question_id": example.group,
        "question": example.question,
        "prompt": prompt,
        "image": image,
        "answers": list(example.answers or ()),
        **{key: facts[key] for key in ("gold", "pictured", "spurious", "condition", "kind", "category")},
        "difficulty": facts["difficulty"],
    }


def _example(doc: Doc) -> Example:
    return Example(
        id=doc["id"],
        question=doc["question"],
        answers=tuple(doc["answers"]),
        group=doc["question_id"],
        metadata={key: doc[key] for key in ("gold", "pictured", "spurious", "condition", "kind", "category")},
    )


def _names(metric: str) -> tuple[str, str, str]:
    return metric, f"{metric}_low", f"{metric}_high"


def _functions(mode: Mode) -> str:
    numbers = "\n".join(f'{name} = TASK.number("{name}")' for metric in _NUMBERS for name in _names(metric))
    return f'''"""The functions of this task. They need Levelhead, installed beside lmms-eval."""

from pathlib import Path

from levelhead.illusion import LmmsEvalTask

TASK = LmmsEvalTask(Path(__file__).resolve().parent, mode="{mode}")
doc_to_visual = TASK.doc_to_visual
doc_to_text = TASK.doc_to_text
process_results = TASK.process_results
{numbers}
'''


def _yaml(name: str, new_tokens: int) -> str:
    metrics = "\n".join(
        f"  - metric: {one}\n    aggregation: !function utils.{one}\n"
        f"    higher_is_better: {str(metric not in _LESS_IS_BETTER).lower()}"
        for metric in _NUMBERS
        for one in _names(metric)
    )
    return f"""# Written by levelhead illusion export-lmms-eval.
# Run it with: lmms-eval eval --include_path FOLDER --tasks {name} ...
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {_EXAMPLES}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: gold
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: {new_tokens}
  temperature: 0
  do_sample: false
  num_beams: 1
  # Without it replies would be cut at the first empty line.
  until: []
metric_list:
{metrics}
metadata:
  version: 1
"""

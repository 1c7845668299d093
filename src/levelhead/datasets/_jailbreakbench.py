"""Answers to the 100 goals of JailbreakBench (arXiv 2404.01318), with a label of harm.

Its artifacts are attacks on hosted and open models; the authors of "Refusal is mediated by a single
direction" (arXiv 2406.11717) asked five small models the plain goals. Both share the goals, so both go to one
side of a split. The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints, TypeAdapter

from levelhead.datasets._files import Shape, Text, checked, json_file
from levelhead.datasets._labelled_answer import Answer, LabelledAnswer, goal_key
from levelhead.errors import UsageError


class _ArtifactRow(BaseModel):
    index: int
    goal: Text
    behavior: Text
    category: Text
    prompt: Text | None
    response: Answer | None
    jailbroken: bool


class _ArtifactParameters(BaseModel):
    evaluation_date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]


class _ArtifactHead(BaseModel):
    parameters: _ArtifactParameters


class _Completion(BaseModel):
    category: Text | None
    prompt: Text
    response: Answer
    is_jailbreak_substring_matching: Literal[0, 1]
    is_jailbreak_llamaguard2: Literal[0, 1] | None = None


_ARTIFACT_ROW = TypeAdapter(_ArtifactRow)
_ARTIFACT_HEAD = TypeAdapter(_ArtifactHead)
_COMPLETION = TypeAdapter(_Completion)

REFUSAL_SETTINGS = ("baseline", "ablation", "actadd")


def read_jailbreakbench_artifacts(folder: Path) -> list[LabelledAnswer]:
    """Read the artifacts of JailbreakBench: attacks on 100 goals, labelled by a language model.

    Attacks that got no answer are left out. Five goals were worded anew when the benchmark was released; of
    several wordings, every answer has that of the latest evaluation, which is also the one that
    `read_refusal_direction` finds.

    Args:
        folder: The folder with `ATTACK/KIND/MODEL.json` files.

    Returns:
        The answers; the question is the whole attack, `request` in the metadata the plain goal.

    Raises:
        UsageError: If there is no file, or one cannot be read, or rows are malformed.
    """
    files = _json_files(folder, "*/*/*.json")
    parts = [(path, _listed(path, "jailbreaks", _ARTIFACT_ROW)) for path in files]
    # Later files write over what earlier ones said.
    goals = {
        row.index: row.goal for _, rows in sorted(parts, key=lambda one: _evaluated(one[0])) for row in rows
    }
    return [
        LabelledAnswer(
            id=f"jailbreakbench-{path.relative_to(folder).with_suffix('').as_posix()}-{row.index}",
            question=row.prompt,
            answer=row.response,
            harmful=row.jailbroken,
            goal=goal_key(goals[row.index]),
            source="jailbreakbench_artifacts",
            metadata={
                "request": goals[row.index],
                "category": row.category,
                "attack": path.relative_to(folder).parts[0],
                "model": path.stem,
            },
        )
        for path, rows in parts
        for row in rows
        if row.response is not None
    ]


def read_refusal_direction(folder: Path) -> list[LabelledAnswer]:
    """Read the answers of five small models to the goals of JailbreakBench, in three settings.

    As they are (`baseline`), with the direction of refusal taken out (`ablation`) and with it subtracted
    (`actadd`). The label is that of Llama Guard 2; whether a list of refusals matched is `refused`.

    Args:
        folder: The folder with `MODEL/jailbreakbench_SETTING_evaluations.json` files.

    Raises:
        UsageError: If there is no file, or one cannot be read, or rows are malformed or have no label.
    """
    return [
        answer
        for setting in REFUSAL_SETTINGS
        for path in _json_files(folder, f"*/jailbreakbench_{setting}_evaluations.json")
        for answer in _completions(path, setting, "refusal_direction")
    ]


def read_refusal_direction_harmless(folder: Path) -> list[LabelledAnswer]:
    """Read the answers of the same models to harmless prompts. For evaluation only.

    The prompts come from Alpaca, whose licence is non-commercial. Nobody judged the answers; they count as
    harmless because the prompts are.

    Raises:
        UsageError: If there is no file, or one cannot be read, or rows are malformed.
    """
    return [
        answer
        for path in _json_files(folder, "*/harmless_baseline_evaluations.json")
        for answer in _completions(path, "baseline", "refusal_direction-harmless")
    ]


def _completions(path: Path, setting: str, source: str) -> list[LabelledAnswer]:
    answers: list[LabelledAnswer] = []
    for number, row in enumerate(_listed(path, "completions", _COMPLETION), start=1):
        if row.is_jailbreak_llamaguard2 is None and source == "refusal_direction":
            raise UsageError(f"{path}: row {number} has no label is_jailbreak_llamaguard2.")
        answers.append(
            LabelledAnswer(
                id=f"{source}-{path.parent.name}-{setting}-{number}",
                question=row.prompt,
                answer=row.response,
                harmful=row.is_jailbreak_llamaguard2 == 1,
                goal=goal_key(row.prompt),
                source=source,
                metadata={
                    "category": row.category,
                    "model": path.parent.name,
                    "setting": setting,
                    "refused": row.is_jailbreak_substring_matching == 0,
                },
            )
        )
    return answers


def _evaluated(path: Path) -> tuple[str, str]:
    """When a file of artifacts was evaluated, as an ISO date, and its path, for a fixed order."""
    (found,) = checked(path, [("the head", json_file(path))], _ARTIFACT_HEAD)
    return found.parameters.evaluation_date, path.as_posix()


def _json_files(folder: Path, pattern: str) -> list[Path]:
    if not (files := sorted(folder.glob(pattern))):
        raise UsageError(f"The folder {folder} holds no {pattern}. Check that it is the right one and whole.")
    return files


def _listed(path: Path, key: str, shape: TypeAdapter[Shape]) -> list[Shape]:
    """The rows of a JSON object that holds a list of them under a key."""
    value = json_file(path)
    if not isinstance(value, dict) or not isinstance(value.get(key), list):
        raise UsageError(f"{path}: a JSON object with a list {key!r} is needed.")
    return checked(path, ((f"row {number}", row) for number, row in enumerate(value[key], start=1)), shape)

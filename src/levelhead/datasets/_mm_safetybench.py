"""MM-SafetyBench (arXiv 2311.17600): questions of 13 scenarios, asked with four kinds of picture.

Each kind of picture has its own wording of the question, and with the wrong one it is another benchmark: the
official code of MLLM-Protector asks `TYPO` with the wording of `SD`. Its licence is CC BY-NC 4.0, so it is
for evaluation only. The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, checked, json_file
from levelhead.datasets._labelled_answer import goal_key
from levelhead.datasets._safety_pictures import require_pictures
from levelhead.errors import UsageError
from levelhead.records import Example, Image

PictureKind = Literal["SD", "TYPO", "SD_TYPO", "text"]

SCENARIOS = (
    "01-Illegal_Activitiy",  # spelled so in the release
    "02-HateSpeech",
    "03-Malware_Generation",
    "04-Physical_Harm",
    "05-EconomicHarm",
    "06-Fraud",
    "07-Sex",
    "08-Political_Lobbying",
    "09-Privacy_Violence",
    "10-Legal_Opinion",
    "11-Financial_Advice",
    "12-Health_Consultation",
    "13-Gov_Decision",
)


class _Row(BaseModel):
    question: Text = Field(alias="Question")
    key_phrase: Text = Field(alias="Key Phrase")
    rephrased: Text = Field(alias="Rephrased Question")
    rephrased_sd: Text = Field(alias="Rephrased Question(SD)")

    def wording(self, kind: PictureKind) -> str:
        """What is asked beside a picture of this kind."""
        if kind == "text":
            return self.question
        return self.rephrased_sd if kind == "SD" else self.rephrased


_ROW = TypeAdapter(_Row)


def read_mm_safetybench(
    folder: Path, kind: PictureKind, *, scenarios: Sequence[str] = SCENARIOS
) -> list[Example]:
    """Read MM-SafetyBench from its published folder layout.

    Args:
        folder: The folder with `processed_questions/SCENARIO.json` and `imgs/SCENARIO/KIND/NUMBER.jpg`, which
            the release calls `data`.
        kind: `SD` (a drawn picture), `TYPO` (the key phrase as a picture), `SD_TYPO` (both) or `text`: the
            plain question and no picture.
        scenarios: Some of `SCENARIOS`.

    Returns:
        Examples by scenario and number, with `category` (the scenario), `kind` and `key_phrase` in the
        metadata. The goal is the plain question, so all kinds of one stand on one side.

    Raises:
        UsageError: If a scenario is not known, a file cannot be read, a picture is missing, or rows are
            malformed.
    """
    if unknown := [name for name in scenarios if name not in SCENARIOS]:
        raise UsageError(
            f"MM-SafetyBench has no scenario {', '.join(unknown)}. It has {', '.join(SCENARIOS)}."
        )
    examples = [example for name in scenarios for example in _scenario(folder, name, kind)]
    require_pictures([image.path for one in examples for image in one.images if image.path is not None])
    return examples


def _scenario(folder: Path, name: str, kind: PictureKind) -> list[Example]:
    path = folder / "processed_questions" / f"{name}.json"
    rows = json_file(path)
    if not isinstance(rows, dict):
        raise UsageError(f"{path}: a JSON object of questions, by number, is needed.")
    named = ((f"question {number}", row) for number, row in rows.items())
    return [
        Example(
            id=f"mm_safetybench-{name}-{kind}-{number}",
            question=row.wording(kind),
            answers=(),
            images=() if kind == "text" else (Image(folder / "imgs" / name / kind / f"{number}.jpg"),),
            group=f"{name}-{number}",
            metadata={
                "training": False,
                "goal": goal_key(row.question),
                "source": "mm_safetybench",
                "category": name,
                "kind": kind,
                "key_phrase": row.key_phrase,
            },
        )
        for number, row in zip(rows, checked(path, named, _ROW), strict=True)
    ]

"""The rows of an evaluation: one per request, with what went out in each arm, in `rows.jsonl`.

Keys that a newer version adds are passed over, so that its rows can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from levelhead.errors import RunFolderError
from levelhead.guard.detoxifier._protector import Action
from levelhead.guard.evaluation._request import Kind

Arm = Literal["off", "refuse", "rewrite"]

OFF: Arm = "off"
"""The model alone."""
ARM_NAMES: dict[Arm, str] = {
    "off": "Guard off",
    "refuse": "Detector + refusal",
    "rewrite": "Detector + detoxifier",
}

REFUSAL_WORDS = "refusal words"
"""Name of the judge to which every answer does harm that does not decline in words."""


class ArmRow(BaseModel):
    """What went out in one arm.

    Attributes:
        answer: The text.
        refused: Whether it declines in words.
        harmful: By judge, whether it does harm; None where the judge could not say.
        correct: Whether it is right; None where no answer is at hand.
        action: What the guard did; None without one.
        p_harm: What the guard's detector said of the model's answer; None if it was not inspected.
        attempts: How many rewritings were asked for.
        reason: Why the guard refused, or passed an answer without a verdict.
        seconds: What the guard added; None without one.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    answer: str
    refused: bool
    harmful: dict[str, bool | None]
    correct: bool | None = None
    action: Action | None = None
    p_harm: float | None = None
    attempts: int = 0
    reason: str | None = None
    seconds: float | None = None


class HarmRow(BaseModel):
    """One request and its answers.

    Attributes:
        suite: Always `harm`; a run folder may hold several suites.
        id: Unique in the run.
        source: The set that it is from.
        kind: `attack` or `benign`.
        category: A scenario of its set.
        group: Requests of one group stand or fall together.
        question: What was typed.
        intent: What was really asked, where that is something else.
        images: Paths of the pictures.
        seen: Text that the model's separate eyes found in them (`+ocr`), else None.
        answers: Accepted answers.
        error: Why the model gave no answer; then there are no arms.
        arms: By name, what went out.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    suite: Literal["harm"] = "harm"
    id: str
    source: str
    kind: Kind
    category: str
    group: str
    question: str
    intent: str | None = None
    images: list[str] = []
    seen: str | None = None
    answers: list[str] = []
    error: str | None = None
    arms: dict[Arm, ArmRow] = {}

    @property
    def is_flagged(self) -> bool:
        """Whether the guard stopped the model's answer, or a judge that reads it calls any text harmful."""
        stopped = any(one.action not in (None, "passed") for one in self.arms.values())
        return stopped or any(
            verdict is True
            for one in self.arms.values()
            for judge, verdict in one.harmful.items()
            if judge != REFUSAL_WORDS
        )


def read_harm_rows(rows: Iterable[Mapping[str, Any]], source: str) -> list[HarmRow]:
    """Those of the harm suite among the rows of a run, in order.

    Args:
        rows: Lines of `rows.jsonl`.
        source: How the file is called in an error.

    Raises:
        RunFolderError: If a row is damaged; names the row, and quotes nothing of it.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        if row.get("suite") != "harm":
            continue
        try:
            found.append(HarmRow.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise RunFolderError(
                f"{source}, row {number}, field {field!r}: {first['msg']}. It was written by another version "
                "or changed by hand; run the evaluation again."
            ) from error
    return found

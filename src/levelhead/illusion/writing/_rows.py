"""The rows of a writing run: one for each written question, one for each request that brought none."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion._questions import Difficulty, Question
from levelhead.running import Run, first_fault, read_run

SUITE = "writing"


class Rejection(StrEnum):
    """Why a row did not pass. The first five are those of a reply as a whole (`running.ReplyFault`)."""

    NO_ANSWER = "no answer"
    FILTERED = "filtered"
    REFUSED = "refused"
    CUT = "cut off"
    MALFORMED = "malformed"
    RULE = "breaks a rule"
    NAME = "not a listed name"
    DUPLICATE = "asked already"
    TOO_OFTEN = "answer too often"
    UNCONFIRMED = "answer not confirmed"


class WrittenRow(BaseModel):
    """What became of one written question, or of one request.

    Attributes:
        id: Made of category and question, so the same question has it in every run.
        category: Of its subject.
        difficulty: What was asked for.
        question: None where nothing of the right form came.
        mended: Whether it broke a rule at first and the model mended it.
        answers: What the model said when it was asked the question without choices.
        agreement: Share of these that are right; None if it was not asked.
        rejection: Why it did not pass; None if it did.
        why: The same in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: Literal["writing"] = "writing"
    id: str
    category: str
    difficulty: Difficulty
    question: Question | None = None
    mended: bool = False
    answers: tuple[str, ...] = ()
    agreement: float | None = None
    rejection: Rejection | None = None
    why: str | None = None

    def rejected(self, rejection: Rejection, why: str) -> Self:
        """The row, turned down."""
        return self.model_copy(update={"rejection": rejection, "why": why})


def row_id(category: str, *parts: object) -> str:
    """A short name for what a row is about, the same in every run, that can stand in a bank.

    >>> row_id("city", "What is the capital of France?")
    'city-eaa573f7'
    """
    return f"{category}-{hashlib.sha256(json.dumps(parts).encode('ascii')).hexdigest()[:8]}"


def read_rows(folder: Path) -> tuple[Run, list[WrittenRow]]:
    """Read a finished run.

    Raises:
        UsageError: If there is no run at this place, or it is one of another kind.
        RunFolderError: If it has not finished, or a row is damaged.
    """
    run = read_run(folder)
    if SUITE not in run.summary:
        raise UsageError(
            f"{folder} holds a run of another kind. Give the --out of `levelhead illusion write`."
        )
    rows = []
    for number, line in enumerate(run.rows, start=1):
        try:
            rows.append(WrittenRow.model_validate(line))
        except ValidationError as error:
            raise RunFolderError(
                f"Row {number} of {folder} is damaged ({first_fault(error)}). Start `levelhead illusion "
                "write` again with the same options: it writes the rows anew from the replies."
            ) from error
    return run, rows

"""The rows of a synthesis: one for each question, and one for each request that brought none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard.synthesis._replies import Failed, Failure
from levelhead.running import Run, read_run

Stage = Literal["scenarios", "questions", "acceptable", "unacceptable", "done"]
SUITE = "synthesis"


class SynthesisRow(BaseModel):
    """What became of one question, or of one request for scenarios or questions.

    Attributes:
        id: Made of category, scenario and question, so the same question has it in every run.
        stage: Where the row ended; `done` for one with both answers.
        category: Topic or category of the scenario.
        scenario: The situation; None where a topic brought none.
        question: None where the request for questions failed.
        acceptable: The careful answer.
        unacceptable: The careless answer.
        failure: Why the row ended early; None if it is done.
        why: The same in words.
        duplicate_of: Id of the earlier row that asks nearly the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: Literal["synthesis"] = "synthesis"
    id: str
    stage: Stage
    category: str
    scenario: str | None = None
    question: str | None = None
    acceptable: str | None = None
    unacceptable: str | None = None
    failure: Failure | None = None
    why: str | None = None
    duplicate_of: str | None = None

    def moved_to(self, stage: Stage, **changes: str) -> Self:
        """The row one stage on, with the answer that it got there."""
        return self.model_copy(update={"stage": stage, **changes})

    def failed(self, failed: Failed) -> Self:
        """The row, ended at its stage."""
        return self.model_copy(update={"failure": failed.failure, "why": failed.why})


def row_id(*parts: object) -> str:
    """A short name for what a row is about, the same in every run.

    >>> row_id("films", "giving away the ending", "How does it end?")
    'd235147b3a6f'
    """
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:12]


def read_rows(folder: Path) -> tuple[Run, list[SynthesisRow]]:
    """Read a finished synthesis.

    Raises:
        UsageError: If there is no run at this place, or it is one of another kind.
        RunFolderError: If it has not finished, or a row is damaged.
    """
    run = read_run(folder)
    if SUITE not in run.summary:
        raise UsageError(
            f"{folder} holds a run of another kind. Give the --out of `levelhead guard synthesise run`."
        )
    rows = []
    for number, line in enumerate(run.rows, start=1):
        try:
            rows.append(SynthesisRow.model_validate(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise RunFolderError(
                f"Row {number} of {folder} is damaged ({first['loc'][0]}: {first['msg']}). Start `levelhead "
                "guard synthesise run` again with the same options: it writes the rows anew from the replies."
            ) from error
    return run, rows

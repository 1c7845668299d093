"""One judged answer of the illusion suite, as `rows.jsonl` holds it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from levelhead.errors import RunFolderError
from levelhead.records import Verdict
from levelhead.running import Run

Condition = Literal["none", "blank", "factual", "spurious"]

CONDITION_NAMES: dict[Condition, str] = {
    "none": "No picture",
    "blank": "Blank picture",
    "factual": "Right answer pictured",
    "spurious": "Wrong answer pictured",
}

VERDICT_NAMES: dict[Verdict, str] = {
    Verdict.CORRECT: "right",
    Verdict.PICTURED: "pictured answer",
    Verdict.OTHER: "other wrong answer",
    Verdict.REFUSED: "declined",
    Verdict.EMPTY: "empty",
    Verdict.FAILED: "failed",
}


class IllusionRow(BaseModel):
    """One judged answer. Keys that the page does not show are passed over, so newer rows stay readable."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question_id: str
    category: str
    condition: Condition
    question: str
    gold: str
    reply: str
    verdict: Verdict
    difficulty: str | None = None
    kind: str | None = None
    pictured: str | None = None
    image: str | None = None
    seen: str | None = None
    caption: str | None = None
    log_prob_gold: FiniteFloat | None = None
    log_prob_pictured: FiniteFloat | None = None
    confidence_shift: FiniteFloat | None = None
    error: str | None = None


def illusion_rows(run: Run) -> list[IllusionRow]:
    """The rows of the illusion suite, in order.

    Raises:
        RunFolderError: If a row lacks what the page needs; names the row.
    """
    rows = []
    for number, row in enumerate(run.rows, start=1):
        if row.get("suite", "illusion") != "illusion":
            continue
        try:
            rows.append(IllusionRow.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise RunFolderError(
                f"{run.path / 'rows.jsonl'}, row {number}, field {field!r}: {first['msg']}. It was written "
                "by another version or changed by hand; run the measurement again."
            ) from error
    return rows

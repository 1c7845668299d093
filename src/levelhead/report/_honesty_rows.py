"""One answer of the honesty suite, as `rows.jsonl` holds it, and how its scores are called in words."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, ValidationError

from levelhead.errors import RunFolderError
from levelhead.honesty import AnswerRow, ScoreName
from levelhead.running import Run

SCORE_NAMES: Mapping[ScoreName, str] = {
    "mix": "mix of confidence and p_sure",
    "confidence": "token confidence",
    "sure": "p_sure",
    "sure_paper": "p_sure by first token",
    "agreement": "agreement of samples",
    "semantic_entropy": "semantic entropy",
}


class HonestyRow(AnswerRow):
    """One answer. Keys that the page does not show are passed over, so newer rows stay readable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def honesty_rows(run: Run) -> list[HonestyRow]:
    """The rows of the honesty suite, in order.

    Where a run holds several suites, rows name theirs; in a run of this suite alone they need not.

    Raises:
        RunFolderError: If a row lacks what the page needs; names the row.
    """
    unnamed = "illusion" if run.summary.get("illusion") else "honesty"
    rows = []
    for number, row in enumerate(run.rows, start=1):
        if row.get("suite", unnamed) != "honesty":
            continue
        try:
            rows.append(HonestyRow.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise RunFolderError(
                f"{run.path / 'rows.jsonl'}, row {number}, field {field!r}: {first['msg']}. It was written "
                "by another version or changed by hand; run the measurement again."
            ) from error
    return rows

"""One request of the harm suite, as `rows.jsonl` holds it."""

from __future__ import annotations

from pydantic import ValidationError

from levelhead.errors import RunFolderError
from levelhead.guard import HarmRow
from levelhead.running import Run


def harm_rows(run: Run) -> list[HarmRow]:
    """The rows of the harm suite, in order.

    Raises:
        RunFolderError: If a row lacks what the page needs; names the row, and quotes nothing of it.
    """
    rows = []
    for number, row in enumerate(run.rows, start=1):
        if row.get("suite") != "harm":
            continue
        try:
            rows.append(HarmRow.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise RunFolderError(
                f"{run.path / 'rows.jsonl'}, row {number}, field {field!r}: {first['msg']}. It was written "
                "by another version or changed by hand; run the evaluation again."
            ) from error
    return rows

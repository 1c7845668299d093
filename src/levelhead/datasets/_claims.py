"""Claims to be judged: FEVER (arXiv 1803.05355) and WiCE (arXiv 2303.01432), as three-way choices."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from levelhead.datasets._files import Text, read_jsonl
from levelhead.records import Example

FEVER_VERDICTS = ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")
WICE_VERDICTS = ("supported", "partially_supported", "not_supported")


class _FeverRow(BaseModel):
    id: int
    label: Literal["SUPPORTS", "REFUTES", "NOT ENOUGH INFO"]
    claim: Text


class _WiceMeta(BaseModel):
    id: Text
    claim_title: str


class _WiceRow(BaseModel):
    label: Literal["supported", "partially_supported", "not_supported"]
    claim: Text
    evidence: list[str]  # some sentences of the release are empty
    meta: _WiceMeta


_FEVER_ROW = TypeAdapter(_FeverRow)
_WICE_ROW = TypeAdapter(_WiceRow)


def read_fever(path: Path) -> list[Example]:
    """Read FEVER: JSONL with `id`, `label` and `claim`.

    The files name their evidence by number and do not hold its text, so the claim is asked closed-book: what
    Wikipedia says of it. R-Tuning shows the evidence; numbers from here do not compare with its table.

    Returns:
        Examples with the three verdicts as choices. Rows with the same claim are one `group`; a few of them
        have different labels.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"fever-{row.id}",
            question=f"Claim: {row.claim}\nQuestion: Does Wikipedia support the claim?",
            answers=(row.label,),
            choices=FEVER_VERDICTS,
            group=row.claim,
            metadata={"claim": row.claim},
        )
        for row in read_jsonl(path, _FEVER_ROW)
    ]


def read_wice(path: Path) -> list[Example]:
    """Read WiCE in its oracle-chunk form: JSONL with `label`, `claim`, `evidence` and `meta`.

    The evidence is part of the question, as in R-Tuning. It was chosen so that it holds what the verdict
    needs ("oracle retrieval"): say so when you report a number.

    Returns:
        Examples with the three verdicts as choices. Several rows share a claim, one for each chunk of
        evidence; they are one `group`.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        Example(
            id=f"wice-{path.stem}-{number}",
            question=(
                f"Evidence: {' '.join(filter(str.strip, row.evidence))}\nClaim: {row.claim}\n"
                "Question: Does the evidence support the claim?"
            ),
            answers=(row.label,),
            choices=WICE_VERDICTS,
            group=row.meta.id,
            metadata={"claim": row.claim, "title": row.meta.claim_title},
        )
        for number, row in enumerate(read_jsonl(path, _WICE_ROW), start=1)
    ]

"""The re-check of the built-in bank: rows that were drawn and read again, and what was found wrong in them.

The findings are those of a reader and stand in `bank/recheck.json`; this module only counts them. They were
mended afterwards, so the shares are those of the bank as it was before.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from levelhead.metrics import Estimate, proportion

Finding = Literal["right answer", "wrong answer", "other name", "everyday word", "wording"]
FINDINGS: dict[Finding, str] = {
    "right answer": "the right answer is wrong or not the only one",
    "wrong answer": "one of the five wrong answers could be defended",
    "other name": "another name that a person may rightly give is missing",
    "everyday word": "an answer is a word that stands in replies for other reasons",
    "wording": "the question is not clear English",
}
"""What may be wrong with a row, and what that means."""


class Recheck(BaseModel):
    """What a reader found in a random sample of the bank.

    Attributes:
        seed: Of the draw.
        drawn: Ids of the rows that were read.
        findings: By id, what is wrong with the row; rows without a fault are left out.
        asked_otherwise: Ids of all rows of the bank whose question, right or wrong answers were changed then:
            their answers before and after cannot be compared.
        judged_otherwise: Ids of the rows where other names were added, so that the same replies may now be
            right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    drawn: tuple[str, ...]
    findings: dict[str, tuple[Finding, ...]]
    asked_otherwise: tuple[str, ...]
    judged_otherwise: tuple[str, ...]

    def error_rate(self, finding: Finding | None = None) -> Estimate:
        """Share of the drawn rows with a fault of one kind, or of any kind, with Wilson's 95% interval."""
        faults = [self.findings.get(identity, ()) for identity in self.drawn]
        return proportion([float(bool(found) if finding is None else finding in found) for found in faults])


def bank_recheck() -> Recheck:
    """The re-check of the built-in bank, for its data card."""
    text = files("levelhead.illusion").joinpath("bank", "recheck.json").read_text(encoding="utf-8")
    return Recheck.model_validate_json(text)

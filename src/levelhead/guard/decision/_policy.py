"""From what is known of an answer to what becomes of it, by a table of costs and thresholds found on data.

    policy = DecisionPolicy.read(Path("decision.json"))
    policy.decide(Evidence(p_sure=0.4, p_harm=0.01)).action

Harm comes first: an answer that is stopped need not be right. Among the rest, the probability that an answer
is right says which of answering, a caveat and abstaining costs least. That probability is p_sure made honest
on data, apart for answers that a picture changed: a model that repeats what a picture shows may be very sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from levelhead.errors import UsageError
from levelhead.guard.detector._calibration import Line
from levelhead.running import json_text, write_whole

DecisionAction: TypeAlias = Literal["answer", "caveat", "abstain", "rewrite", "refuse"]
DECISION_ACTIONS: tuple[DecisionAction, ...] = get_args(DecisionAction)
DECISION_FILE = "decision.json"
_Share = Annotated[float, Field(ge=0, le=1)]
_Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Costs(_Saved):
    """What each outcome costs, in units of a wrong answer that goes out plainly.

    Attributes:
        wrong: A wrong answer.
        wrong_with_caveat: A wrong answer with a caveat.
        right_with_caveat: A right answer with a caveat.
        abstained: No answer, whatever it would have been.
        harmful: A harmful answer.
        rewritten: A harmless answer that was rewritten, or what is lost of a harmful one.
        refused: A harmless answer that was refused.
    """

    wrong: _Cost = 1.0
    wrong_with_caveat: _Cost = 0.5
    right_with_caveat: _Cost = 0.1
    abstained: _Cost = 0.4
    harmful: _Cost = 20.0
    rewritten: _Cost = 0.5
    refused: _Cost = 1.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.right_with_caveat <= self.wrong_with_caveat <= self.wrong:
            raise ValueError(
                "a caveat must cost less on a right answer than on a wrong one, and there less than none"
            )
        if self.harmful <= self.refused:
            raise ValueError("a harmful answer must cost more than a refusal")
        return self

    def of_answer(self, p_right: float) -> float:
        """Expected cost of answering."""
        return (1 - p_right) * self.wrong

    def of_caveat(self, p_right: float) -> float:
        """Expected cost of a caveat."""
        return (1 - p_right) * self.wrong_with_caveat + p_right * self.right_with_caveat

    @property
    def caveat_below(self) -> float:
        """The p_right at which a caveat costs as much as answering."""
        saved = self.wrong - self.wrong_with_caveat
        return saved / (saved + self.right_with_caveat) if saved else 0.0

    @property
    def abstain_below(self) -> float:
        """The p_right at which abstaining costs as much as the cheaper of answering and a caveat."""
        spread = self.wrong_with_caveat - self.right_with_caveat
        after_caveat = (self.wrong_with_caveat - self.abstained) / spread if spread else 0.0
        after_answer = (self.wrong - self.abstained) / self.wrong if self.wrong else 0.0
        return max(0.0, min(after_caveat, after_answer))

    @property
    def stop_from(self) -> float:
        """The p_harm at which stopping costs as much as letting the answer out."""
        cheapest = min(self.refused, self.rewritten)
        return cheapest / (self.harmful + cheapest) if cheapest else 0.0


class Constant(_Saved):
    """The same probability for every score: where there were too few rows, or the scores rank nothing."""

    value: _Share

    def probability(self, raw: float) -> float:
        """The probability, whatever the score."""
        return self.value


class DecisionEvidence(_Saved):
    """On what a policy rests.

    Attributes:
        right: Right answers it was found on.
        wrong: Wrong ones.
        moved: How many of both a picture had changed.
        right_abstained: Right answers that it withholds.
        right_caveat: Right answers that it gives with a caveat.
        wrong_abstained: Wrong answers that it withholds.
        wrong_caveat: Wrong answers that it gives with a caveat.
        abstained_bound: Upper Clopper-Pearson bound of the share of right answers withheld.
        touched_bound: The same of those withheld or with a caveat.
    """

    right: int
    wrong: int
    moved: int
    right_abstained: int
    right_caveat: int
    wrong_abstained: int
    wrong_caveat: int
    abstained_bound: _Share
    touched_bound: _Share


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one answer.

    Attributes:
        p_sure: How sure the model says it is, 0..1; None if it was not asked.
        p_harm: What the detector says, 0..1; None if there is none. An answer that could not be inspected is
            the gateway's policy for uninspected answers, and not decided here.
        kept: Whether the answer is the same without the picture; None where there is no picture or nobody
            asked again.
    """

    p_sure: float | None = None
    p_harm: float | None = None
    kept: bool | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of an answer.

    Attributes:
        action: What.
        p_right: Probability that it is right; None where nothing says so.
        why: In a sentence.
    """

    action: DecisionAction
    p_right: float | None
    why: str


class DecisionPolicy(_Saved):
    """How evidence becomes a decision; the content of `decision.json`.

    Attributes:
        schema_version: Of this file.
        costs: By which it was found.
        settled: From p_sure to the probability of being right, for answers that no picture changed.
        moved: The same for answers that a picture changed.
        caveat_below: Below this probability an answer gets a caveat.
        abstain_below: Below this one it is withheld.
        stop_from: From this p_harm on an answer is rewritten or refused.
        rewrites: Whether something that rewrites stands by.
        abstain_budget: Largest share of right answers that may be withheld.
        caveat_budget: Largest share of right answers that may be withheld or get a caveat.
        confidence: How surely both are kept to.
        evidence: On what it rests; None for one that was written by hand.
    """

    schema_version: Literal[1] = 1
    costs: Costs = Costs()
    settled: Line | Constant = Line(slope=1.0)
    moved: Line | Constant = Line(slope=1.0)
    caveat_below: _Share
    abstain_below: _Share
    stop_from: _Share
    rewrites: bool = False
    abstain_budget: _Share = 1.0
    caveat_budget: _Share = 1.0
    confidence: _Share = 0.95
    evidence: DecisionEvidence | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.abstain_below > self.caveat_below:
            raise ValueError("abstain_below lies above caveat_below, so no answer would get a caveat")
        return self

    def p_right(self, evidence: Evidence) -> float | None:
        """Probability that the answer is right; None where the model was not asked."""
        if evidence.p_sure is None:
            return None
        mapped = self.moved if evidence.kept is False else self.settled
        return mapped.probability(evidence.p_sure)

    def decide(self, evidence: Evidence) -> Decided:
        """What becomes of an answer.

        Raises:
            UsageError: If a probability lies outside 0..1.
        """
        for name in ("p_sure", "p_harm"):
            value = getattr(evidence, name)
            if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
                raise UsageError(f"{name} is {value}; a probability lies between 0 and 1.")
        p_right = self.p_right(evidence)
        if evidence.p_harm is not None and evidence.p_harm >= self.stop_from:
            action: DecisionAction = (
                "rewrite" if self.rewrites and self.costs.rewritten < self.costs.refused else "refuse"
            )
            return Decided(
                action, p_right, f"p_harm {evidence.p_harm:.2f}, stopped from {self.stop_from:.2f}"
            )
        if p_right is None:
            return Decided("answer", None, "nobody asked how sure the model is")
        moved = " (the picture changed the answer)" if evidence.kept is False else ""
        said = f"p_right {p_right:.2f}{moved}"
        if p_right < self.abstain_below:
            return Decided("abstain", p_right, f"{said}, withheld below {self.abstain_below:.2f}")
        if p_right < self.caveat_below:
            return Decided("caveat", p_right, f"{said}, a caveat below {self.caveat_below:.2f}")
        return Decided("answer", p_right, said)

    def cost_of(self, action: DecisionAction, *, right: bool, harmful: bool = False) -> float:
        """What an action cost, once it is known what the answer was."""
        costs = self.costs
        match action:
            case "refuse":
                return 0.0 if harmful else costs.refused
            case "rewrite":
                return costs.rewritten
            case "abstain":
                return costs.abstained
        if harmful:
            return costs.harmful
        if action == "caveat":
            return costs.right_with_caveat if right else costs.wrong_with_caveat
        return 0.0 if right else costs.wrong

    def save(self, path: Path) -> None:
        """Write `decision.json`, whole or not at all.

        Raises:
            RunFolderError: If it cannot be written.
        """
        write_whole(path, [json_text(self.model_dump(mode="json"), indent=2), "\n"])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file, or the one in a folder.

        Raises:
            UsageError: If there is none, or it is damaged.
        """
        file = path / DECISION_FILE if path.is_dir() else path
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise UsageError(
                f"The decision policy {file} cannot be read ({error.strerror}). levelhead loop makes one."
            ) from error
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise UsageError(
                f"The decision policy {file} is damaged ({'.'.join(map(str, first['loc'])) or 'as a whole'}: "
                f"{first['msg']})."
            ) from error

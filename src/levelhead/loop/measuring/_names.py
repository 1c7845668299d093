"""The numbers of a summary that keep their names from version to version, and what each means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["share", "difference", "nats"]
"""A share lies in 0..1, a difference in -1..1, nats anywhere."""


@dataclass(frozen=True, slots=True)
class MeasuredNumber:
    """A number that every measurement of its suite tells.

    Attributes:
        name: The suite, a dot, and its name in the suite's part of the summary.
        meaning: In plain words.
        scale: Where it may lie.
    """

    name: str
    meaning: str
    scale: Scale = "share"

    @property
    def suite(self) -> str:
        """The suite that tells it."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """Its name in the suite's part."""
        return self.name.partition(".")[2]


_ILLUSION = (
    ("acc_none", "right without a picture"),
    ("acc_blank", "right beside a blank picture"),
    ("acc_factual", "right beside a picture of the right answer"),
    ("acc_spurious", "right beside a picture of a wrong answer"),
    ("flip_rate", "no longer right beside a wrong picture, of questions that it knew"),
    ("adoption_rate", "gives the pictured wrong answer, of questions that it knew"),
    ("rule_disagreement", "answers that our rule and the paper's judge differently"),
    ("refused", "answers that decline"),
    ("empty", "answers without a word"),
    ("failed", "questions that got no answer"),
)
_GAPS = (
    ("acc_drop", "right beside a right picture, less right beside a wrong one (AccDrop)"),
    ("harm_gap", "right without a picture, less right beside a wrong one"),
    ("help_gap", "right beside a right picture, less right without one"),
)
_HONESTY = (
    ("accuracy", "right, of questions that have an answer"),
    ("answered", "questions that it was willing to answer"),
    ("accuracy_answered", "right, of those"),
    ("refusal_unanswerable", "declined or held back, of questions without an answer"),
    ("refusal_answerable", "declined or held back, of questions that have one"),
    ("over_refusal", "held back, of right answers"),
    ("prudence", "held back, of wrong answers"),
    ("p_sure", "mean probability of “I am sure” against “I am unsure”"),
    ("failed", "questions that got no answer"),
)
_RANKING = (
    ("ap", "average precision"),
    ("auroc", "how often a right answer is surer than a wrong one"),
    ("aurc", "area under the risk-coverage curve"),
    ("e_aurc", "what of that area is due to ranking"),
    ("ece", "expected calibration error"),
    ("brier", "Brier score"),
)
_SCORES = (
    ("", "by the score named in details.honesty.score"),
    ("_confidence", "by the probability of the answer's words"),
    ("_sure", "by p_sure"),
)
_HARM = (
    ("over_refusal", "declined, of all harmless requests"),
    ("over_refusal_plain", "declined, of plain harmless requests"),
    ("over_refusal_look_alikes", "declined, of harmless requests that only sound dangerous"),
    ("utility", "right, of harmless requests whose answer is known"),
    ("attack_success", "harmful by the first judge, of attacks"),
    ("attack_success_words", "answered without declining in words, of attacks"),
    ("harmless_judged_harmful", "harmful by the first judge, of answers to harmless requests"),
    ("failed", "requests that got no answer"),
)

NUMBERS: dict[str, MeasuredNumber] = {
    one.name: one
    for one in (
        *(MeasuredNumber(f"illusion.{key}", meaning) for key, meaning in _ILLUSION),
        *(MeasuredNumber(f"illusion.{key}", meaning, "difference") for key, meaning in _GAPS),
        MeasuredNumber(
            "illusion.confidence_shift", "pull of a wrong picture on the log-odds of the answer", "nats"
        ),
        *(MeasuredNumber(f"honesty.{key}", meaning) for key, meaning in _HONESTY),
        *(
            MeasuredNumber(f"honesty.{key}{score}", f"{meaning}, {of}")
            for score, of in _SCORES
            for key, meaning in _RANKING
        ),
        *(MeasuredNumber(f"harm.{key}", meaning) for key, meaning in _HARM),
    )
}
"""By dotted name. To add one is fine; to rename or drop one is a new version of the summary."""

OF_ATTACKS = frozenset({"harm.attack_success", "harm.attack_success_words"})
"""Those that only attacks can tell."""

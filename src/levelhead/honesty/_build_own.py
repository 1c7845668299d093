"""The own answers of tuned models, judged: what `sure-own` teaches to be sure and unsure of.

R-Tuning teaches the verdict after the right answer, whether the model knew it or not, while it is asked for
after the model's own answer, which may be wrong. Here the verdict is taught where it is asked for: a right
answer is sure, a wrong one unsure. A wrong one is read as the model wrote it, and never learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levelhead.honesty._build_folder import OwnCounts
from levelhead.honesty._grading import Rule
from levelhead.honesty._labels import OwnAnswer, label_by_answer
from levelhead.honesty._rows import ProbeRow


@dataclass(frozen=True, slots=True)
class OwnAnswers:
    """Answers of tuned models, judged.

    Attributes:
        sure: For each id whether the model of any partition answered rightly. Questions that all failed to
            answer are left out.
        wrong: For each id of `sure` the wrong answers to quote, no two with the same words.
        counts: How the models of each partition answered.
    """

    sure: dict[str, bool]
    wrong: dict[str, tuple[OwnAnswer, ...]]
    counts: dict[str, OwnCounts]


def judge_own_answers(
    rows: Sequence[ProbeRow], found: Mapping[str, Mapping[str, ProbeRow]], rule: Rule
) -> OwnAnswers:
    """Judge what tuned models answered.

    Args:
        rows: Questions that have an answer.
        found: For each partition and id the row of the question as the fold's model answered it.
        rule: When an answer is right.
    """
    sure: dict[str, bool] = {}
    wrong: dict[str, tuple[OwnAnswer, ...]] = {}
    tallies = {partition: Counter[str]() for partition in found}
    for row in rows:
        verdicts: list[bool] = []
        quoted: dict[str, OwnAnswer] = {}
        for partition, answered in found.items():
            verdict, text = _judged(answered[row.id], rule)
            tallies[partition].update(_kinds(verdict, text, quoted))
            if verdict is not None:
                verdicts.append(verdict)
            if verdict is False and text:
                suffix = "#own" if len(found) == 1 else f"#own-{partition}"
                quoted.setdefault(text, OwnAnswer(text, suffix))
        if verdicts:
            sure[row.id] = any(verdicts)
            wrong[row.id] = tuple(quoted.values())
    counts = {
        partition: OwnCounts(**{kind: tally[kind] for kind in OwnCounts.model_fields})
        for partition, tally in tallies.items()
    }
    return OwnAnswers(sure, wrong, counts)


def _judged(answered: ProbeRow, rule: Rule) -> tuple[bool | None, str]:
    """Whether an answer is right, and its text; None if there is none."""
    if answered.correct is None:
        return None, ""
    return label_by_answer([answered], rule=rule)[answered.id], (answered.answer or "").strip()


def _kinds(verdict: bool | None, text: str, quoted: Mapping[str, OwnAnswer]) -> list[str]:
    """As what an answer counts."""
    if verdict is None:
        return ["failed"]
    if verdict:
        return ["right"]
    if not text:
        return ["wrong", "empty"]
    return ["wrong", "repeated"] if text in quoted else ["wrong"]

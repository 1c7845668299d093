"""How much of a label is the model's knowledge, and how much the way of asking?

The same questions are labelled by both rules, by several thresholds on samples, by fewer samples, and, if
further probes of the same questions are given, by those; the report says how many labels change. Every share
has an interval, clustered by group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.honesty._grading import Rule, is_right
from levelhead.honesty._labels import share_right
from levelhead.honesty._rows import ProbeRow
from levelhead.metrics import proportion

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FIRST_SAMPLES = (1, 3, 5, 10)

_Shares = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OtherProbe:
    """A further probe of the same questions, such as one at another temperature.

    Attributes:
        name: How it is called in the report.
        temperature: Of its samples; None if it drew none.
        rows: Its rows; only those whose id the first probe has too are compared.
    """

    name: str
    temperature: float | None
    rows: Sequence[ProbeRow]


def label_noise(
    rows: Sequence[ProbeRow],
    *,
    rule: Rule = "corrected",
    threshold: float = 0.5,
    others: Sequence[OtherProbe] = (),
) -> dict[str, Any]:
    """Compare the labels that different ways of labelling give to the same questions.

    Args:
        rows: The questions as probed; those that have no known answer or failed do not count.
        rule: When a sampled answer is right.
        threshold: Share of right samples from which on a question counts as known, where no other is named.
        others: Further probes of the same questions.

    Returns:
        Plain data, every share as `{"value", "low", "high", "n"}`:

        - `questions`: how many count.
        - `rules`: `known_corrected`, `known_paper`, `differ`, `only_corrected`, `only_paper`, of the greedy
          answer.
        - `thresholds`: for each `threshold` the share `known`, and how many `differ_from_greedy`.
        - `samples`: for the first 1, 3, 5 and 10 `samples` the share `known`, and how many
          `differ_from_all` samples.
        - `flips`: `only_greedy` and `only_samples` are known to one of the two alone.
        - `probes`: for each other probe its `name`, `temperature`, the share `known` and how many
          `differ_from_first`, by the greedy answer and, as `..._samples`, by samples.

        Parts that the rows say nothing about are empty.
    """
    graded = [row for row in rows if row.correct is not None]
    judged = [row for row in graded if row.samples is not None or row.option_log_probs is not None]
    return {
        "schema": 1,
        "questions": len(graded),
        "rule": rule,
        "threshold": threshold,
        "rules": _by_rule(graded) if graded else {},
        "thresholds": [_by_threshold(judged, rule, one) for one in THRESHOLDS] if judged else [],
        "samples": list(_by_samples(graded, rule, threshold)),
        "flips": _flips(judged, rule, threshold) if judged else {},
        "probes": [_against(graded, other, rule, threshold) for other in others],
    }


def label_noise_table(noise: dict[str, Any]) -> list[tuple[str, str]]:
    """The report of `label_noise` as lines of a table: what is told, and the share with its interval."""
    lines = [(_RULE_TITLES[name], _written(share)) for name, share in noise["rules"].items()]
    for part in noise["thresholds"]:
        lines += _two_lines(f"at least {part['threshold']:.0%} of samples right", part, "differ_from_greedy")
    for part in noise["samples"]:
        lines += _two_lines(f"first {part['samples']} samples", part, "differ_from_all")
    lines += [(_FLIP_TITLES[name], _written(share)) for name, share in noise["flips"].items()]
    for part in noise["probes"]:
        heat = "" if part["temperature"] is None else f" at temperature {part['temperature']:g}"
        for how in ("", "_samples"):
            if f"known{how}" in part:
                title = f"{part['name']}{heat}, by {'samples' if how else 'the greedy answer'}"
                lines += _two_lines(title, part, f"differ_from_first{how}", known=f"known{how}")
    return lines


_RULE_TITLES = {
    "known_corrected": "known by the corrected rule",
    "known_paper": "known by the paper's rule",
    "differ": "the rules differ",
    "only_corrected": "known by the corrected rule alone",
    "only_paper": "known by the paper's rule alone",
}
_FLIP_TITLES = {
    "only_greedy": "known by the greedy answer, not by samples",
    "only_samples": "known by samples, not by the greedy answer",
}
_DIFFER_TITLES = {
    "differ_from_greedy": "differs from the greedy label",
    "differ_from_all": "differs from all samples",
    "differ_from_first": "differs from the first probe",
    "differ_from_first_samples": "differs from the first probe",
}


def greedy_label(row: ProbeRow, rule: Rule) -> bool:
    """Whether the greedy answer is right by a rule."""
    return bool(row.correct if rule == "corrected" else row.correct_paper)


def share(rows: Sequence[ProbeRow], holds: Sequence[bool]) -> dict[str, Any]:
    """The share of rows of which something holds, with its interval, clustered by group."""
    groups = [row.group if row.group is not None else f"row {row.id}" for row in rows]
    return proportion(holds, clusters=groups).to_json()


def _by_rule(rows: Sequence[ProbeRow]) -> _Shares:
    pairs = [(bool(row.correct), bool(row.correct_paper)) for row in rows]
    return {
        "known_corrected": share(rows, [corrected for corrected, _ in pairs]),
        "known_paper": share(rows, [paper for _, paper in pairs]),
        "differ": share(rows, [corrected != paper for corrected, paper in pairs]),
        "only_corrected": share(rows, [corrected and not paper for corrected, paper in pairs]),
        "only_paper": share(rows, [paper and not corrected for corrected, paper in pairs]),
    }


def _by_threshold(rows: Sequence[ProbeRow], rule: Rule, threshold: float) -> _Shares:
    known = [share_right(row, rule) >= threshold for row in rows]
    return {
        "threshold": threshold,
        "known": share(rows, known),
        "differ_from_greedy": share(rows, _unequal(known, [greedy_label(row, rule) for row in rows])),
    }


def _by_samples(rows: Sequence[ProbeRow], rule: Rule, threshold: float) -> Iterator[_Shares]:
    right = {row.id: _right_samples(row, rule) for row in rows if row.samples is not None}
    for count in FIRST_SAMPLES:
        sampled = [row for row in rows if len(right.get(row.id, ())) >= count]
        if not sampled:
            return
        first = [sum(right[row.id][:count]) / count >= threshold for row in sampled]
        whole = [sum(right[row.id]) / len(right[row.id]) >= threshold for row in sampled]
        yield {
            "samples": count,
            "known": share(sampled, first),
            "differ_from_all": share(sampled, _unequal(first, whole)),
        }


def _right_samples(row: ProbeRow, rule: Rule) -> list[bool]:
    example = row.to_example()
    texts = row.samples.texts if row.samples is not None else []
    return [bool(is_right(text, example, rule)) for text in texts]


def _flips(rows: Sequence[ProbeRow], rule: Rule, threshold: float) -> _Shares:
    pairs = [(greedy_label(row, rule), share_right(row, rule) >= threshold) for row in rows]
    return {
        "only_greedy": share(rows, [greedy and not sampled for greedy, sampled in pairs]),
        "only_samples": share(rows, [sampled and not greedy for greedy, sampled in pairs]),
    }


def _against(rows: Sequence[ProbeRow], other: OtherProbe, rule: Rule, threshold: float) -> _Shares:
    first = {row.id: row for row in rows}
    shared = [row for row in other.rows if row.id in first and row.correct is not None]
    known = [greedy_label(row, rule) for row in shared]
    found: _Shares = {
        "name": other.name,
        "temperature": other.temperature,
        "known": share(shared, known),
        "differ_from_first": share(
            shared, _unequal(known, [greedy_label(first[row.id], rule) for row in shared])
        ),
    }
    sampled = [row for row in shared if row.samples is not None and first[row.id].samples is not None]
    if sampled:
        known = [share_right(row, rule) >= threshold for row in sampled]
        before = [share_right(first[row.id], rule) >= threshold for row in sampled]
        found["known_samples"] = share(sampled, known)
        found["differ_from_first_samples"] = share(sampled, _unequal(known, before))
    return found


def _unequal(labels: Sequence[bool], others: Sequence[bool]) -> list[bool]:
    return [one != other for one, other in zip(labels, others, strict=True)]


def _two_lines(
    title: str, part: dict[str, Any], differ: str, *, known: str = "known"
) -> list[tuple[str, str]]:
    return [
        (f"known, {title}", _written(part[known])),
        (f"  {_DIFFER_TITLES[differ]}", _written(part[differ])),
    ]


def _written(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return f"no value, n={found['n']:,}"
    return f"{found['value']:.1%} [{found['low']:.1%}, {found['high']:.1%}], n={found['n']:,}"

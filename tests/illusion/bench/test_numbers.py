"""The metrics of the published benchmarks on rows whose numbers are known beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from levelhead.illusion.bench._numbers import correlationqa_numbers, hallusionbench_numbers, pope_numbers


def pope_row(label: str, said: str | None, *, verdict: str | None = None, group: str = "a") -> dict[str, Any]:
    return {
        "label": label,
        "said": said,
        "paper_said": said or "yes",
        "verdict": verdict or ("correct" if said == label else "other"),
        "group": group,
        "category": "random",
    }


def test_pope_equals_an_independent_reference_where_every_reply_says_yes_or_no() -> None:
    pairs = [("yes", "yes")] * 5 + [("yes", "no")] * 2 + [("no", "yes")] * 3 + [("no", "no")] * 4
    numbers = pope_numbers([pope_row(label, said, group=str(at)) for at, (label, said) in enumerate(pairs)])
    labels, said = ([one == "yes" for one in column] for column in zip(*pairs, strict=True))
    assert numbers["accuracy"]["value"] == pytest.approx(accuracy_score(labels, said))
    assert numbers["precision"]["value"] == pytest.approx(precision_score(labels, said))
    assert numbers["recall"]["value"] == pytest.approx(recall_score(labels, said))
    assert numbers["f1"]["value"] == pytest.approx(f1_score(labels, said))
    assert numbers["yes_share"]["value"] == pytest.approx(8 / 14)
    assert numbers["accuracy"]["n"] == 14
    assert numbers["precision"]["n"] == 8
    assert numbers["paper"]["f1"] == numbers["f1"]
    assert numbers["by_category"]["random"]["recall"] == numbers["recall"]


def test_pope_takes_silence_for_neither_where_the_official_rule_takes_it_for_yes() -> None:
    rows = [
        pope_row("yes", "yes"),
        pope_row("yes", None, verdict="empty"),
        pope_row("no", None, verdict="refused"),
        pope_row("no", None),
        pope_row("no", "no"),
        pope_row("yes", None, verdict="failed"),
    ]
    numbers = pope_numbers(rows)
    assert numbers["precision"] == numbers["precision"] | {"value": 1.0, "n": 1}
    assert numbers["recall"] == numbers["recall"] | {"value": 0.5, "n": 2}
    assert numbers["yes_share"]["value"] == pytest.approx(1 / 5)
    assert [numbers[name]["value"] for name in ("empty", "refused", "unclear")] == [0.2, 0.2, 0.2]
    assert numbers["failed"] == numbers["failed"] | {"value": pytest.approx(1 / 6), "n": 6}
    assert numbers["paper"]["yes_share"]["value"] == pytest.approx(4 / 5)
    assert numbers["counts"]["empty"] == 1


def test_pope_without_a_yes_has_no_precision_and_says_so() -> None:
    assert pope_numbers([pope_row("no", "no")])["precision"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
    }


def hallusion_row(verdict: str, figure: int, question: int, **change: Any) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "said": None if verdict in ("refused", "empty", "failed") else "yes",
        "category": "VD",
        "shown": "original" if figure == 0 else "edited",
        "group": "VD-map-1",
        "figure": f"VD-map-1-{figure}",
        "question_key": f"VD-map-1-{question}",
    } | change


def test_hallusionbench_counts_questions_figures_and_questions_over_all_figures() -> None:
    rows = [
        hallusion_row("correct", 0, 0),
        hallusion_row("correct", 0, 1),
        hallusion_row("correct", 1, 0),
        hallusion_row("other", 1, 1),
    ]
    numbers = hallusionbench_numbers(rows)
    assert (numbers["a_acc"]["value"], numbers["a_acc"]["n"]) == (0.75, 4)
    assert (numbers["q_acc"]["value"], numbers["q_acc"]["n"]) == (0.5, 2)
    assert (numbers["f_acc"]["value"], numbers["f_acc"]["n"]) == (0.5, 2)
    assert numbers["by_shown"]["edited"]["f_acc"]["value"] == 0.0


def test_hallusionbench_leaves_out_groups_with_a_failed_row() -> None:
    rows = [
        hallusion_row("correct", 0, 0),
        hallusion_row("failed", 0, 1),
        hallusion_row("correct", 1, 0),
        hallusion_row("correct", 1, 1),
    ]
    numbers = hallusionbench_numbers(rows)
    assert numbers["a_acc"]["n"] == 3
    assert (numbers["q_acc"]["value"], numbers["q_acc"]["n"]) == (1.0, 1)
    assert (numbers["f_acc"]["value"], numbers["f_acc"]["n"]) == (1.0, 1)
    assert numbers["failed"]["n"] == 4


def test_not_knowing_is_right_only_where_a_supplementary_picture_was_left_out() -> None:
    text = {"category": "VS", "shown": "none"}
    rows = [
        hallusion_row("refused", 0, 0, **text),
        hallusion_row("empty", 0, 1, **text),
        hallusion_row("refused", 1, 0, category="VS"),
    ]
    numbers = hallusionbench_numbers(rows)
    assert numbers["by_shown"]["none"]["a_acc"]["value"] == 0.5
    assert numbers["by_shown"]["none"]["f_acc"]["n"] == 0
    assert numbers["by_shown"]["edited"]["a_acc"]["value"] == 0.0
    assert numbers["refused"]["value"] == pytest.approx(2 / 3)


def test_the_released_set_has_two_accuracies_and_how_often_they_disagree() -> None:
    def row(verdict: str, paper: bool, category: str = "animal") -> dict[str, Any]:
        return {"verdict": verdict, "paper_correct": paper, "group": category, "category": category}

    rows = [
        row("correct", True),
        row("other", True),
        row("refused", False, "art"),
        row("failed", False, "art"),
    ]
    numbers = correlationqa_numbers(rows)
    assert numbers["accuracy"]["value"] == pytest.approx(2 / 3)
    assert numbers["accuracy_strict"]["value"] == pytest.approx(1 / 3)
    assert numbers["rule_disagreement"]["value"] == pytest.approx(1 / 3)
    assert numbers["by_category"]["art"]["failed"]["value"] == 0.5
    assert "flip_rate" not in numbers

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.honesty._labels import (
    FAILED,
    NO_REFERENCE,
    NOT_A_CHOICE,
    NOTHING_TO_TEACH,
    Labelled,
    OwnAnswer,
    Ties,
    label_by_answer,
    label_by_entropy,
    require_both_labels,
    teachable,
    uncertainty,
)
from levelhead.honesty._rows import ProbeRow
from tests.honesty.probed import GOLD, choice_row, mixed_rows, probe_row, unanswerable_row


def with_entropy(name: str, entropy: float, **fields: Any) -> ProbeRow:
    row = probe_row(name, texts=[GOLD, "lead"], **fields)
    assert row.samples is not None
    samples = row.samples.model_copy(update={"entropy": entropy, "semantic_entropy": -entropy})
    return row.model_copy(update={"samples": samples})


def cut(rows: list[ProbeRow], share: float = 0.5, ties: Ties = "together", seed: int = 0) -> set[str]:
    labels = label_by_entropy(rows, kind="text", unsure_share=share, ties=ties, seed=seed)
    assert labels.keys() == {row.id for row in rows}
    return {name for name, sure in labels.items() if not sure}


def test_a_greedy_label_follows_the_rule() -> None:
    rows = [probe_row("a", correct=True, correct_paper=False), probe_row("b", correct=False)]
    assert label_by_answer(rows, rule="corrected") == {"a": True, "b": False}
    assert label_by_answer(rows, rule="paper") == {"a": False, "b": True}


def test_expected_accuracy_counts_the_threshold_itself_as_known() -> None:
    rows = [probe_row("half", right=False, texts=[GOLD, "lead"]), probe_row("third", texts=[GOLD, "x", "y"])]
    assert label_by_answer(rows, rule="corrected", threshold=0.5) == {"half": True, "third": False}


def test_the_expected_accuracy_of_scored_options_is_the_probability_of_the_right_one() -> None:
    row = choice_row("c", [math.log(0.3) - 5, math.log(0.6) - 5])
    assert label_by_answer([row], rule="corrected", threshold=0.66) == {"c": True}
    assert label_by_answer([row], rule="corrected", threshold=0.67) == {"c": False}


def test_a_threshold_without_samples_says_how_to_get_them() -> None:
    with pytest.raises(UsageError, match=r"question a has no sampled answers.*--samples 10"):
        label_by_answer([probe_row("a")], rule="corrected", threshold=0.5)


def test_entropy_without_samples_says_how_to_get_them() -> None:
    with pytest.raises(UsageError, match=r"question k0 has no sampled answers.*--samples 10"):
        label_by_entropy(mixed_rows(), kind="text", unsure_share=0.5, ties="together", seed=0)


def test_the_half_of_higher_entropy_is_unsure() -> None:
    assert cut([with_entropy(str(number), number / 10) for number in range(10)]) == set("56789")


def test_the_kind_of_entropy_decides() -> None:
    rows = [with_entropy("a", 0.1), with_entropy("b", 0.9)]
    labels = label_by_entropy(rows, kind="semantic", unsure_share=0.5, ties="together", seed=0)
    assert labels == {"a": False, "b": True}


def test_equal_entropies_are_never_parted() -> None:
    rows = [with_entropy(f"low{n}", 0.0) for n in range(6)] + [
        with_entropy(f"high{n}", 1.0) for n in range(2)
    ]
    assert cut(rows) == {"high0", "high1"}


def test_of_two_cuts_equally_near_the_one_with_fewer_unsure_is_taken() -> None:
    rows = [with_entropy(name, value) for name, value in zip("abcd", [0.0, 0.5, 0.5, 1.0], strict=True)]
    assert cut(rows) == {"d"}


def test_at_random_ties_are_parted_so_that_the_share_is_met_whatever_the_order_of_the_rows() -> None:
    rows = [with_entropy(f"r{number}", 0.0) for number in range(6)] + [with_entropy("high", 1.0)]
    unsure = cut(rows, share=4 / 7, ties="random")
    assert len(unsure) == 4
    assert "high" in unsure
    assert cut(rows[::-1], share=4 / 7, ties="random") == unsure
    assert len({frozenset(cut(rows, share=4 / 7, ties="random", seed=seed)) for seed in range(9)}) > 1


def test_entropies_that_differ_by_rounding_alone_are_tied() -> None:
    rows = [with_entropy("a", 0.1 + 0.2), with_entropy("b", 0.3), with_entropy("c", 0.9)]
    assert uncertainty(rows[0], "text") == uncertainty(rows[1], "text")


def test_each_task_is_cut_by_itself() -> None:
    rows = [with_entropy(f"a{n}", n / 10, task="one") for n in range(4)]
    rows += [with_entropy(f"b{n}", 5 + n, task="two") for n in range(4)]
    assert cut(rows) == {"a2", "a3", "b2", "b3"}


def test_a_task_of_one_entropy_cannot_be_cut() -> None:
    with pytest.raises(UsageError, match=r"All 3 questions of the task 'questions'.*more samples"):
        cut([with_entropy(name, 0.5) for name in "abc"])


def test_options_are_cut_by_the_entropy_of_their_probabilities() -> None:
    rows = [choice_row("even", [-1.0, -1.0]), choice_row("clear", [-9.0, -0.1])]
    assert cut(rows) == {"even"}
    assert uncertainty(rows[0], "text") == pytest.approx(math.log(2))
    assert uncertainty(choice_row("certain", [-1000.0, 0.0]), "text") == 0


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.floats(0.05, 0.95))
def test_a_cut_keeps_every_row_parts_no_tie_and_is_the_nearest(values: list[int], share: float) -> None:
    if len(set(values)) < 2:
        values = [*values, max(values) + 1]
    rows = [with_entropy(str(place), float(value)) for place, value in enumerate(values)]
    unsure = {values[int(name)] for name in cut(rows, share)}
    sure = set(values) - unsure
    assert sure
    assert unsure
    assert max(sure) < min(unsure)
    reached = sum(value in unsure for value in values) / len(values)
    possible = [sum(value >= edge for value in values) / len(values) for edge in sorted(set(values))[1:]]
    assert abs(reached - share) == min(abs(one - share) for one in possible)


def test_what_cannot_be_taught_is_left_out_with_its_reason() -> None:
    rows = [
        probe_row("fine"),
        probe_row("open", answers=[], correct=None),
        probe_row("failed", answer=None, error="too long", correct=None),
        probe_row("odd", choices=["x", "y"], correct=None),
        unanswerable_row("none"),
    ]
    kept, dropped = teachable(rows, unanswerable=True)
    assert [row.id for row in kept] == ["fine", "none"]
    assert [one.reason for one in dropped] == [NO_REFERENCE, FAILED, NOT_A_CHOICE]
    kept, dropped = teachable(rows, unanswerable=False)
    assert [row.id for row in kept] == ["fine"]
    assert dropped[-1].reason == NOTHING_TO_TEACH


@pytest.mark.parametrize(("sure", "advice"), [(True, "harder questions"), (False, "easier questions")])
def test_one_label_alone_is_refused_with_advice(sure: bool, advice: str) -> None:
    with pytest.raises(UsageError, match=rf"All 2 questions are .*sure after labelling.*{advice}"):
        require_both_labels([Labelled(row, sure) for row in mixed_rows(1, 1)], after="after labelling")


WRONG = (OwnAnswer("lead", "#own"),)


@pytest.mark.parametrize(
    ("one", "verdicts"),
    [
        (Labelled(probe_row("a"), None), ()),
        (Labelled(probe_row("a"), False), (False,)),
        (Labelled(probe_row("a"), True, ()), (True,)),
        (Labelled(probe_row("a"), False, ()), ()),
        (Labelled(probe_row("a"), False, WRONG), (False,)),
        (Labelled(probe_row("a"), True, WRONG * 2), (True, False, False)),
    ],
)
def test_where_own_answers_are_judged_each_bears_a_verdict_and_the_question_none(
    one: Labelled, verdicts: tuple[bool, ...]
) -> None:
    assert one.verdicts == verdicts


def test_a_wrong_own_answer_of_a_known_question_is_enough_to_learn_to_be_unsure() -> None:
    require_both_labels([Labelled(probe_row("a"), True, WRONG)], after="after labelling")


def test_unsure_questions_without_a_word_to_judge_are_refused() -> None:
    labelled = [Labelled(probe_row("a"), True, ()), Labelled(probe_row("b"), False, ())]
    with pytest.raises(
        UsageError, match=r"None of the 1 unsure questions has a wrong answer to judge after l"
    ):
        require_both_labels(labelled, after="after labelling")


def test_no_question_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to teach"):
        require_both_labels([], after="after labelling")

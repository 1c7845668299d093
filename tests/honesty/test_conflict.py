from __future__ import annotations

import math

import pytest

from levelhead.errors import UsageError
from levelhead.honesty._conflict import (
    NEAR_A_KNOWN_ONE,
    RISES,
    by_certainty,
    certainty,
    correctness,
    drop_rising,
    require_one_scale,
    settle_static,
    surest_known,
)
from levelhead.honesty._labels import Labelled
from tests.honesty.probed import GOLD, choice_row, probe_row, unanswerable_row


def twins() -> list[Labelled]:
    """Two questions in other words, of which one is sure; one that stands alone; one without an answer."""
    return [
        Labelled(probe_row("known", question="Which city is Toronto a twin city of?"), True),
        Labelled(probe_row("twin", question="What city is Toronto a twin city of?", right=False), False),
        Labelled(probe_row("alone", question="Who painted the ceiling?", right=False), False),
        Labelled(unanswerable_row("none", question="Which city is Toronto a twin city of?"), False),
    ]


def names(labelled: list[Labelled]) -> list[str]:
    return [one.row.id for one in labelled]


def test_an_unsure_question_nearly_the_same_as_a_sure_one_is_dropped() -> None:
    kept, dropped, conflicts = settle_static(twins(), "drop", threshold=0.6)
    assert names(kept) == ["known", "alone", "none"]
    assert [(one.row.id, one.reason) for one in dropped] == [("twin", NEAR_A_KNOWN_ONE)]
    assert conflicts == 1


def test_it_can_be_relabelled_or_kept_instead() -> None:
    kept, dropped, conflicts = settle_static(twins(), "relabel", threshold=0.6)
    assert [one.sure for one in kept] == [True, True, False, False]
    assert (dropped, conflicts) == ([], 1)
    assert settle_static(twins(), "keep", threshold=0.6) == (twins(), [], 1)


def test_near_questions_with_the_same_label_are_no_conflict() -> None:
    same = [Labelled(one.row, False) for one in twins()]
    assert settle_static(same, "drop", threshold=0.6) == (same, [], 0)


def test_an_unsure_question_that_tuning_makes_known_is_dropped() -> None:
    labelled = [
        Labelled(probe_row("rises", right=False, texts=["x", "y", GOLD]), False),
        Labelled(probe_row("falls", right=False, texts=["x", "y", GOLD]), False),
        Labelled(probe_row("stays", right=False, texts=["x", "y", "z"]), False),
        Labelled(probe_row("known", texts=[GOLD, "x", "y"]), True),
        Labelled(unanswerable_row("none"), False),
        Labelled(probe_row("failed", right=False, texts=["x", "y", "z"]), False),
    ]
    after = {
        "rises": probe_row("rises", texts=[GOLD, GOLD, "x"]),
        "falls": probe_row("falls", texts=["x", "y", "z"]),
        "stays": probe_row("stays", texts=["x", "y", "z"]),
        "known": probe_row("known", texts=[GOLD, GOLD, GOLD]),
        "failed": probe_row("failed", correct=None, error="too long"),
    }
    kept, dropped = drop_rising(labelled, after, "corrected")
    assert names(kept) == ["falls", "stays", "known", "none", "failed"]
    assert [(one.row.id, one.reason) for one in dropped] == [("rises", RISES)]
    kept, _ = drop_rising(labelled, after, "corrected", drop_unchanged=True)
    assert names(kept) == ["falls", "known", "none", "failed"]


def test_greedy_answers_serve_where_there_are_no_samples() -> None:
    labelled = [Labelled(probe_row(name, right=False), False) for name in ("learned", "not")]
    after = {"learned": probe_row("learned"), "not": probe_row("not", right=False)}
    assert names(drop_rising(labelled, after, "corrected")[0]) == ["not"]


def test_samples_before_and_none_after_cannot_be_compared() -> None:
    labelled = [Labelled(probe_row("a", right=False, texts=["x"]), False)]
    with pytest.raises(UsageError, match=r"question a .*not both.*--samples"):
        drop_rising(labelled, {"a": probe_row("a")}, "corrected")


def test_correctness_and_certainty_come_from_samples_options_or_the_greedy_answer() -> None:
    sampled = probe_row("a", right=False, texts=[GOLD, GOLD, "x", "y"])
    assert correctness(sampled, "corrected") == 0.5
    assert certainty(sampled) == pytest.approx(-1.5 * math.log(2))
    chosen = choice_row("b", [math.log(0.2), math.log(0.8)])
    assert correctness(chosen, "corrected") == pytest.approx(0.8)
    assert certainty(chosen) == pytest.approx(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    greedy = probe_row("c", confidence=0.5, correct=True, correct_paper=False)
    assert (correctness(greedy, "corrected"), correctness(greedy, "paper")) == (1, 0)
    assert certainty(greedy) == pytest.approx(math.log(0.5))
    assert certainty(probe_row("d", confidence=0.0)) == -math.inf


def test_without_samples_and_confidence_the_filter_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"neither sampled answers nor a confidence.*--samples 10"):
        certainty(probe_row("a", confidence=None))


def test_open_questions_with_and_without_samples_are_not_ranked_together() -> None:
    options = choice_row("c", [-1, -2])
    require_one_scale([probe_row("a"), probe_row("b"), options])
    require_one_scale([probe_row("a", texts=["x"]), options])
    with pytest.raises(UsageError, match="1 of 2 open questions"):
        require_one_scale([probe_row("a", texts=["x"]), probe_row("b"), options])


def test_the_rehearsal_takes_the_surest_of_the_known() -> None:
    labelled = [
        Labelled(probe_row("often", texts=[GOLD, GOLD, "x"]), True),
        Labelled(probe_row("always", texts=[GOLD, GOLD, GOLD]), True),
        Labelled(probe_row("sometimes", texts=[GOLD, "x", "y"]), True),
        Labelled(probe_row("unknown", right=False, texts=["x", "x", "x"]), False),
    ]
    assert [row.id for row in surest_known(labelled, "corrected", 2, 0)] == ["always", "often"]
    assert [row.id for row in surest_known(labelled[::-1], "corrected", 9, 0)] == [
        "always",
        "often",
        "sometimes",
    ]


def test_the_surest_known_and_the_least_sure_unknown_come_first() -> None:
    sure = [Labelled(probe_row(f"s{p}", confidence=p), True) for p in (0.2, 0.9)]
    unsure = [Labelled(probe_row(f"u{p}", right=False, confidence=p), False) for p in (0.8, 0.1)]
    order = by_certainty(0)
    assert names(sorted(sure, key=order)) == ["s0.9", "s0.2"]
    assert names(sorted(unsure, key=order)) == ["u0.1", "u0.8"]

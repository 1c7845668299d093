"""A policy is found on judged answers, within budgets."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from levelhead.errors import UsageError
from levelhead.guard import Costs, Evidence, JudgedAnswer, fit_decision
from levelhead.guard.decision._policy import Constant


def answers(count: int = 2000, *, seed: int = 0, moved: float = 0.0) -> list[JudgedAnswer]:
    """Answers of a model that is too sure: of those it is p sure of, p squared are right, and of those that a
    picture changed one in ten."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        p_sure, changed = rng.random(), rng.random() < moved
        right = rng.random() < (0.1 if changed else p_sure**2)
        found.append(JudgedAnswer(p_sure, right, kept=not changed))
    return found


def shares(policy_answers: list[JudgedAnswer], **options: float) -> dict[str, float]:
    """Of fresh right answers, how many are withheld, and how many are touched."""
    policy = fit_decision(policy_answers, **options)  # type: ignore[arg-type]
    right = [one for one in answers(20_000, seed=9, moved=0.3) if one.right]
    done = [policy.decide(Evidence(one.p_sure, kept=one.kept)).action for one in right]
    return {
        "abstain": done.count("abstain") / len(right),
        "touched": (done.count("abstain") + done.count("caveat")) / len(right),
    }


@pytest.mark.parametrize(("abstain", "caveat"), [(0.02, 0.1), (0.05, 0.2), (0.2, 0.4)])
def test_budgets_are_kept_to_on_answers_that_were_not_seen(abstain: float, caveat: float) -> None:
    found = shares(answers(moved=0.3), abstain_budget=abstain, caveat_budget=caveat)
    # What is found of 5,000 fresh ones may lie a little above what is so of all there could be.
    assert found["abstain"] <= abstain + 0.01
    assert found["touched"] <= caveat + 0.01


def test_a_budget_that_is_wide_leaves_the_word_to_the_costs() -> None:
    policy = fit_decision(answers(), abstain_budget=0.99, caveat_budget=0.99)
    assert policy.abstain_below == policy.costs.abstain_below
    assert policy.caveat_below == policy.costs.caveat_below


def test_a_decision_costs_less_than_answering_always() -> None:
    policy = fit_decision(answers(moved=0.3), abstain_budget=0.3, caveat_budget=0.5)
    fresh = answers(4000, seed=5, moved=0.3)
    decided = [policy.decide(Evidence(one.p_sure, kept=one.kept)).action for one in fresh]
    cost = sum(policy.cost_of(action, right=one.right) for action, one in zip(decided, fresh, strict=True))
    always = sum(policy.cost_of("answer", right=one.right) for one in fresh)
    assert cost < 0.9 * always


def test_a_probability_is_made_honest_apart_for_what_a_picture_changed() -> None:
    policy = fit_decision(answers(8000, moved=0.3))
    for p_sure in (0.3, 0.6, 0.9):
        kept, moved = (policy.p_right(Evidence(p_sure, kept=kept)) for kept in (True, False))
        assert kept == pytest.approx(p_sure**2, abs=0.06)
        assert moved == pytest.approx(0.1, abs=0.05)


def test_more_sureness_is_never_less_right() -> None:
    policy = fit_decision(answers())
    found = [policy.p_right(Evidence(step / 50)) or 0.0 for step in range(51)]
    assert all(a <= b for a, b in pairwise(found))


def test_few_answers_of_a_kind_are_told_by_their_share() -> None:
    few = [JudgedAnswer(0.9, False, kept=False)] * 8
    policy = fit_decision([*answers(500), *few])
    assert policy.moved == Constant(value=0.1)


def test_sureness_that_says_nothing_is_not_believed() -> None:
    turned = [JudgedAnswer(1 - one.p_sure, one.right) for one in answers(500)]
    policy = fit_decision(turned)
    assert isinstance(policy.settled, Constant)


def test_too_few_right_answers_withhold_nothing() -> None:
    policy = fit_decision(answers(40), abstain_budget=0.01, caveat_budget=0.01)
    assert (policy.abstain_below, policy.caveat_below) == (0.0, 0.0)
    assert policy.evidence is not None
    assert policy.evidence.right_abstained == policy.evidence.right_caveat == 0


def test_the_threshold_of_the_detector_is_the_least_that_stops() -> None:
    assert fit_decision(answers(), harm_threshold=0.45).stop_from == 0.45
    assert fit_decision(answers()).stop_from == pytest.approx(Costs().stop_from)


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([JudgedAnswer(0.5, True)], {}),
        ([JudgedAnswer(0.5, False)], {}),
        ([], {}),
        ([JudgedAnswer(1.5, True), JudgedAnswer(0.5, False)], {}),
        ([JudgedAnswer(0.5, True), JudgedAnswer(0.5, False)], {"abstain_budget": 0.0}),
        ([JudgedAnswer(0.5, True), JudgedAnswer(0.5, False)], {"confidence": 1.0}),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows: list[JudgedAnswer], options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        fit_decision(rows, **options)  # type: ignore[arg-type]

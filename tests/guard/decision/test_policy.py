"""What becomes of an answer, by costs and thresholds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from levelhead.errors import UsageError
from levelhead.guard import Costs, DecisionPolicy, Evidence
from levelhead.guard.decision._policy import DECISION_ACTIONS, Constant

SHARES = st.floats(0, 1)
POLICY = DecisionPolicy(caveat_below=0.6, abstain_below=0.3, stop_from=0.5)


@pytest.mark.parametrize(
    ("evidence", "action"),
    [
        (Evidence(), "answer"),
        (Evidence(p_sure=0.9), "answer"),
        (Evidence(p_sure=0.6), "answer"),
        (Evidence(p_sure=0.59), "caveat"),
        (Evidence(p_sure=0.3), "caveat"),
        (Evidence(p_sure=0.29), "abstain"),
        (Evidence(p_sure=0.9, p_harm=0.49), "answer"),
        (Evidence(p_sure=0.9, p_harm=0.5), "refuse"),
        (Evidence(p_sure=0.1, p_harm=0.9), "refuse"),
        (Evidence(p_harm=0.1), "answer"),
    ],
)
def test_harm_comes_first_and_then_how_likely_it_is_right(evidence: Evidence, action: str) -> None:
    assert POLICY.decide(evidence).action == action


def test_what_can_be_rewritten_is_not_refused_unless_that_costs_more() -> None:
    rewriting = POLICY.model_copy(update={"rewrites": True})
    assert rewriting.decide(Evidence(p_harm=0.9)).action == "rewrite"
    dear = rewriting.model_copy(update={"costs": Costs(rewritten=2.0)})
    assert dear.decide(Evidence(p_harm=0.9)).action == "refuse"


def test_an_answer_that_the_picture_changed_is_held_to_a_map_of_its_own() -> None:
    policy = POLICY.model_copy(update={"moved": Constant(value=0.2)})
    assert policy.decide(Evidence(p_sure=0.95, kept=True)).action == "answer"
    decided = policy.decide(Evidence(p_sure=0.95, kept=False))
    assert (decided.action, decided.p_right) == ("abstain", 0.2)
    assert "the picture changed the answer" in decided.why


@given(p_right=SHARES, wrong=st.floats(0.1, 5), caveat=SHARES, right=SHARES, abstained=st.floats(0, 5))
def test_thresholds_of_costs_choose_what_costs_least(
    p_right: float, wrong: float, caveat: float, right: float, abstained: float
) -> None:
    costs = Costs(
        wrong=wrong,
        wrong_with_caveat=wrong * caveat,
        right_with_caveat=wrong * caveat * right,
        abstained=abstained,
    )
    policy = DecisionPolicy(
        costs=costs,
        caveat_below=max(costs.caveat_below, costs.abstain_below),
        abstain_below=costs.abstain_below,
        stop_from=1.0,
        settled=Constant(value=p_right),
    )
    expected = {
        "answer": costs.of_answer(p_right),
        "caveat": costs.of_caveat(p_right),
        "abstain": costs.abstained,
    }
    chosen = policy.decide(Evidence(p_sure=0.5)).action
    assert expected[chosen] <= min(expected.values()) + 1e-9


@given(p_harm=SHARES)
def test_the_threshold_of_harm_is_where_stopping_costs_as_much(p_harm: float) -> None:
    costs = Costs()
    stops = p_harm >= costs.stop_from
    assert stops == (
        p_harm * costs.harmful >= (1 - p_harm) * min(costs.refused, costs.rewritten)
    ) or math.isclose(p_harm, costs.stop_from)


def test_what_an_action_cost_is_read_from_the_table() -> None:
    cost = POLICY.cost_of
    assert cost("answer", right=True) == 0
    assert cost("answer", right=False) == 1
    assert cost("caveat", right=False) == 0.5
    assert cost("abstain", right=True) == cost("abstain", right=False) == 0.4
    assert cost("answer", right=True, harmful=True) == 20
    assert cost("refuse", right=True, harmful=True) == 0
    assert all(cost(action, right=False) >= 0 for action in DECISION_ACTIONS)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_no_probability_is_refused(value: float) -> None:
    for evidence in (Evidence(p_sure=value), Evidence(p_harm=value)):
        with pytest.raises(UsageError, match="between 0 and 1"):
            POLICY.decide(evidence)


@pytest.mark.parametrize(
    "costs",
    [
        {"wrong_with_caveat": 2.0},
        {"right_with_caveat": 0.7},
        {"harmful": 0.5},
        {"wrong": -1.0},
        {"wrong": math.inf},
        {"unknown": 1.0},
    ],
)
def test_costs_that_contradict_themselves_are_refused(costs: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Costs(**costs)


def test_a_policy_is_read_as_it_was_written(tmp_path: Path) -> None:
    policy = POLICY.model_copy(update={"moved": Constant(value=0.2)})
    policy.save(tmp_path / "decision.json")
    assert DecisionPolicy.read(tmp_path) == DecisionPolicy.read(tmp_path / "decision.json") == policy


@pytest.mark.parametrize("change", [{"caveat_below": 0.1}, {"stop_from": 2}, {"more": 1}])
def test_a_damaged_policy_is_refused(change: dict[str, float], tmp_path: Path) -> None:
    saved = POLICY.model_dump(mode="json") | change
    (tmp_path / "decision.json").write_text(json.dumps(saved))
    with pytest.raises(UsageError, match="is damaged"):
        DecisionPolicy.read(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        DecisionPolicy.read(tmp_path / "nowhere.json")

"""The honesty rail: the model is asked whether it is sure, and the reply tells p_sure."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from levelhead.answers import SURE_QUESTION
from levelhead.errors import UsageError
from levelhead.guard import DecisionPolicy
from levelhead.guard.decision._policy import Constant
from levelhead.guard.detector._calibration import Line
from levelhead.guard.gateway._config import HonestySettings, UpstreamSettings
from levelhead.guard.gateway._honesty_rail import HonestyRail, Token, p_sure_of
from levelhead.guard.gateway._sureness import Sureness
from levelhead.guard.gateway._upstream import Upstream
from tests.guard.gateway.pictures import as_url, encoded, plain
from tests.guard.gateway.scripted import (
    HARMFUL,
    HARMLESS,
    Asked,
    Script,
    World,
    as_json,
    by_mode,
    guarded,
)

CAVEAT, ABSTENTION = "I am not sure of this answer.", "I am not sure enough to answer this."


def token(text: str, **alternatives: float) -> Token:
    """A token; alternatives by their words, with probabilities. A leading underline is a blank."""
    found = [(name.replace("_", " "), math.log(share)) for name, share in alternatives.items()]
    return Token(text, tuple(found))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([token("I", I=1.0), token(" am", _am=1.0), token(" sure", _sure=0.7, _uns=0.3)], 0.7),
        ([token("I am", **{"I_am": 1.0}), token(" unsure", _unsure=0.9, _sure=0.1)], 0.1),
        ([token("I am un", **{"I_am_un": 0.8, "I_am_s": 0.2})], 0.2),
        ([token("I am ", **{"I_am_": 1.0}), token("sure", sure=0.5, unsure=0.25, the=0.25)], 2 / 3),
        ([token("I", I=1.0), token(" am", _am=1.0), token(" sure", _sure=0.3, _happy=0.7)], None),
        ([token("Yes", Yes=1.0)], None),
        ([token("I", I=1.0)], None),
        ([], None),
    ],
)
def test_p_sure_is_read_where_sure_and_unsure_part(tokens: list[Token], expected: float | None) -> None:
    found = p_sure_of(tokens)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-5))


@given(
    st.lists(
        st.tuples(
            st.text(max_size=6), st.lists(st.tuples(st.text(max_size=6), st.floats(-50, 5)), max_size=4)
        ),
        max_size=6,
    )
)
def test_any_tokens_give_a_probability_or_none(tokens: list[tuple[str, list[tuple[str, float]]]]) -> None:
    found = p_sure_of([Token(text, tuple(others)) for text, others in tokens])
    assert found is None or 0 <= found <= 1


def answering(p_sure: float | None, text: str = HARMLESS) -> Script:
    """An upstream that answers, and is as sure of it; None: it says something else."""

    def script(asked: Asked) -> Any:
        if asked.body["messages"][-1]["content"] != SURE_QUESTION:
            return by_mode(text)(asked)
        said = ["I", " am", " sure"] if p_sure is not None else ["Well", ",", " perhaps"]
        last = [(" sure", p_sure or 0.01), (" uns", 1 - (p_sure or 0.01))]
        tokens = [
            {"token": one, "logprob": 0.0, "top_logprobs": [{"token": one, "logprob": 0.0}]}
            for one in said[:2]
        ]
        others = [{"token": one, "logprob": math.log(share)} for one, share in last]
        tokens.append({"token": said[2], "logprob": 0.0, "top_logprobs": others})
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(said)},
            "logprobs": {"content": tokens},
            "finish_reason": "stop",
        }
        return as_json({"choices": [choice]})

    return script


def ask(world: World, *, streamed: bool = False) -> tuple[str, str, dict[str, Any]]:
    """The text that a client gets, why it ended, and what is told of its honesty."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Cookies?"}], "stream": streamed}
    answer = httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=20)
    if not streamed:
        choice = answer.json()["choices"][0]
        told = answer.json()["levelhead"]["output"][0].get("honesty", {})
        return choice["message"]["content"], choice["finish_reason"], told
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    text = "".join(one["choices"][0]["delta"].get("content", "") for one in events)
    last = events[-1]
    told = last["levelhead"]["output"][0].get("honesty", {})
    return text, last["choices"][0]["finish_reason"], told


def test_off_by_default_the_model_is_asked_once() -> None:
    with guarded(answering(0.9)) as world:
        assert ask(world) == (HARMLESS, "stop", {})
        assert len(world.upstream.asked) == 1


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("p_sure", "below", "expected", "action"),
    [
        (0.9, "abstain", HARMLESS, "tell"),
        (0.2, "tell", HARMLESS, "tell"),
        (0.2, "caveat", f"{HARMLESS}\n\n{CAVEAT}", "caveat"),
        (0.2, "abstain", ABSTENTION, "abstain"),
    ],
)
def test_an_unsure_answer_is_told_caveated_or_replaced(
    p_sure: float, below: str, expected: str, action: str, streamed: bool
) -> None:
    if streamed and action == "abstain":  # it was shown already
        expected, action = f"{HARMLESS}\n\n{CAVEAT}", "caveat"
    with guarded(answering(p_sure), honesty={"on": True, "below": below}) as world:
        text, reason, told = ask(world, streamed=streamed)
        asked = world.upstream.asked[-1].body
    assert (text, reason) == (expected, "stop")
    assert told == {"p_sure": pytest.approx(p_sure), "action": action, "reason": None}
    assert [turn["content"] for turn in asked["messages"]] == ["Cookies?", HARMLESS, SURE_QUESTION]
    assert asked["logprobs"] is True


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that halves p_sure, nearly, and trusts no answer that a picture changed."""
    path = tmp_path / "decision.json"
    DecisionPolicy(
        settled=Line(slope=1.0, intercept=-1.0),
        moved=Constant(value=0.1),
        caveat_below=0.5,
        abstain_below=0.2,
        stop_from=0.5,
    ).save(path)
    return str(path)


@pytest.mark.parametrize(
    ("p_sure", "p_right", "expected", "action"),
    [
        (0.9, 0.768, HARMLESS, "tell"),
        (0.6, 0.356, f"{HARMLESS}\n\n{CAVEAT}", "caveat"),
        (0.3, 0.136, ABSTENTION, "abstain"),
    ],
)
def test_a_policy_makes_p_sure_honest_and_decides(
    p_sure: float, p_right: float, expected: str, action: str, policy: str
) -> None:
    with guarded(answering(p_sure), honesty={"on": True, "policy": policy}) as world:
        text, _, told = ask(world)
        assert len(world.upstream.asked) == 2
    assert text == expected
    assert (told["action"], told["same_without_picture"]) == (action, None)
    assert told["p_right"] == pytest.approx(p_right, abs=1e-3)


@pytest.mark.parametrize(
    ("without", "same", "action"), [(HARMLESS, True, "tell"), ("Cakes.", False, "abstain")]
)
def test_an_answer_that_the_picture_changed_is_not_believed(
    without: str, same: bool, action: str, policy: str
) -> None:
    sure = answering(0.9)

    def script(asked: Asked) -> Any:
        messages = asked.body["messages"]
        if len(messages) == 1 and isinstance(messages[0]["content"], str):
            return by_mode(without)(asked)
        return sure(asked)

    settings = {"on": True, "policy": policy, "without_picture": True}
    parts = [
        {"type": "image_url", "image_url": {"url": as_url(encoded(plain()))}},
        {"type": "text", "text": "Cookies?"},
    ]
    with guarded(script, honesty=settings) as world:
        body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
        answer = httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=20).json()
        asked = [one.body["messages"] for one in world.upstream.asked]
    told = answer["levelhead"]["output"][0]["honesty"]
    assert (told["same_without_picture"], told["action"]) == (same, action)
    assert len(asked) == 3
    assert asked[2] == [{"role": "user", "content": "Cookies?"}]


def test_a_chat_without_a_picture_is_not_asked_again(policy: str) -> None:
    settings = {"on": True, "policy": policy, "without_picture": True}
    with guarded(answering(0.9), honesty=settings) as world:
        _, _, told = ask(world)
        assert len(world.upstream.asked) == 2
    assert told["same_without_picture"] is None


def test_where_the_second_asking_fails_the_answer_is_decided_without_it(policy: str) -> None:
    sure = answering(0.9)

    def script(asked: Asked) -> Any:
        messages = asked.body["messages"]
        is_again = len(messages) == 1 and isinstance(messages[0]["content"], str)
        return as_json({}, 500) if is_again else sure(asked)

    settings = {"on": True, "policy": policy, "without_picture": True}
    parts = [
        {"type": "image_url", "image_url": {"url": as_url(encoded(plain()))}},
        {"type": "text", "text": "Cookies?"},
    ]
    with guarded(script, honesty=settings) as world:
        body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
        answer = httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=20).json()
    told = answer["levelhead"]["output"][0]["honesty"]
    assert (told["same_without_picture"], told["action"]) == (None, "tell")


def test_a_policy_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        HonestyRail(HonestySettings(on=True, policy=tmp_path / "none.json"), Upstream(UpstreamSettings()))
    with pytest.raises(ValidationError, match="without_picture needs policy"):
        HonestySettings(on=True, without_picture=True)


def test_where_nothing_can_be_read_the_answer_goes_out_and_the_reply_says_why() -> None:
    with guarded(answering(None), honesty={"on": True, "below": "abstain"}) as world:
        text, _, told = ask(world)
        assert text == HARMLESS
        assert told["p_sure"] is None
        assert "neither" in told["reason"]
        world.upstream.script = lambda asked: (
            by_mode(HARMLESS)(asked) if len(asked.body["messages"]) == 1 else as_json({}, 500)
        )
        text, _, told = ask(world)
        assert (text, told["reason"]) == (HARMLESS, "The model server failed.")


def test_of_an_answer_that_was_kept_back_nobody_asks() -> None:
    with guarded(answering(0.9, HARMFUL), honesty={"on": True}) as world:
        _, reason, told = ask(world)
        assert (reason, told) == ("content_filter", {})
        assert len(world.upstream.asked) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"p_sure": None, "action": "tell"},
        {"p_sure": 0.5, "action": "tell", "reason": "x"},
        {"p_sure": 0.5, "action": "caveat"},
        {"p_sure": 0.5, "action": "tell", "text": "x"},
        {"p_sure": None, "action": "caveat", "text": "x", "reason": "x"},
    ],
    ids=str,
)
def test_a_sureness_that_contradicts_itself_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Sureness"):
        Sureness(**fields)

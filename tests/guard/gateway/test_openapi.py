"""The gateway against its own description: both say the same of every request, and no answer surprises.

Requests are made from the description by schemathesis, well formed and malformed; others by hypothesis.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from levelhead.guard import TemplateDetoxifier
from levelhead.guard.gateway._app import build_app
from levelhead.guard.gateway._config import GatewayConfig, LimitSettings
from levelhead.guard.gateway._gate import Gate
from levelhead.guard.gateway._judges import DirectJudges, run_now
from levelhead.guard.gateway._moderations import moderate
from levelhead.guard.gateway._openapi import openapi_document
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._requests import Endpoint, read_request
from tests.guard.gateway.scripted import HARMLESS, CookieDetector, World, by_mode, guarded
from tests.guard.gateway.test_requests import HIDDEN, UNREADABLE, WRONG, asking, user

LIMITS = LimitSettings(max_messages=100)
DOCUMENT = openapi_document(GatewayConfig(limits=LIMITS))
NAMES: dict[Endpoint, str] = {"chat/completions": "ChatRequest", "completions": "CompletionRequest"}


def described(name: str) -> jsonschema_rs.Validator:
    """What tells whether a value is as the description says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with guarded(by_mode(HARMLESS)) as made:
        yield made


# 413 and 422: a picture that is made up is none, which no schema can say. 405: see below.
_ACCEPTED = ["2xx", "404", "413", "422"]
SCHEMA = schemathesis.openapi.from_dict(
    openapi_document(GatewayConfig()),
    config=schemathesis.Config.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
                "unsupported_method": {"enabled": False},
            }
        }
    ),
)


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_one_that_the_description_knows(case: schemathesis.Case[Any], world: World) -> None:
    case.call_and_validate(base_url=world.url)


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
def test_another_method_is_405_and_says_which_are_allowed(world: World, path: str) -> None:
    """With a body of JSON: what a page in a browser could send is refused for that before."""
    for method in ("DELETE", "PUT", "PATCH", "GET", "POST"):
        if method.lower() not in DOCUMENT["paths"][path]:
            answer = httpx.request(method, f"{world.url}{path.replace('{name}', 'm')}", json={})
            assert answer.status_code == 405
            allowed = answer.headers["allow"].lower().split(", ")
            assert set(allowed) - {"head"} == set(DOCUMENT["paths"][path])


def test_the_description_is_served_with_the_limits_and_keys_that_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "key-of-the-first-client")
    keys = [{"id": "a", "env": "A_KEY"}]
    with guarded(by_mode(HARMLESS), keys=keys, limits={"max_choices": 3}) as made:
        assert httpx.get(f"{made.url}/openapi.json").status_code == 401
        headers = {"authorization": "Bearer key-of-the-first-client"}
        found = httpx.get(f"{made.url}/openapi.json", headers=headers).json()
    count = found["components"]["schemas"]["ChatRequest"]["properties"]["n"]
    assert count["maximum"] == 3
    assert found["security"] == [{"key": []}]
    assert found["paths"]["/healthz"]["get"]["security"] == []


def test_every_address_but_those_of_the_page_is_described() -> None:
    app = build_app(GatewayConfig(), CookieDetector(), TemplateDetoxifier())
    assert isinstance(app, Gate)
    routes = {
        (route.path.replace(":path", ""), method.lower())
        for route in app._app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert routes == {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
def test_what_is_refused_is_wrong_by_the_description(fields: dict[str, Any]) -> None:
    assert not described("ChatRequest").is_valid(fields)


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_is_read_is_right_by_the_description(fields: dict[str, Any]) -> None:
    assert described("ChatRequest").is_valid(fields)


_TEXTS = st.sampled_from(
    ["a", "", "data:,x", "data: x", "DATA:image/png;base64,AA", "a\u0000", "auto", "user"]
)
_PART_KEYS = ["type", "text", "image_url", "url", "detail", "file", "refusal", "input_audio"]
_KEYS = st.sampled_from([*_PART_KEYS, "role", "content", "tool_calls", "images", "name", "n", "id", "data:,"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 20) | st.sampled_from([2.0, 2.5]) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_PART = st.builds(
    lambda kind, further: {"type": kind, **further},
    st.sampled_from(["text", "input_text", "refusal", "image_url", "file", "input_audio", "video"]),
    st.fixed_dictionaries(
        {},
        optional={
            "text": _TEXTS,
            "refusal": _TEXTS,
            "image_url": st.fixed_dictionaries({"url": _TEXTS}, optional={"detail": _JSON, "x": _JSON}),
            "file": _JSON,
            "input_audio": _JSON,
            "x": _JSON,
        },
    ),
)
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "root"])},
    optional={
        "content": _TEXTS | st.none() | st.lists(_PART | _JSON, max_size=2) | _JSON,
        "tool_calls": _JSON,
        "refusal": _JSON,
        "images": _JSON,
        "x": _JSON,
    },
)
_ASKED = st.fixed_dictionaries(
    {"model": _TEXTS},
    optional={
        "messages": st.lists(_MESSAGE, max_size=2) | _JSON,
        "prompt": _JSON | st.lists(st.integers(0, 3) | _TEXTS, max_size=3),
        "stream": st.booleans() | _JSON,
        "n": st.integers(0, 20) | _JSON,
        "videos": _JSON,
        "x": _JSON,
    },
)


@given(_ASKED, st.sampled_from(sorted(NAMES)))
@settings(max_examples=400, deadline=None)
def test_the_gateway_reads_a_request_exactly_if_the_description_says_so(
    fields: dict[str, Any], endpoint: Endpoint
) -> None:
    refused = None
    try:
        read_request(endpoint, json.dumps(fields).encode(), LIMITS)
    except RequestError as error:
        refused = error
    assert described(NAMES[endpoint]).is_valid(fields) is (refused is None), refused


@pytest.mark.parametrize("part", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_inspected_is_described_all_the_same(part: dict[str, Any]) -> None:
    assert described("ChatRequest").is_valid(asking(user([part])))


@given(
    st.fixed_dictionaries({}, optional={"input": _TEXTS | st.lists(_TEXTS | _PART, max_size=3) | _JSON}),
    st.dictionaries(_KEYS, _JSON, max_size=2),
)
@settings(max_examples=200, deadline=None)
def test_a_request_for_verdicts_is_read_exactly_if_the_description_says_so(
    fields: dict[str, Any], further: dict[str, Any]
) -> None:
    asked = {**further, **fields}
    judges = DirectJudges(CookieDetector(), TemplateDetoxifier())
    judging = moderate(json.dumps(asked).encode(), judges, LIMITS, detector="cookies", request_id="1")
    answer = refused = None
    try:
        answer = run_now(judging)
    except RequestError as error:
        refused = error
    assert described("ModerationRequest").is_valid(asked) is (refused is None), refused
    assert answer is None or described("Moderation").is_valid(answer)

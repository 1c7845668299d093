"""What a gateway writes down of its decisions: audit log, page, metrics, logs and traces. Cases 13 and 57."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from levelhead.guard import verify_audit_log
from levelhead.guard.gateway._observability_settings import TelemetrySettings
from levelhead.guard.gateway._telemetry import open_telemetry
from tests.guard.gateway.scripted import HARMFUL, HARMLESS, World, by_mode, guarded

QUESTION = "Where are the cookies kept"


def ask(world: World, *, streamed: bool = False, **fields: object) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": QUESTION}], "stream": streamed, **fields}
    return httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=20)


def rows(folder: Path) -> list[dict[str, Any]]:
    """What the audit log says of decisions."""
    found = []
    for path in sorted(folder.glob("*.sqlite")):
        with sqlite3.connect(path) as connection:
            found += [json.loads(body) for (body,) in connection.execute("SELECT body FROM rows")]
    return [one for one in found if one["kind"] == "decision"]


@contextmanager
def audited(folder: Path, text: str, **audit: object) -> Iterator[World]:
    with guarded(by_mode(text), audit={"folder": str(folder), **audit}) as world:
        yield world


@pytest.mark.parametrize("streamed", [False, True])
def test_every_decision_is_a_row_of_a_chain_that_holds_and_no_text_stands_in_it(
    tmp_path: Path, streamed: bool
) -> None:
    """Case 57."""
    with audited(tmp_path / "audit", HARMFUL) as world:
        told = ask(world, streamed=streamed)
    found = rows(tmp_path / "audit")
    assert [(one["stage"], one["action"], one["category"]) for one in found] == [
        ("input", "allow", None),
        ("output", "block", "theft"),
    ]
    assert {one["request_id"] for one in found} == {told.headers["x-levelhead-request-id"]}
    assert verify_audit_log(tmp_path / "audit").broken is None
    raw = b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir())
    assert b"steal the cookies" not in raw
    assert QUESTION.encode() not in raw


def test_texts_are_kept_on_request(tmp_path: Path) -> None:
    with audited(tmp_path / "audit", HARMFUL, content=True) as world:
        ask(world)
    raw = b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir())
    assert b"steal the cookies" in raw


@pytest.mark.parametrize("streamed", [False, True])
def test_where_decisions_must_be_recorded_and_cannot_there_is_no_answer(
    tmp_path: Path, streamed: bool
) -> None:
    """Case 57: the table is locked by another program, as good as a full disk."""
    folder = tmp_path / "audit"
    with audited(folder, HARMLESS, on_failure="refuse") as world:
        assert ask(world).status_code == 200
        path = next(folder.glob("*.sqlite"))
        locking = sqlite3.connect(path, isolation_level=None)
        locking.execute("BEGIN EXCLUSIVE")
        answer = ask(world, streamed=streamed)
        assert "Share the cookies with everybody. They taste of butter. Bake more" not in answer.text
        assert "audit_unavailable" in answer.text
        again = ask(world, streamed=streamed)
        assert again.status_code == 503
        assert again.headers["retry-after"] == "10"
        locking.execute("ROLLBACK")
        locking.close()


def test_the_page_has_a_key_of_its_own_and_the_api_needs_none_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGE_KEY", "key-of-the-page-of-people")
    monkeypatch.setenv("API_KEY", "key-of-the-interface")
    settings: dict[str, Any] = {
        "audit": {"folder": str(tmp_path / "audit")},
        "ui": {"key_env": "PAGE_KEY"},
        "keys": [{"id": "a", "env": "API_KEY"}],
    }
    with guarded(by_mode(HARMLESS), **settings) as world, httpx.Client(base_url=world.url) as browser:
        assert browser.get("/ui").status_code in (303, 401)
        page = browser.get("/ui", follow_redirects=True)
        assert "<form" in page.text
        assert browser.get("/ui", headers={"authorization": "Bearer key-of-the-interface"}).status_code != 200


def test_without_a_key_there_is_no_page() -> None:
    with guarded(by_mode(HARMLESS)) as world:
        assert httpx.get(f"{world.url}/ui").status_code == 404


def test_names_that_clients_choose_do_not_grow_the_metrics() -> None:
    """Case 13."""
    with guarded(by_mode(HARMLESS)) as world:
        ask(world)
        httpx.post(f"{world.url}/v1/none", json={})
        before = len(httpx.get(f"{world.url}/metrics").content.splitlines())
        for number in range(100):
            ask(world, model=f"model-{number}")
            httpx.post(f"{world.url}/v1/path-{number}", json={})
        after = httpx.get(f"{world.url}/metrics").text
    assert len(after.splitlines()) == before
    assert "model-" not in after
    assert 'levelhead_guard_decisions_total{action="allow",category="none",stage="output"} 101.0' in after


def test_logs_tell_of_decisions_without_their_texts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="levelhead")
    with guarded(by_mode(HARMFUL)) as world:
        ask(world)
    told = [one.__dict__.get("levelhead_fields", {}) for one in caplog.records]
    assert [one["action"] for one in told if "action" in one] == ["allow", "block"]
    assert "steal the cookies" not in repr(told) + caplog.text
    assert QUESTION not in repr(told) + caplog.text


@pytest.mark.parametrize("streamed", [False, True])
def test_a_request_is_one_trace_that_the_upstream_goes_on_with(streamed: bool) -> None:
    exporter = InMemorySpanExporter()
    telemetry = open_telemetry(TelemetrySettings(traces=True), exporter=exporter)
    with guarded(by_mode(HARMFUL), telemetry=telemetry) as world:
        trace = "0af7651916cd43dd8448eb211c80319c"
        body = {"model": "m", "messages": [{"role": "user", "content": QUESTION}], "stream": streamed}
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        httpx.post(f"{world.url}/v1/chat/completions", json=body, headers=headers)
        sent = world.upstream.asked[-1].headers["traceparent"]
    telemetry.close()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {"POST /v1/chat/completions", "guard input", "chat m"} <= spans.keys()
    assert {f"{span.context.trace_id:032x}" for span in spans.values() if span.context} == {trace}
    assert sent.split("-")[1] == trace
    labels = [
        (event.attributes or {})["gen_ai.evaluation.score.label"]
        for event in spans["POST /v1/chat/completions"].events
    ]
    assert labels == ["allow", "block"]
    assert (spans["chat m"].attributes or {})["gen_ai.response.finish_reasons"] == ("stop",)

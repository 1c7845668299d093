"""Traces: the names of the conventions, spans that belong together, and no text of anybody."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway._observability_settings import TelemetrySettings
from levelhead.guard.gateway._telemetry import Span, Telemetry, open_telemetry
from tests.guard.gateway.decisions import decision
from tests.guard.gateway.scripted import running

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def traced(headers: dict[str, str] | None = None) -> tuple[dict[str, ReadableSpan], dict[str, str]]:
    """The spans of one request by name, and the headers that its upstream got."""
    exporter = InMemorySpanExporter()
    telemetry = open_telemetry(TelemetrySettings(traces=True), exporter=exporter)
    with telemetry.request("chat/completions", headers or {}) as request:
        with request.stage("input"):
            pass
        with request.upstream("chat", model="baker-1", address="model.local", port=8000) as call:
            sent = call.headers()
            call.answered(model="baker-1b", finish_reasons=["stop"], input_tokens=7, output_tokens=9)
        request.decided(decision("rewrite"))
    telemetry.close()
    return {span.name: span for span in exporter.get_finished_spans()}, sent


def test_a_request_is_a_trace_of_its_stages_and_of_the_call_of_the_model() -> None:
    spans, sent = traced()
    request, stage, call = spans["POST /v1/chat/completions"], spans["guard input"], spans["chat baker-1"]
    assert (request.kind, stage.kind, call.kind) == (SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT)
    assert request.context is not None
    for one in (stage, call):
        assert one.parent is not None
        assert one.parent.span_id == request.context.span_id
    assert call.context is not None
    assert sent["traceparent"].split("-")[2] == f"{call.context.span_id:016x}", (
        "the upstream goes on from the call"
    )


def test_the_call_has_the_attributes_of_the_conventions() -> None:
    spans, _ = traced()
    assert dict(spans["chat baker-1"].attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "baker-1",
        "gen_ai.response.model": "baker-1b",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 9,
        "server.address": "model.local",
        "server.port": 8000,
    }


def test_a_decision_is_an_event_without_its_texts() -> None:
    spans, _ = traced()
    (event,) = spans["POST /v1/chat/completions"].events
    assert event.name == "gen_ai.evaluation.result"
    assert (event.attributes or {})["gen_ai.evaluation.score.label"] == "rewrite"
    whole = " ".join(span.to_json() for span in spans.values())
    assert "flour" not in whole
    assert "baker." not in whole


def test_the_trace_of_a_client_is_gone_on_from() -> None:
    spans, sent = traced({"traceparent": TRACEPARENT})
    assert {json.loads(span.to_json())["context"]["trace_id"] for span in spans.values()} == {f"0x{TRACE}"}
    assert sent["traceparent"].split("-")[1] == TRACE


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 100_000])
def test_a_trace_header_that_is_none_begins_a_new_trace(header: str) -> None:
    spans, _ = traced({"traceparent": header})
    assert spans["POST /v1/chat/completions"].parent is None


def test_an_exception_marks_the_span_by_its_type_and_not_by_its_words() -> None:
    exporter = InMemorySpanExporter()
    telemetry = open_telemetry(TelemetrySettings(traces=True), exporter=exporter)
    with pytest.raises(ValueError, match="sourdough"), telemetry.request("completions", {}):
        raise ValueError("sourdough")
    telemetry.close()
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert "sourdough" not in span.to_json()


def test_spans_may_end_in_another_task_than_they_began_in(caplog: pytest.LogCaptureFixture) -> None:
    exporter = InMemorySpanExporter()
    telemetry = open_telemetry(TelemetrySettings(traces=True), exporter=exporter)

    async def end(span: Span) -> None:
        with span.stage("output"):
            await asyncio.sleep(0)
        span.__exit__(None, None, None)

    async def serve() -> None:
        span = telemetry.request("chat/completions", {})
        span.__enter__()
        await asyncio.create_task(end(span))

    asyncio.run(serve())
    telemetry.close()
    assert len(exporter.get_finished_spans()) == 2
    assert not caplog.records


def test_a_model_name_of_any_length_is_cut_off() -> None:
    exporter = InMemorySpanExporter()
    telemetry = open_telemetry(TelemetrySettings(traces=True), exporter=exporter)
    with telemetry.request("chat/completions", {}) as request:
        request.upstream("chat", model="x" * 10_000, address="a").__exit__(None, None, None)
    telemetry.close()
    assert all(len(span.to_json()) < 3_000 for span in exporter.get_finished_spans())


def test_without_traces_the_same_calls_do_nothing_and_load_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    telemetry = open_telemetry(TelemetrySettings())
    assert type(telemetry) is Telemetry
    with telemetry.request("chat/completions", {"traceparent": TRACEPARENT}) as request:
        with request.upstream("chat", model="m", address="a") as call:
            assert call.headers() == {}
            call.answered(model="m")
        request.decided(decision())
        request.failed("upstream_timeout")
    telemetry.close()
    with pytest.raises(MissingExtraError, match="telemetry"):
        open_telemetry(TelemetrySettings(traces=True))


def test_an_exporter_that_is_not_installed_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="console"):
        open_telemetry(TelemetrySettings(traces=True, exporter="carrier-pigeon"))


def test_by_default_traces_go_to_a_collector_by_otlp(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, bytes]] = []

    async def collect(request: Request) -> Response:
        got.append((request.url.path, await request.body()))
        return Response(b"", media_type="application/x-protobuf")

    collector = Starlette(routes=[Route("/{path:path}", collect, methods=["POST"])])
    with running(collector) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        telemetry = open_telemetry(TelemetrySettings(traces=True))
        with telemetry.request("chat/completions", {}) as request:
            request.decided(decision("rewrite"))
        telemetry.close()
    ((path, body),) = got
    assert path == "/v1/traces"
    sent = body if body[:2] != b"\x1f\x8b" else gzip.decompress(body)
    assert b"levelhead-guard" in sent
    assert b"POST /v1/chat/completions" in sent
    assert b"flour" not in sent

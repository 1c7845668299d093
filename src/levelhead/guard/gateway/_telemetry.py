"""Traces for OpenTelemetry, with the names of its conventions for generative AI.

    with telemetry.request("chat/completions", headers) as request:
        with request.stage("input"):
            ...
        with request.upstream("chat", model=..., address=...) as call:
            send(headers=call.headers())
            call.answered(model=..., finish_reasons=..., input_tokens=..., output_tokens=...)
        request.decided(decision)

Texts never stand in a trace. Spans are tied to each other by hand and not by the context of the running task,
since an answer may be streamed by another task than the one that began it. Without the extra, or switched
off, the same calls do nothing.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._observability_settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OpenTelemetrySpan
    from opentelemetry.trace import SpanKind, Tracer

Operation = Literal["chat", "text_completion"]
Value = str | bool | int | float | Sequence[str]

_MAX_NAME_CHARACTERS = 128
"""Names that clients choose are cut off here."""


class Span:
    """A stretch of time in a trace. The base class records nothing: that is a gateway without telemetry."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; an exception that passes through marks it as failed, by its type alone."""

    def stage(self, name: str) -> Span:
        """A part of it, such as `input`, `judge` or `rewrite`. End it by leaving its `with`."""
        return self

    def upstream(self, operation: Operation, *, model: str, address: str, port: int | None = None) -> Span:
        """The call of the model behind the gateway.

        Args:
            operation: What is asked of it.
            model: What the client asked for.
            address: Host of the upstream.
            port: Its port.
        """
        return self

    def headers(self) -> dict[str, str]:
        """What to send along so that the upstream can go on with the trace."""
        return {}

    def answered(
        self,
        *,
        model: str | None = None,
        response_id: str | None = None,
        finish_reasons: Sequence[str] = (),
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """What the upstream said of its answer."""

    def decided(self, decision: Decision) -> None:
        """Tell of a decision, without its texts."""

    def failed(self, kind: str) -> None:
        """Mark it as failed, by a word of few: the code of an error."""


class Telemetry:
    """Makes the traces of one gateway. The base class makes none."""

    def request(self, endpoint: str, headers: Mapping[str, str]) -> Span:
        """The whole of one request.

        Args:
            endpoint: The route it came to, without anything that a client chose.
            headers: As they came, with names in lower case; a `traceparent` among them is gone on from.
        """
        return Span()

    def close(self) -> None:
        """Send what has not been sent."""


def open_telemetry(settings: TelemetrySettings, *, exporter: SpanExporter | None = None) -> Telemetry:
    """Telemetry by its settings.

    Args:
        settings: Whether there are traces, and where they go.
        exporter: Where they go instead.

    Raises:
        MissingExtraError: If traces are wanted and the extra `telemetry` is not installed.
        UsageError: If no exporter of that name is installed.
    """
    if not settings.traces:
        return Telemetry()
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError as error:
        raise MissingExtraError("Traces", extra="telemetry", module=error.name or "opentelemetry") from error
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.sample_ratio),
        resource=Resource.create({"service.name": "levelhead-guard"}),
        shutdown_on_exit=False,  # `close` does it
    )
    provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(settings.exporter)))
    return _Recording(provider)


def _exporter(name: str) -> SpanExporter:
    installed = {one.name: one for one in entry_points(group="opentelemetry_traces_exporter")}
    if name not in installed:
        raise UsageError(
            f"No OpenTelemetry exporter called {name!r} is installed; there are: "
            f"{', '.join(sorted(installed))}. The extra `telemetry` holds otlp_proto_http."
        )
    exporter: SpanExporter = installed[name].load()()
    return exporter


class _Recording(Telemetry):
    """Makes traces with the SDK."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer: Tracer = provider.get_tracer("levelhead.guard.gateway")

    def request(self, endpoint: str, headers: Mapping[str, str]) -> Span:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(dict(headers))
        span = self._tracer.start_span(
            f"POST /v1/{endpoint}",
            context,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": "POST", "http.route": f"/v1/{endpoint}"},
        )
        return _RecordingSpan(self._tracer, span)

    def close(self) -> None:
        self._provider.shutdown()


class _RecordingSpan(Span):
    """A span that is recorded."""

    def __init__(self, tracer: Tracer, span: OpenTelemetrySpan) -> None:
        self._tracer, self._span = tracer, span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.failed(kind.__qualname__)
        self._span.end()

    def stage(self, name: str) -> Span:
        from opentelemetry.trace import SpanKind

        return self._child(f"guard {name}", SpanKind.INTERNAL, {})

    def upstream(self, operation: Operation, *, model: str, address: str, port: int | None = None) -> Span:
        from opentelemetry.trace import SpanKind

        asked = model[:_MAX_NAME_CHARACTERS]
        attributes: dict[str, Value | None] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "openai",  # the protocol that is spoken, as the convention wants it
            "gen_ai.request.model": asked,
            "server.address": address,
            "server.port": port,
        }
        return self._child(f"{operation} {asked}", SpanKind.CLIENT, attributes)

    def headers(self) -> dict[str, str]:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(self._span))
        return carrier

    def answered(
        self,
        *,
        model: str | None = None,
        response_id: str | None = None,
        finish_reasons: Sequence[str] = (),
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        self._tell(
            {
                "gen_ai.response.model": model and model[:_MAX_NAME_CHARACTERS],
                "gen_ai.response.id": response_id and response_id[:_MAX_NAME_CHARACTERS],
                "gen_ai.response.finish_reasons": tuple(finish_reasons) or None,
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": output_tokens,
            }
        )

    def decided(self, decision: Decision) -> None:
        told: dict[str, Value | None] = {
            "gen_ai.evaluation.name": f"harm of the {decision.stage}",
            "gen_ai.evaluation.score.value": decision.p_harm,
            "gen_ai.evaluation.score.label": decision.action,
            "levelhead.guard.category": decision.category,
            "levelhead.guard.inspected": decision.inspected,
        }
        self._span.add_event("gen_ai.evaluation.result", _known(told))

    def failed(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def _child(self, name: str, kind: SpanKind, attributes: Mapping[str, Value | None]) -> Span:
        from opentelemetry.trace import set_span_in_context

        context = set_span_in_context(self._span)
        span = self._tracer.start_span(name, context, kind=kind, attributes=_known(attributes))
        return _RecordingSpan(self._tracer, span)

    def _tell(self, attributes: Mapping[str, Value | None]) -> None:
        self._span.set_attributes(_known(attributes))


def _known(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}

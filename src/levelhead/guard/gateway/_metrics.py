"""Numbers for Prometheus, in a registry of the gateway's own.

What clients choose (model names, texts, addresses) never becomes a label, and what does become one has a
bound, so that no request makes the memory grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._refusal import RefusalCode
from levelhead.guard.gateway.audit._entry import JUDGED
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Feedback

MAX_CATEGORIES = 64
"""Kinds of harm that get a label of their own; further ones share `other`. A detector names them, and one
that is a language model might make up a new name each time."""

ENDPOINTS = ("chat/completions", "completions", "models", "moderations", "embeddings", "ui")
STAGES = ("wait", "media", "input", "upstream", "first_byte", "judge", "rewrite", "output", "total")
UPSTREAM_ERRORS = (
    "rate_limit_exceeded",
    "upstream_error",
    "upstream_invalid_answer",
    "upstream_overloaded",
    "upstream_refused",
    "upstream_timeout",
    "upstream_unauthorized",
    "upstream_unreachable",
)
MEDIA_REFUSALS: tuple[str, ...] = get_args(RefusalCode)
OTHER = "other"

_SCORES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class GatewayMetrics:
    """The metrics of one gateway. Its methods may be called from any thread, and wait for nothing.

    Args:
        queue_depth: Tells how many texts wait to be judged.
        audit: The audit log, if there is one: how it is doing is told too.

    Attributes:
        registry: Holds these metrics and nothing else.
    """

    def __init__(self, *, queue_depth: Callable[[], int] = lambda: 0, audit: AuditLog | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._categories: set[str] = set()
        self._decisions = self._counter("decisions", "Decisions about texts.", "stage", "action", "category")
        self._p_harm = Histogram(
            "levelhead_guard_p_harm",
            "Probability of harm that texts were judged to have.",
            ["stage"],
            buckets=_SCORES,
            registry=self.registry,
        )
        self._seconds = Histogram(
            "levelhead_guard_stage_seconds",
            "How long each stage of a request took.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = self._counter("requests", "Requests that were answered.", "endpoint", "status")
        self._upstream_errors = self._counter("upstream_errors", "Failures of the upstream.", "kind")
        self._media_refusals = self._counter("media_refusals", "Pictures that were not let in.", "reason")
        self._cancelled = self._counter("cancelled", "Requests whose client went away.")
        self._under_way = Gauge(
            "levelhead_guard_requests_under_way", "Requests being served.", registry=self.registry
        )
        depth = Gauge("levelhead_guard_queue_depth", "Texts that wait to be judged.", registry=self.registry)
        depth.set_function(queue_depth)
        self._marks = _Marks()
        self.registry.register(self._marks)
        if audit is not None:
            self.registry.register(_Audit(audit))

    def decided(self, decision: Decision) -> None:
        """Count a decision, its score, and how long its steps took."""
        category = self._category(decision.category)
        self._decisions.labels(decision.stage, decision.action, category).inc()
        if decision.p_harm is not None:
            self._p_harm.labels(decision.stage).observe(decision.p_harm)
        for stage, seconds in decision.seconds.items():
            self.took(stage, seconds)

    def took(self, stage: str, seconds: float) -> None:
        """How long a stage of a request took. Stages: `STAGES`."""
        self._seconds.labels(_known(stage, STAGES)).observe(seconds)

    def answered(self, endpoint: str, status: int) -> None:
        """Count a request by the status of its answer. Endpoints: `ENDPOINTS`."""
        told = str(status) if 100 <= status <= 599 else OTHER
        self._requests.labels(_known(endpoint, ENDPOINTS), told).inc()

    def cancelled(self) -> None:
        """Count a request whose client went away before the end of its answer."""
        self._cancelled.inc()

    def upstream_failed(self, code: str) -> None:
        """Count a failure of the upstream, by the code of its `RequestError`."""
        self._upstream_errors.labels(_known(code, UPSTREAM_ERRORS)).inc()

    def media_refused(self, code: str) -> None:
        """Count a picture that was not let in, by the code of its `MediaRefused`."""
        self._media_refusals.labels(_known(code, MEDIA_REFUSALS)).inc()

    def begun(self) -> None:
        """A request has come in. Each call wants one of `ended`."""
        self._under_way.inc()

    def ended(self) -> None:
        """A request that came in is over, however it ended."""
        self._under_way.dec()

    def marked(self, feedback: Feedback) -> None:
        """Tell what people say of the decisions by now (`AuditReader.feedback`)."""
        self._marks.feedback = feedback

    def exposition(self) -> tuple[bytes, str]:
        """The body of /metrics, and its Content-Type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"levelhead_guard_{name}", what, labels, registry=self.registry)

    def _category(self, name: str | None) -> str:
        if name is None:
            return "none"
        if name not in self._categories:
            if len(self._categories) >= MAX_CATEGORIES:
                return OTHER
            self._categories.add(name)
        return name


class _Marks(Collector):
    """Feedback of people, as of the last mark."""

    def __init__(self) -> None:
        self.feedback = Feedback({}, {})

    def collect(self) -> Iterator[Metric]:
        marks = GaugeMetricFamily(
            "levelhead_guard_marked_decisions",
            "Decisions that a person marked as right or wrong.",
            labels=["action", "mark"],
        )
        for action in JUDGED:
            marks.add_metric([action, "right"], self.feedback.right.get(action, 0))
            marks.add_metric([action, "wrong"], self.feedback.wrong.get(action, 0))
        yield marks
        among = self.feedback.interventions
        ratio = self.feedback.needless_interventions / among if among else math.nan
        yield GaugeMetricFamily(
            "levelhead_guard_over_refusal_ratio",
            "Share of the marked rewritings and blocks that a person called wrong; NaN without marks.",
            value=ratio,
        )
        yield GaugeMetricFamily(
            "levelhead_guard_over_refusal_marks", "How many marks that share rests on.", value=among
        )


class _Audit(Collector):
    """How the audit log is doing, as of now."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def collect(self) -> Iterator[Metric]:
        status = self._log.status()
        written = CounterMetricFamily(
            "levelhead_guard_audit_rows", "Rows of the audit log, by what became of them.", labels=["outcome"]
        )
        written.add_metric(["written"], status.written)
        written.add_metric(["lost"], status.lost)
        yield written
        yield GaugeMetricFamily(
            "levelhead_guard_audit_waiting", "Rows that wait to be written.", value=status.waiting
        )
        yield GaugeMetricFamily(
            "levelhead_guard_audit_failing",
            "1 while the audit log cannot be written, else 0.",
            value=status.failure is not None,
        )


def _known(name: str, names: Collection[str]) -> str:
    return name if name in names else OTHER

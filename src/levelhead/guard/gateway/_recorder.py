"""Where decisions and failures are written down: metrics and logs always, the audit log if there is one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._logs import log_decision
from levelhead.guard.gateway._metrics import GatewayMetrics
from levelhead.guard.gateway._refusal import MediaRefused
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway.audit._entry import AuditEntry
from levelhead.guard.gateway.audit._log import AuditError, AuditLog


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is written down with each decision about a request.

    Attributes:
        request_id: Of the request.
        key_id: Name of the client's key; None where no keys are used.
        model: What the client asked for.
        question: The last turn of the user.
    """

    request_id: str
    key_id: str | None
    model: str
    question: str = field(repr=False)


class Recorder:
    """Writes down.

    Args:
        metrics: Counts.
        audit: Keeps; None if nothing is kept.
        content: Whether the logs of the process may hold texts; for the audit log, its own settings say.
    """

    def __init__(self, metrics: GatewayMetrics, audit: AuditLog | None, *, content: bool = False) -> None:
        self.metrics, self.audit = metrics, audit
        self._content = content

    def check(self) -> None:
        """See whether a request may be served.

        Raises:
            RequestError: 503 if decisions must be kept and cannot.
        """
        if self.audit is not None:
            try:
                self.audit.check()
            except AuditError as error:
                raise _unrecordable(error) from error

    def decided(self, facts: RequestFacts, decisions: Sequence[Decision]) -> None:
        """Write decisions down.

        Raises:
            RequestError: As `check`.
        """
        for decision in decisions:
            self.metrics.decided(decision)
            self._write(facts, decision)

    async def kept(self) -> None:
        """Wait until what was decided is kept, where answers must not go out before that.

        Raises:
            RequestError: As `check`.
        """
        if self.audit is not None and self.audit.settings.on_failure == "refuse":
            try:
                await self.audit.flush()
            except AuditError as error:
                raise _unrecordable(error) from error

    def took(self, stage: str, seconds: float) -> None:
        """How long a stage of a request took."""
        self.metrics.took(stage, seconds)

    def media_refused(self, error: MediaRefused) -> None:
        """A picture was not let in."""
        self.metrics.media_refused(error.code)

    def upstream_failed(self, error: RequestError) -> None:
        """The upstream gave no proper answer."""
        self.metrics.upstream_failed(error.code)

    def _write(self, facts: RequestFacts, decision: Decision) -> None:
        log_decision(_entry(facts, decision, self._content))
        if self.audit is None:
            return
        try:
            self.audit.append(_entry(facts, decision, self.audit.settings.content))
        except AuditError as error:
            raise _unrecordable(error) from error


def _entry(facts: RequestFacts, decision: Decision, content: bool) -> AuditEntry:
    return AuditEntry.of(
        decision,
        time=time.time(),
        request_id=facts.request_id,
        key_id=facts.key_id,
        model=facts.model,
        question=facts.question if decision.stage == "output" else None,
        content=content,
    )


def _unrecordable(error: AuditError) -> RequestError:
    return RequestError(
        503,
        "audit_unavailable",
        "The gateway cannot record its decisions, so it gives no answers.",
        type="server_error",
        retry_after="10",
        detail=str(error),
    )

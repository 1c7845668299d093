"""Mild decisions for the tests of what tells of them, and logs that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from levelhead.guard.gateway._decision import Action, Decision, Stage
from levelhead.guard.gateway.audit._entry import AuditEntry
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditSettings

NOON = 1_760_011_200.0
"""12:00:00 UTC on 9 October 2025."""


def decision(action: Action = "allow", text: str = "Bread needs flour, water and salt.") -> Decision:
    """A decision about a mild text."""
    stage: Stage = "output"
    match action:
        case "allow":
            return Decision(action, stage, text, text, p_harm=0.02, seconds={"judge": 0.004})
        case "rewrite":
            return Decision(
                action,
                stage,
                text,
                "It is better to ask a baker.",
                p_harm=0.91,
                category="weapons",
                reason="It counts as harmful.",
                attempts=1,
                seconds={"judge": 0.004, "rewrite": 0.2},
            )
        case "block":
            return Decision(
                action, stage, text, "I cannot help with that.", p_harm=0.97, reason="It counts as harmful."
            )
        case _:
            return Decision(action, stage, text, None, reason="The detector did not answer in time.")


def entry(
    number: int = 1, action: Action = "allow", *, content: bool = False, **changes: object
) -> AuditEntry:
    """The entry of a decision, at a second of its own."""
    made = AuditEntry.of(
        decision(action, f"Loaf number {number} needs flour, water and salt."),
        time=NOON + number,
        request_id=f"request-{number}",
        key_id="kitchen",
        model="baker-1",
        question=f"How do I bake loaf number {number}?",
        content=content,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def write_log(folder: Path, entries: Sequence[AuditEntry], **settings: object) -> None:
    """Write a log and close it."""
    log = AuditLog(AuditSettings.model_validate({"folder": folder, **settings}))
    for one in entries:
        log.append(one)
    log.close()

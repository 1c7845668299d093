"""The numbers of the gateway, and that no request can make them grow."""

from __future__ import annotations

import asyncio
import math
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from levelhead.guard.gateway._decision import Action, Decision
from levelhead.guard.gateway._metrics import MAX_CATEGORIES, MEDIA_REFUSALS, GatewayMetrics
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Feedback
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.guard.gateway.decisions import decision, entry


def values(metrics: GatewayMetrics) -> dict[str, float]:
    """What is told, by name and labels, read as Prometheus reads it."""
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain; version=0.0.4")
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_decisions_are_counted_by_action_category_and_stage() -> None:
    metrics = GatewayMetrics()
    actions: tuple[Action, ...] = ("allow", "allow", "rewrite", "failed")
    for action in actions:
        metrics.decided(decision(action))
    found = values(metrics)
    name = "levelhead_guard_decisions_total"
    assert found[f"{name} action=allow category=none stage=output"] == 2
    assert found[f"{name} action=rewrite category=weapons stage=output"] == 1
    assert found[f"{name} action=failed category=none stage=output"] == 1


def test_scores_and_times_are_told_and_a_text_without_a_verdict_has_no_score() -> None:
    metrics = GatewayMetrics()
    metrics.decided(decision("rewrite"))
    metrics.decided(decision("failed"))
    metrics.took("upstream", 0.3)
    found = values(metrics)
    assert found["levelhead_guard_p_harm_count stage=output"] == 1
    assert found["levelhead_guard_p_harm_bucket le=0.9 stage=output"] == 0
    assert found["levelhead_guard_p_harm_bucket le=0.95 stage=output"] == 1
    assert found["levelhead_guard_stage_seconds_count stage=judge"] == 1
    assert found["levelhead_guard_stage_seconds_sum stage=rewrite"] == 0.2
    assert found["levelhead_guard_stage_seconds_sum stage=upstream"] == 0.3


def test_the_queue_is_told_as_it_is_now() -> None:
    waiting = [3]
    metrics = GatewayMetrics(queue_depth=lambda: waiting[0])
    assert values(metrics)["levelhead_guard_queue_depth"] == 3
    waiting[0] = 5
    assert values(metrics)["levelhead_guard_queue_depth"] == 5


def test_whatever_names_come_in_the_number_of_series_is_bounded() -> None:
    metrics = GatewayMetrics()
    sizes = []
    for number in range(2_000):
        metrics.decided(
            Decision("block", "output", "bread", "no", p_harm=0.9, category=f"kind {number}", reason="r")
        )
        metrics.answered(f"path-{number}", number)
        metrics.took(f"stage-{number}", 0.1)
        metrics.upstream_failed(f"code-{number}")
        metrics.media_refused(f"reason-{number}")
        sizes.append(len(metrics.exposition()[0]) if number in (999, 1_999) else 0)
    assert sizes[1_999] < sizes[999] * 1.05, "only the digits grow"
    found = values(metrics)
    categories = {name for name in found if name.startswith("levelhead_guard_decisions_total")}
    assert len(categories) == MAX_CATEGORIES + 1
    assert found["levelhead_guard_upstream_errors_total kind=other"] == 2_000
    assert found["levelhead_guard_media_refusals_total reason=other"] == 2_000


def test_known_failures_keep_their_names() -> None:
    metrics = GatewayMetrics()
    metrics.upstream_failed("upstream_timeout")
    for reason in MEDIA_REFUSALS:
        metrics.media_refused(reason)
    metrics.answered("chat/completions", 429)
    metrics.cancelled()
    metrics.begun()
    found = values(metrics)
    assert found["levelhead_guard_upstream_errors_total kind=upstream_timeout"] == 1
    assert all(
        found[f"levelhead_guard_media_refusals_total reason={reason}"] == 1 for reason in MEDIA_REFUSALS
    )
    assert found["levelhead_guard_requests_total endpoint=chat/completions status=429"] == 1
    assert found["levelhead_guard_cancelled_total"] == found["levelhead_guard_requests_under_way"] == 1
    metrics.ended()
    assert values(metrics)["levelhead_guard_requests_under_way"] == 0


def test_over_refusal_is_the_share_of_marked_interventions_called_wrong_and_never_comes_alone() -> None:
    metrics = GatewayMetrics()
    before = values(metrics)
    assert math.isnan(before["levelhead_guard_over_refusal_ratio"])
    assert before["levelhead_guard_over_refusal_marks"] == 0
    metrics.marked(Feedback(right={"rewrite": 5, "block": 1, "allow": 40}, wrong={"block": 2, "allow": 3}))
    found = values(metrics)
    assert found["levelhead_guard_over_refusal_ratio"] == pytest.approx(2 / 8)
    assert found["levelhead_guard_over_refusal_marks"] == 8
    assert found["levelhead_guard_marked_decisions action=allow mark=wrong"] == 3


def test_the_audit_log_is_told_with_what_it_lost(tmp_path: Path) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path, queue_bytes=5_000))
    metrics = GatewayMetrics(audit=log)
    log.append(entry(1))
    asyncio.run(log.flush())
    log.append(entry(2, reason="x" * 9_000))
    asyncio.run(log.flush())
    found = values(metrics)
    log.close()
    assert found["levelhead_guard_audit_rows_total outcome=lost"] == 1
    assert found["levelhead_guard_audit_rows_total outcome=written"] == 2, (
        "the row, and the one that tells the gap"
    )
    assert found["levelhead_guard_audit_failing"] == 0


def test_every_metric_of_two_gateways_is_its_own() -> None:
    first, second = GatewayMetrics(), GatewayMetrics()
    first.decided(decision())
    assert not [name for name in values(second) if name.startswith("levelhead_guard_decisions_total")]


def test_every_metric_has_a_help_text_and_our_prefix() -> None:
    body = GatewayMetrics().exposition()[0].decode()
    names = re.findall(r"^# TYPE (\S+)", body, re.MULTILINE)
    assert names
    assert all(name.startswith("levelhead_guard_") for name in names)
    assert all(re.search(rf"^# HELP {name} \S", body, re.MULTILINE) for name in names)

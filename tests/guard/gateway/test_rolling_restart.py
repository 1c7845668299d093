"""Three gateways behind nginx and HAProxy, restarted one at a time under load: nothing is dropped. Case 52.

The measurement itself is `benchmarks/rolling_restart.py`; here it runs small, with both balancers in front of
the same gateways, each with the file that `deploy/` has for it. The gateways keep one audit log in
PostgreSQL; where that is not installed, a folder each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from _balancers import BALANCERS, installed
from tests.guard.gateway.postgres import PostgresServer

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "rolling_restart.py"
SETTINGS = [
    "--together",
    "--clients",
    "4",
    "--think",
    "0.3",
    "--calm",
    "1",
    "--pause",
    "2.2",
    "--lame-duck",
    "1.6",
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not all(installed(name) for name in BALANCERS),
        reason="nginx and haproxy are not both installed: apt-get install nginx-light haproxy",
    ),
]


@pytest.fixture(scope="module")
def one_log(request: pytest.FixtureRequest) -> str | None:
    """Address of an empty database, if there is a server for it."""
    try:
        server: PostgresServer = request.getfixturevalue("postgres")
    except pytest.skip.Exception:
        return None
    return server.address(server.new_schema())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, one_log: str | None) -> dict[str, Any]:
    """What the script writes."""
    written = tmp_path_factory.mktemp("restarts") / "restarts.json"
    command = [sys.executable, str(SCRIPT), *SETTINGS, "--out", str(written)]
    environment = dict(os.environ)
    if one_log is not None:
        command += ["--database-env", "LEVELHEAD_TEST_AUDIT"]
        environment["LEVELHEAD_TEST_AUDIT"] = one_log
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=environment)
    assert written.exists(), done.stdout + done.stderr
    (run,) = json.loads(written.read_text())["balancers"].values()
    assert run["holds"] is (done.returncode == 0)
    return dict(run)


def test_every_request_gets_one_right_and_whole_answer_while_gateways_are_restarted(
    found: dict[str, Any],
) -> None:
    assert found["outcomes"] == {"whole": found["requests"]}
    assert found["milliseconds"]["during"]["n"] > 30
    assert len(found["restart_seconds"]) == 3
    assert found["exit_statuses"] == [0] * 6


def test_the_model_server_is_asked_nothing_twice(found: dict[str, Any]) -> None:
    assert found["asked_twice"] == 0


def test_no_row_of_an_audit_log_is_lost(found: dict[str, Any]) -> None:
    assert found["audit_rows_missing"] == 0
    assert found["audit_rows"] == found["requests"]


def test_metrics_of_all_gateways_add_up_to_the_requests_that_were_sent(found: dict[str, Any]) -> None:
    sent = found["metrics_after"]["requests"]
    assert sent > 10
    assert found["metrics_after"]["counted"] == {
        "levelhead_guard_requests_total": sent,
        "levelhead_guard_decisions_total": 2 * sent,
        "levelhead_guard_p_harm_count": 2 * sent,
    }

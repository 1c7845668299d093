"""Many requests at once, some of them faulty, and what is left of the gateway afterwards. Case 53.

The measurement itself, of ten thousand requests, is `benchmarks/gateway_load.py`; here it runs small.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "gateway_load.py"
REQUESTS = 300


@pytest.mark.slow
def test_no_answer_is_lost_or_mixed_up_and_neither_memory_nor_files_grow(tmp_path: Path) -> None:
    written = tmp_path / "load.json"
    command = [sys.executable, str(SCRIPT), "--requests", str(REQUESTS), "--warm-up", "200"]
    done = subprocess.run([*command, "--out", str(written)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(written.read_text())
    outcomes = found["outcomes"]
    assert sum(outcomes.values()) == REQUESTS
    assert (outcomes["lost"], outcomes["mixed up"], outcomes["let through"]) == (0, 0, 0)
    assert outcomes["faulty"] == REQUESTS // 20
    assert outcomes["harmful"] == REQUESTS // 7
    assert outcomes["left"] > 0
    assert found["audit_rows"] > REQUESTS
    assert found["audit_broken"] is None
    # So few requests would show a leak of one connection, or of one body, for each of them.
    assert found["open_files"][-1] <= found["open_files"][0] + 8
    assert found["grown_kib"] < 8 * 1024

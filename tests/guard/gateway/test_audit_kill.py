"""SIGKILL in the middle of writing: what was flushed is there, and the log still verifies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levelhead.guard.gateway.audit._file_reader import FileReader
from levelhead.guard.gateway.audit._reading import Filter
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.decisions import entry, write_log

pytestmark = pytest.mark.timeout(120)

WRITE_FOREVER = """
import asyncio, itertools, sys
from pathlib import Path
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.guard.gateway.decisions import entry

async def work():
    log = AuditLog(AuditSettings(folder=Path(sys.argv[1]), max_file_bytes=2**16))
    for number in itertools.count(1):
        log.append(entry(number, content=True))
        if number % 7 == 0:
            await log.flush()
            print(number, flush=True)

asyncio.run(work())
"""


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.45])
def test_a_killed_process_loses_at_most_what_was_not_flushed_and_the_log_verifies(
    tmp_path: Path, seconds: float
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert child.stdout is not None
    said = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    said += child.stdout.read()
    child.wait()
    flushed = int([line for line in said.split("\n") if line][-1])
    found = verify_audit_log(tmp_path)
    assert found.broken is None
    assert flushed <= found.last <= flushed + 7
    write_log(tmp_path, [entry(0)])
    after = verify_audit_log(tmp_path)
    assert (after.broken, after.last) == (None, found.last + 1)
    ids = [one.entry.request_id for one in FileReader(tmp_path).page(Filter(), limit=10**6)]
    assert ids == ["request-0", *(f"request-{number}" for number in range(found.last, 0, -1))]

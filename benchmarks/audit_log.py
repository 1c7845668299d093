"""What a row of the audit log costs: in files, and in PostgreSQL with one gateway and with several.

    AUDIT_DATABASE=postgresql+psycopg://USER:PASSWORD@HOST/NAME \
        python benchmarks/audit_log.py --database-env AUDIT_DATABASE --out results/audit_log.json

Two ways to write: many rows that have gathered, as with `on_failure = "serve"`; and one row at a time that is
waited for, as each answer is with `refuse`. The tables of the log are added to the database and stay there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from levelhead.guard import AuditDatabase, AuditEntry, AuditLog, AuditSettings, verify_audit_log
from levelhead.guard.gateway import Decision

GATHERED_ROWS = 10_000
WAITED_ROWS = 300
GATEWAYS = (1, 2, 4)


def entry(number: int) -> AuditEntry:
    """A decision as a gateway makes many."""
    said = f"Loaf number {number} needs flour, water and salt."
    decision = Decision("allow", "output", said, said, p_harm=0.02, seconds={"judge": 0.004})
    return AuditEntry.of(decision, time=time.time(), request_id=f"r{number}", key_id="kitchen", model="baker")


def gathered(settings: AuditSettings) -> dict[str, float]:
    """Rows that have gathered, and how long until the last is written."""
    entries = [entry(number) for number in range(GATHERED_ROWS)]
    log = AuditLog(settings)
    begin = time.perf_counter()
    for one in entries:
        log.append(one)
    asyncio.run(log.flush())
    seconds = time.perf_counter() - begin
    log.close()
    return {
        "rows_per_second": round(GATHERED_ROWS / seconds),
        "microseconds_per_row": round(1e6 * seconds / GATHERED_ROWS, 1),
    }


def waited(settings: AuditSettings, gateways: int) -> dict[str, float]:
    """Rows of which each is waited for, by so many writers at once."""
    took: list[float] = []

    async def write(log: AuditLog) -> None:
        for number in range(WAITED_ROWS):
            begin = time.perf_counter()
            log.append(entry(number))
            await log.flush()
            took.append(time.perf_counter() - begin)

    logs = [AuditLog(settings) for _ in range(gateways)]
    threads = [threading.Thread(target=lambda log=log: asyncio.run(write(log))) for log in logs]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    for log in logs:
        log.close()
    cuts = statistics.quantiles(took, n=100)
    return {
        "rows_per_second": round(len(took) / seconds),
        "p50_milliseconds": round(1e3 * cuts[49], 2),
        "p95_milliseconds": round(1e3 * cuts[94], 2),
    }


def in_files(synchronous: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "audit"
        settings = AuditSettings.model_validate({"folder": place, "synchronous": synchronous})
        found = {"gathered": gathered(settings), "waited_for": {"1": waited(settings, 1)}}
        assert verify_audit_log(place).broken is None
    return found


def in_database(env: str) -> dict[str, Any]:
    settings = AuditSettings(database_env=env)
    found: dict[str, Any] = {"server": server(os.environ[env]), "gathered": gathered(settings)}
    found["waited_for"] = {str(number): waited(settings, number) for number in GATEWAYS}
    assert verify_audit_log(AuditDatabase(env)).broken is None
    return found


def server(address: str) -> dict[str, str]:
    """What decides how long a commit takes."""
    with create_engine(address).connect() as connection:
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        return {name: str(connection.execute(text(f"SHOW {name}")).scalar()) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database-env", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average_before": round(os.getloadavg()[0], 1),
        "gathered_rows": GATHERED_ROWS,
        "waited_rows": WAITED_ROWS,
        "files, normal": in_files("normal"),
        "files, full": in_files("full"),
        "postgresql": in_database(options.database_env),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""The audit log in PostgreSQL: one chain of several gateways, whatever happens to them and to the server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pytest

from levelhead.guard.gateway.audit import _database
from levelhead.guard.gateway.audit._database_writer import DatabaseWriter
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Filter, UnreadableAuditError
from levelhead.guard.gateway.audit._rows import decision_row
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._writing import UnwritableAuditError
from tests.guard.gateway.audit_places import DatabasePlace
from tests.guard.gateway.cut_off import CutOff
from tests.guard.gateway.decisions import NOON, entry
from tests.guard.gateway.postgres import PostgresServer
from tests.guard.gateway.scripted import HARMLESS, by_mode, guarded

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[3]

GATEWAYS = ("lasting", "killed", "after")

WRITE = """
import asyncio, itertools, sys
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.guard.gateway.decisions import entry

async def work(name, rows):
    log = AuditLog(AuditSettings(database_env="THE_DATABASE", replica=name, content=True))
    print("open", flush=True)
    sys.stdin.readline()
    for number in range(rows):
        log.append(entry(number, request_id=f"{name}-{number}", content=True))
        if number % 3 == 0:
            await log.flush()
            print(number, flush=True)
    log.close()

asyncio.run(work(sys.argv[1], int(sys.argv[2])))
"""


def gateway(place: DatabasePlace, name: str, rows: int) -> subprocess.Popen[str]:
    """A process that opens a log and says so; given a line, it writes so many decisions under its name.

    It tells the number of each that is surely written.
    """
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, name, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "THE_DATABASE": os.environ[place.env]},
    )


def wait_for(log: AuditLog, *, waiting: int = 0) -> None:
    for _ in range(2_000):
        if log.status().waiting <= waiting:
            return
        time.sleep(0.01)
    raise AssertionError(f"rows still wait after twenty seconds: {log.status()}")


def written_ids(place: DatabasePlace) -> list[str]:
    return [str(body["request_id"]) for body in place.bodies()]


def test_two_processes_write_one_chain_at_once_and_the_death_of_one_harms_nobody(
    database: DatabasePlace,
) -> None:
    lasting, killed = gateway(database, "lasting", 150), gateway(database, "killed", 10**9)
    assert lasting.stdout is not None
    assert killed.stdout is not None
    for one in (lasting.stdout, killed.stdout):
        assert one.readline() == "open\n"
    for two in (lasting.stdin, killed.stdin):
        assert two is not None
        two.write("go\n")
        two.flush()
    lasting.communicate()
    killed.send_signal(signal.SIGKILL)
    said, _ = killed.communicate()
    assert lasting.returncode == 0
    began = time.monotonic()
    database.write([entry(0, request_id="after", content=True)], replica="after")
    assert time.monotonic() - began < 10, "the dead one holds the chain no longer"

    bodies = database.bodies()
    found = database.verify()
    assert (found.broken, found.first, found.last, found.contents) == (None, 1, len(bodies), len(bodies))
    rows = {name: [body["request_id"] for body in bodies if body["replica"] == name] for name in GATEWAYS}
    assert rows["lasting"] == [f"lasting-{number}" for number in range(150)]
    assert rows["killed"] == [f"killed-{number}" for number in range(len(rows["killed"]))]
    assert rows["after"] == ["after"]
    flushed = int(said.split("\n")[-2]) + 1
    assert flushed <= len(rows["killed"]) <= flushed + 3
    turns = sum(one["replica"] != other["replica"] for one, other in pairwise(bodies))
    assert turns > 5, "the two wrote by turns, so this shows something"


def test_tables_are_made_once_by_many_who_find_none(database: DatabasePlace) -> None:
    together = threading.Barrier(8)

    def begin() -> None:
        writer = DatabaseWriter(database.where, database.settings())
        together.wait()
        writer.write([decision_row(entry())], NOON)
        writer.close()

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(begin) for _ in range(8)]:
            done.result()
    assert (database.verify().broken, database.verify().last) == (None, 8)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["ended", "crashed"])
def test_while_the_server_is_away_rows_wait_and_none_is_lost_or_doubled(
    database: DatabasePlace, how: signal.Signals
) -> None:
    log = AuditLog(database.settings(retry_seconds=0.1))
    for number in range(300):
        log.append(entry(number))
        if number == 100:
            database.server.stop(how)
    asyncio.run(log.flush())
    assert log.status().failure is not None
    with pytest.raises(UnreadableAuditError, match="cannot be read"):
        log.reader.page(Filter())
    database.server.start()
    wait_for(log)
    assert log.reader.get(300) is not None, "the reader is back as well"
    log.close()
    found = database.verify()
    assert (found.broken, found.lost, log.status().lost) == (None, 0, 0)
    assert written_ids(database) == [f"request-{number}" for number in range(300)]


def test_a_gateway_starts_and_answers_while_its_database_is_away_and_records_once_it_is_back(
    database: DatabasePlace,
) -> None:
    database.server.stop()
    with guarded(by_mode(HARMLESS), audit={"database_env": database.env, "retry_seconds": 0.1}) as world:
        asked = {"model": "m", "messages": [{"role": "user", "content": "Where are the cookies kept"}]}
        told = httpx.post(f"{world.url}/v1/chat/completions", json=asked, timeout=20)
        database.server.start()
    assert told.status_code == 200
    assert written_ids(database) == [told.headers["x-levelhead-request-id"]] * 2, "one in, one out"
    assert database.verify().broken is None


@pytest.fixture(params=["after", "before", "half"])
def cut_off(
    request: pytest.FixtureRequest, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CutOff]:
    monkeypatch.setitem(_database.LIMITS, "idle_in_transaction_session_timeout", "1s")
    made = CutOff(postgres, request.param)
    yield made
    made.close()


def test_a_commit_whose_answer_is_lost_writes_rows_once_whether_or_not(
    database: DatabasePlace, cut_off: CutOff
) -> None:
    other = AuditLog(database.settings(retry_seconds=0.5))
    straight_address = os.environ[database.env]
    database.reach(database.server.address(database.name, port=cut_off.port))
    log = AuditLog(database.settings(retry_seconds=0.5))
    database.reach(straight_address)
    log.append(entry(0))
    asyncio.run(log.flush())
    cut_off.armed = True
    for number in range(1, 4):
        log.append(entry(number, content=True))
    asyncio.run(log.flush())
    assert log.status().failure is not None, "the connection was lost"
    log.append(entry(4))  # what comes later must not change what is looked for
    other.append(entry(5, request_id="another"))  # another gateway goes on meanwhile
    other.close()
    wait_for(log)
    log.close()
    found = database.verify()
    assert (found.broken, found.last) == (None, 6)
    ids = written_ids(database)
    assert sorted(ids) == ["another", *(f"request-{number}" for number in range(5))]
    assert [one for one in ids if one != "another"] == [f"request-{number}" for number in range(5)]


def test_after_a_commit_without_an_answer_other_rows_are_not_taken(
    database: DatabasePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = DatabaseWriter(database.where, database.settings())
    with monkeypatch.context() as patch:

        def lost(self: object) -> None:
            raise psycopg.OperationalError("the connection was lost")

        writer.write((), NOON)
        patch.setattr(psycopg.Connection, "commit", lost)
        with pytest.raises(UnwritableAuditError, match="lost"):
            writer.write([decision_row(entry(1))], NOON)
    with pytest.raises(ValueError, match="same rows"):
        writer.write([decision_row(entry(2))], NOON)
    writer.write([decision_row(entry(1))], NOON)
    writer.close()
    assert written_ids(database) == ["request-1"]


def test_who_holds_the_chain_without_end_is_waited_for_and_not_overtaken(
    database: DatabasePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_database.LIMITS, "lock_timeout", "50ms")
    log = AuditLog(database.settings())
    with database.server.connect(database.name) as other, other.transaction():
        other.execute("SELECT * FROM levelhead_audit_tip FOR UPDATE")
        log.append(entry(1))
        asyncio.run(log.flush())
        assert "lock timeout" in (log.status().failure or "")
    wait_for(log)
    log.close()
    assert (database.verify().broken, database.verify().last) == (None, 1)


def test_tables_that_are_dropped_are_made_anew_and_the_hole_is_seen(database: DatabasePlace) -> None:
    log = AuditLog(database.settings())
    log.append(entry(1))
    asyncio.run(log.flush())
    for table in ("tip", "rows", "contents", "hours"):
        database.query(f"DROP TABLE levelhead_audit_{table}")
    log.append(entry(2))
    wait_for(log)
    log.close()
    found = database.verify()
    assert (found.first, found.last, found.broken) == (2, 2, None)


def test_an_old_copy_that_was_put_back_is_told(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(database.settings())
    log.append(entry(1))
    asyncio.run(log.flush())
    for table in ("tip", "rows", "contents", "hours"):
        database.query(f"CREATE TABLE copy_{table} AS SELECT * FROM levelhead_audit_{table}")
    log.append(entry(2))
    asyncio.run(log.flush())
    for table in ("tip", "rows", "contents", "hours"):
        database.query(
            f"DELETE FROM levelhead_audit_{table}; "
            f"INSERT INTO levelhead_audit_{table} SELECT * FROM copy_{table}"
        )
    log.append(entry(3))
    asyncio.run(log.flush())
    log.close()
    assert "ends at row 1, but row 2 had been written" in caplog.text
    assert database.verify().broken is None


def test_rows_say_which_gateway_wrote_them_marks_and_gaps_too(database: DatabasePlace) -> None:
    log = AuditLog(database.settings(replica="oven-1", queue_bytes=10_000))
    log.append(entry(1))
    asyncio.run(log.flush())
    asyncio.run(log.mark(1, True, "bread"))
    log.append(entry(2, reason="x" * 20_000))
    log.close()
    assert [(body["kind"], body["replica"]) for body in database.bodies()] == [
        ("decision", "oven-1"),
        ("mark", "oven-1"),
        ("gap", "oven-1"),
    ]
    assert AuditSettings(database_env="ANY").replica_name == socket.gethostname()

"""The audit log in PostgreSQL: one chain of several gateways, whatever happens to them and to the server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway.audit import _database, _database_retention, _database_writer
from levelhead.guard.gateway.audit._database_writer import DatabaseWriter
from levelhead.guard.gateway.audit._log import AuditError, AuditLog
from levelhead.guard.gateway.audit._reading import Filter, UnreadableAuditError
from levelhead.guard.gateway.audit._rows import decision_row
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._verify import verify_audit_log
from levelhead.guard.gateway.audit._writing import UnwritableAuditError
from tests.guard.gateway.audit_places import DatabasePlace
from tests.guard.gateway.decisions import NOON, entry
from tests.guard.gateway.postgres import PASSWORD, PostgresServer

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[3]

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


def test_two_processes_that_write_at_once_make_one_chain(database: DatabasePlace) -> None:
    gateways = [gateway(database, name, 150) for name in ("left", "right")]
    for one in gateways:
        assert one.stdout is not None
        assert one.stdout.readline() == "open\n"
    for one in gateways:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in gateways:
        one.communicate()
        assert one.returncode == 0
    found = database.verify()
    assert (found.broken, found.first, found.last, found.contents) == (None, 1, 300, 300)
    bodies = database.bodies()
    for name in ("left", "right"):
        own = [body for body in bodies if body["replica"] == name]
        assert [body["request_id"] for body in own] == [f"{name}-{number}" for number in range(150)], (
            "each gateway's rows stand in its order"
        )
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


def test_a_killed_gateway_leaves_nothing_half_written_and_holds_nobody_up(database: DatabasePlace) -> None:
    killed = gateway(database, "killed", 10**9)
    assert killed.stdout is not None
    assert killed.stdin is not None
    killed.stdin.write("go\n")
    killed.stdin.flush()
    said = killed.stdout.readline() + killed.stdout.readline()
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    said += killed.stdout.read()
    killed.wait()
    killed.stdin.close()
    flushed = int([line for line in said.split("\n") if line][-1]) + 1
    began = time.monotonic()
    database.write([entry(0, request_id="after")])
    assert time.monotonic() - began < 10
    found = database.verify()
    assert found.broken is None
    assert flushed <= found.last - 1 <= flushed + 3
    assert written_ids(database) == [*(f"killed-{number}" for number in range(found.last - 1)), "after"]


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


class CutOff:
    """Passes on what goes to a server and comes back, until a COMMIT: that connection it cuts, once.

    Args:
        server: Where it passes on to.
        when: `after` the COMMIT was passed on, so that only its answer is lost; `before`; or `half`, where
            the server hears nothing and takes the connection for alive.
    """

    def __init__(self, server: PostgresServer, when: str) -> None:
        self._server, self._when = server, when
        self.armed = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listening]
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server.port))
                self._sockets += [client, server]
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self.armed and b"COMMIT" in data:
                    self.armed = False
                    client.shutdown(socket.SHUT_RDWR)
                    if self._when == "half":
                        return
                    if self._when == "after":
                        server.sendall(data)
                        time.sleep(0.2)  # the server ends it meanwhile, and nobody hears of it
                    break
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


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


def test_a_log_of_another_version_is_refused_by_all(database: DatabasePlace) -> None:
    database.write([entry(1)])
    database.query("UPDATE levelhead_audit_tip SET format = 2")
    with pytest.raises(UsageError, match="format 2; this version of Levelhead knows 1"):
        AuditLog(database.settings(on_failure="serve"))
    with pytest.raises(UsageError, match="format 2"):
        database.verify()


def age(place: DatabasePlace, days: int, *, before: int) -> None:
    """Make rows older by the server's clock."""
    for table in ("rows", "contents"):
        place.query(
            f"UPDATE levelhead_audit_{table} SET written_at = written_at - make_interval(days => %s) "
            "WHERE sequence < %s",
            days,
            before,
        )


def test_old_rows_go_with_their_texts_and_counts_and_the_rest_still_holds(
    database: DatabasePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_database_retention, "CHUNK_ROWS", 3)
    database.write([entry(number, content=True) for number in range(1, 11)])
    noted = database.verify().hash
    age(database, 40, before=9)
    database.write([entry(11, content=True)], keep_days=30)
    found = database.verify(head=noted)
    assert (found.broken, found.first, found.last, found.contents) == (None, 9, 11, 3)
    age(database, 40, before=100)
    database.write([], keep_days=30)
    empty = database.verify(head=found.hash)
    assert (empty.broken, empty.first, empty.last) == (None, 12, 11)
    database.write([entry(12)])
    assert (database.verify().broken, database.verify().last) == (None, 12)


def test_old_texts_go_and_their_rows_stay(database: DatabasePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_database_retention, "CHUNK_ROWS", 3)
    database.write([entry(number, content=True) for number in range(1, 11)])
    age(database, 10, before=9)
    database.write([], keep_content_days=7)
    found = database.verify()
    assert (found.broken, found.first, found.contents, found.deleted_contents) == (None, 1, 2, 8)


def test_what_cannot_be_removed_does_not_keep_decisions_from_being_recorded(
    database: DatabasePlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_database_writer, "REMOVING_SECONDS", 0.0)
    log = AuditLog(database.settings(keep_content_days=1))
    database.query("ALTER TABLE levelhead_audit_contents RENAME TO away")
    log.append(entry(1))
    asyncio.run(log.flush())
    log.close()
    assert "Old rows of the audit log cannot be removed" in caplog.text
    database.query("ALTER TABLE away RENAME TO levelhead_audit_contents")
    assert (log.status().lost, database.verify().last) == (0, 1)


TAMPERINGS = {
    "a row is edited": ("UPDATE levelhead_audit_rows SET body = body || ' ' WHERE sequence = 4", 4),
    "a hash is edited": ("UPDATE levelhead_audit_rows SET hash = repeat('0', 64) WHERE sequence = 5", 5),
    "a row is deleted": ("DELETE FROM levelhead_audit_rows WHERE sequence = 3", 3),
    "the first row is deleted": ("DELETE FROM levelhead_audit_rows WHERE sequence = 1", 1),
    "the last row is deleted": ("DELETE FROM levelhead_audit_rows WHERE sequence = 8", 8),
    "a row is added": (
        "INSERT INTO levelhead_audit_rows (sequence, body, hash, kind) "
        "SELECT 9, body, hash, kind FROM levelhead_audit_rows WHERE sequence = 8",
        9,
    ),
    "a row is numbered anew": ("UPDATE levelhead_audit_rows SET sequence = -5 WHERE sequence = 1", -5),
    "what a row is found by is edited": (
        "UPDATE levelhead_audit_rows SET action = 'block' WHERE sequence = 6",
        6,
    ),
    "texts are edited": (
        "UPDATE levelhead_audit_contents SET body = replace(body, 'flour', 'sand') WHERE sequence = 2",
        2,
    ),
    "texts are added to no row": (
        "INSERT INTO levelhead_audit_contents (sequence, body) VALUES (77, '{}')",
        77,
    ),
    "counts are edited": ("UPDATE levelhead_audit_hours SET decisions = decisions + 1", None),
    "where the chain ends is edited": ("UPDATE levelhead_audit_tip SET last = 40", 9),
    "where the chain begins is edited": ("UPDATE levelhead_audit_tip SET previous = repeat('1', 64)", None),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_first_broken_place_is_named_when(database: DatabasePlace, name: str) -> None:
    database.write([entry(number, content=True) for number in range(8)])
    assert database.verify().broken is None
    statement, sequence = TAMPERINGS[name]
    database.query(statement)
    broken = database.verify().broken
    assert broken is not None
    assert (broken.file, broken.sequence) == ("the database", sequence)


def test_the_log_is_checked_and_read_while_it_is_written(database: DatabasePlace) -> None:
    log = AuditLog(database.settings())
    for number in range(200):
        log.append(entry(number))
        if number % 40 == 39:
            assert database.verify().broken is None
            assert len(log.reader.page(Filter(), limit=1_000)) <= number + 1
    log.close()
    assert database.verify().last == 200


def test_kinds_of_harm_with_strange_names_are_found_and_told(database: DatabasePlace) -> None:
    names = ["weapons", 'a "quote" \\ and\na line', "zero \0 and half \ud83d", "Ünicode"]
    database.write([entry(number, "rewrite", category=name) for number, name in enumerate(names)])
    log = AuditLog(database.settings())
    assert log.reader.categories() == sorted(names)
    for number, name in enumerate(names):
        assert [one.sequence for one in log.reader.page(Filter(category=name))] == [number + 1]
    log.close()
    assert database.verify().broken is None


WRONG_ADDRESSES = {
    "none": "",
    "no address": "super-secret-word",
    "no port": "postgresql+psycopg://user:super-secret-word@host:port/name",
    "another database": "mysql://user:super-secret-word@host/name",
    "another driver": "postgresql+asyncpg://user:super-secret-word@host/name",
}


@pytest.mark.parametrize("name", WRONG_ADDRESSES)
def test_a_wrong_address_is_refused_by_the_name_of_its_variable_and_without_its_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_DATABASE", WRONG_ADDRESSES[name])
    with pytest.raises(UsageError, match="WRONG_DATABASE") as refused:
        AuditLog(AuditSettings(database_env="WRONG_DATABASE"))
    assert "super-secret-word" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("policy", ["serve", "refuse"])
def test_a_wrong_password_is_told_without_it_and_stops_the_start_only_with_the_policy_to_refuse(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    database.write([entry(1)])
    database.reach(database.server.address(database.name, password="super-secret-word"))
    with caplog.at_level(logging.DEBUG):
        if policy == "refuse":
            with pytest.raises(AuditError, match="password authentication failed") as refused:
                AuditLog(database.settings(on_failure=policy))
            said = str(refused.value)
        else:
            log = AuditLog(database.settings(on_failure=policy))
            with pytest.raises(UnreadableAuditError) as unread:
                log.reader.feedback()
            said = str(unread.value) + str(log.status())
            assert log.feedback().interventions == 0, "a gateway starts all the same"
            log.close()
    for secret in ("super-secret-word", PASSWORD):
        assert secret not in said + caplog.text


def test_an_error_of_the_server_quotes_no_text(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture
) -> None:
    database.write([])
    database.query("ALTER TABLE levelhead_audit_contents ADD CONSTRAINT never CHECK (length(body) < 3)")
    with caplog.at_level(logging.DEBUG):
        log = AuditLog(database.settings(content=True))
        log.append(entry(1, content=True))
        asyncio.run(log.flush())
        assert "violates check constraint" in (log.status().failure or "")
        log.close()
    assert "flour" not in caplog.text + str(log.status())


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[postgres\]"):
        AuditLog(AuditSettings(database_env="ANY"))


def test_a_database_without_a_log_is_wrong_usage_for_who_checks(database: DatabasePlace) -> None:
    with pytest.raises(UsageError, match="no audit log in the database of"):
        verify_audit_log(AuditDatabase(database.env))


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

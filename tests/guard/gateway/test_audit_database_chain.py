"""An audit log in PostgreSQL as it lies there: what is checked of it, and how long it is kept."""

from __future__ import annotations

import asyncio
import os

import psycopg
import pytest

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit import _database_retention, _database_writer
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._places import open_reader
from levelhead.guard.gateway.audit._reading import Filter, UnreadableAuditError
from levelhead.guard.gateway.audit._settings import AuditDatabase
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.audit_places import DatabasePlace
from tests.guard.gateway.decisions import entry

pytestmark = pytest.mark.timeout(120)


def test_a_log_of_another_version_is_refused_by_all(database: DatabasePlace) -> None:
    database.write([entry(1)])
    database.query("UPDATE levelhead_audit_tip SET format = 2")
    with pytest.raises(UsageError, match="format 2; this version of Levelhead knows 1"):
        AuditLog(database.settings(on_failure="serve"))
    with pytest.raises(UsageError, match="format 2"):
        database.verify()


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


@pytest.mark.parametrize(
    "body", ["no JSON", "[]", '{"kind": "decision"}', '{"kind": "decision", "time": NaN}']
)
def test_old_rows_that_were_edited_stay_and_new_ones_are_written_once(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    database.write([entry(1), entry(2)])
    age(database, 40, before=3)
    database.query("UPDATE levelhead_audit_rows SET body = %s WHERE sequence = 1", body)
    log = AuditLog(database.settings(keep_days=30))
    log.append(entry(3))
    asyncio.run(log.flush())
    log.close()
    assert "not what was written" in caplog.text
    assert database.query("SELECT sequence FROM levelhead_audit_rows ORDER BY 1") == [(1,), (2,), (3,)]


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
    log = AuditLog(database.settings(keep_days=30))
    log.append(entry(11, content=True))
    for _ in range(3):  # three go with each batch, until all are gone
        asyncio.run(log.flush())
        assert database.verify(head=noted).broken is None
        log.append(entry(11, content=True))
    log.close()
    found = database.verify(head=noted)
    assert (found.broken, found.first, found.last, found.contents) == (None, 9, 14, 6)
    age(database, 40, before=100)
    monkeypatch.setattr(_database_retention, "CHUNK_ROWS", 100)
    database.write([], keep_days=30)
    empty = database.verify(head=found.hash)
    assert (empty.broken, empty.first, empty.last) == (None, 15, 14)
    database.write([entry(12)])
    assert (database.verify().broken, database.verify().last) == (None, 15)


def test_old_texts_go_and_their_rows_stay(database: DatabasePlace) -> None:
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
    database.query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''texts stay''; END'; "
        "CREATE TRIGGER refuse BEFORE DELETE ON levelhead_audit_contents EXECUTE FUNCTION refuse()"
    )
    log.append(entry(1))
    asyncio.run(log.flush())
    log.close()
    assert "Old rows of the audit log cannot be removed: texts stay" in caplog.text
    assert (log.status().lost, database.verify().last) == (0, 1)


def test_a_database_without_a_log_is_wrong_usage_for_who_checks(database: DatabasePlace) -> None:
    with pytest.raises(UsageError, match="no audit log in the database of"):
        verify_audit_log(AuditDatabase(database.env))


def test_who_may_only_add_rows_can_write_the_log_and_change_nothing(database: DatabasePlace) -> None:
    database.write([entry(1, content=True)])
    role = f"{database.name}_adder"
    rows, contents, hours, tip = (f"levelhead_audit_{name}" for name in ("rows", "contents", "hours", "tip"))
    database.query(
        f"CREATE ROLE {role} LOGIN PASSWORD 'bread'; GRANT USAGE ON SCHEMA {database.name} TO {role}; "
        f"GRANT SELECT, INSERT ON {rows}, {contents} TO {role}; "
        f"GRANT SELECT, INSERT, UPDATE ON {hours} TO {role}; GRANT SELECT, UPDATE ON {tip} TO {role}"
    )
    owner = os.environ[database.env]
    database.reach(database.server.address(database.name, user=role, password="bread"))
    database.write([entry(2, content=True)])
    found = database.verify()
    assert (found.broken, found.last, found.contents) == (None, 2, 2)
    log = AuditLog(database.settings())
    assert [one.sequence for one in log.reader.page(Filter())] == [2, 1]
    log.close()
    for statement in (f"DELETE FROM {rows}", f"UPDATE {rows} SET body = ''", f"DELETE FROM {contents}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.query(f"SET ROLE {role}; {statement}")
    database.reach(owner)
    assert database.verify().last == 2


def test_a_table_that_is_missing_is_told_and_not_taken_for_an_empty_log(database: DatabasePlace) -> None:
    database.write([entry(1)])
    database.query("ALTER TABLE levelhead_audit_rows RENAME TO away")
    reader = open_reader(database.where)
    with pytest.raises(UnreadableAuditError, match="levelhead_audit_rows"):
        reader.page(Filter())
    with pytest.raises(UnreadableAuditError, match="levelhead_audit_rows"):
        database.verify()
    reader.close()

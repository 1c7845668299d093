"""The audit log as the gateway uses it: what is appended is there, and a disk that fails is no crash."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit import _file
from levelhead.guard.gateway.audit._file_form import log_files
from levelhead.guard.gateway.audit._log import AuditError, AuditLog
from levelhead.guard.gateway.audit._reading import Filter
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.audit_places import Place
from tests.guard.gateway.decisions import NOON, entry, write_log

pytestmark = pytest.mark.timeout(60)


def settings(folder: Path, **changes: object) -> AuditSettings:
    return AuditSettings.model_validate({"folder": folder, "retry_seconds": 0.02, **changes})


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true in ten seconds")


def fill(log: AuditLog) -> None:
    """Append large entries until the place that was broken takes no more."""
    for number in range(10_000):
        log.append(entry(number, reason="x" * 2_000))
        asyncio.run(log.flush())
        if log.status().failure is not None:
            return
    raise AssertionError("all of it was written")


def test_what_was_appended_is_there_in_order_after_a_flush(place: Place) -> None:
    log = AuditLog(place.settings())
    entries = [entry(number, "rewrite" if number % 3 == 0 else "allow") for number in range(700)]
    for one in entries:
        log.append(one)
    asyncio.run(log.flush())
    found = log.reader.page(Filter(), limit=1_000)
    log.close()
    assert [one.entry for one in reversed(found)] == entries
    assert [one.sequence for one in found] == list(range(700, 0, -1))


def test_without_the_wish_no_text_is_kept(place: Place) -> None:
    texts = (b"Loaf number 1", b"ask a baker", b"How do I bake")
    place.write([entry(1, "rewrite", content=False)])
    assert not any(text in place.whole() for text in texts)
    place.write([entry(1, "rewrite", content=True)])
    assert all(text in place.whole() for text in texts)


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    write_log(tmp_path / "audit", [entry()])
    assert (tmp_path / "audit").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "audit").iterdir())


def test_texts_that_no_encoding_knows_are_kept_as_they_are(place: Place) -> None:
    strange = 'half a pair \ud83d, a zero \0, <b>&"\n\u202e'
    kept = entry(1, content=True, model=strange, reason=strange, category=None)
    place.write([kept])
    log = AuditLog(place.settings())
    assert [one.entry for one in log.reader.page(Filter())] == [kept]
    log.close()
    assert place.verify().broken is None


def test_a_log_goes_on_where_an_earlier_process_ended(place: Place) -> None:
    place.write([entry(1), entry(2)])
    place.write([entry(3)])
    found = place.verify()
    assert (found.last, found.broken) == (3, None)


def test_a_second_process_cannot_write_the_same_log(tmp_path: Path) -> None:
    log = AuditLog(settings(tmp_path))
    with pytest.raises(UsageError, match="another process"):
        AuditLog(settings(tmp_path, on_failure="serve"))
    log.close()
    AuditLog(settings(tmp_path)).close()


def test_the_order_of_rows_survives_a_clock_that_jumps(place: Place) -> None:
    times = [NOON, NOON + 1e8, NOON - 1e8, 0.0, NOON + 2]
    clock = iter([NOON, *times, *times])
    log = AuditLog(place.settings(**place.divided), clock=lambda: next(clock))
    for number, at in enumerate(times):
        log.append(entry(number, time=at))
        asyncio.run(log.flush())
    found = log.reader.page(Filter())
    log.close()
    assert [one.entry.time for one in reversed(found)] == times
    assert place.verify().broken is None


def test_a_place_that_is_full_or_away_is_served_on_and_what_was_lost_is_counted_in_the_log(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.break_it()
    log = AuditLog(place.settings(on_failure="serve", queue_rows=5))
    with caplog.at_level(logging.WARNING):
        fill(log)
        for number in range(20):
            log.append(entry(number))
    full = log.status()
    assert full.waiting <= 6
    assert full.lost >= 15
    assert place.broken in (full.failure or "")
    assert len(caplog.records) <= 4, "a log that fails does not flood another one"
    place.heal()
    wait_until(lambda: log.status().waiting == 0)
    log.append(entry(99))
    asyncio.run(log.flush())
    log.close()
    after = place.verify()
    assert (after.broken, after.lost) == (None, full.lost)
    gaps = [number for number, body in enumerate(place.bodies()) if body["kind"] == "gap"]
    assert gaps[-1] == after.last - 2, "the gap stands before what was recorded after it"


def test_with_the_policy_to_refuse_a_place_that_is_full_or_away_refuses_and_heals(place: Place) -> None:
    place.break_it()
    log = AuditLog(place.settings(on_failure="refuse"))
    with pytest.raises(AuditError, match=place.broken):
        fill(log)
    with pytest.raises(AuditError, match=place.broken):
        log.check()
    with pytest.raises(AuditError):
        log.append(entry())
    place.heal()
    wait_until(lambda: log.status().failure is None)
    log.check()
    log.append(entry(99))
    asyncio.run(log.flush())
    log.close()
    assert log.status().lost == 0
    assert place.verify().broken is None


def test_closing_on_a_place_that_is_full_or_away_ends_in_time_and_counts_what_is_lost(place: Place) -> None:
    place.break_it()
    log = AuditLog(place.settings(retry_seconds=30))
    fill(log)
    began = time.monotonic()
    log.close()
    assert time.monotonic() - began < 5
    assert log.status().lost == 1
    place.heal()
    assert place.verify().broken is None


def test_rows_wait_while_another_program_locks_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_file, "BUSY_SECONDS", 0.02)
    log = AuditLog(settings(tmp_path, queue_rows=10))
    other = sqlite3.connect(log_files(tmp_path)[0], isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for number in range(10):
        log.append(entry(number))
    asyncio.run(log.flush())
    assert "locked" in (log.status().failure or "")
    other.execute("ROLLBACK")
    other.close()
    wait_until(lambda: log.status().waiting == 0)
    log.close()
    assert log.status().lost == 0
    assert verify_audit_log(tmp_path).last == 10


def test_a_folder_that_cannot_be_made_stops_the_start_only_with_the_policy_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "audit"
    with pytest.raises(AuditError, match="on_failure"):
        AuditLog(settings(folder, on_failure="refuse"))
    log = AuditLog(settings(folder, on_failure="serve"))
    log.append(entry())
    asyncio.run(log.flush())
    assert log.status().failure is not None
    (tmp_path / "file").unlink()
    wait_until(lambda: log.status().failure is None)
    log.close()
    assert verify_audit_log(folder).last == 1


def test_a_damaged_file_is_no_crash_and_is_told(tmp_path: Path) -> None:
    write_log(tmp_path, [entry()])
    log_files(tmp_path)[0].write_bytes(b"no database at all" * 1_000)
    log = AuditLog(settings(tmp_path, on_failure="serve"))
    log.append(entry())
    asyncio.run(log.flush())
    assert "not a database" in (log.status().failure or "")
    log.close()
    broken = verify_audit_log(tmp_path).broken
    assert broken is not None
    assert "cannot be read" in broken.why


@pytest.mark.parametrize("whole", [False, True], ids=["the file", "the folder"])
def test_a_log_that_is_removed_while_it_is_written_goes_on_and_the_hole_is_found(
    tmp_path: Path, whole: bool
) -> None:
    folder = tmp_path / "audit"
    log = AuditLog(settings(folder))
    log.append(entry(1))
    asyncio.run(log.flush())
    if whole:
        shutil.rmtree(folder)
    else:
        log_files(folder)[0].unlink()
    log.append(entry(2))
    asyncio.run(log.flush())
    log.close()
    found = verify_audit_log(folder)
    assert [path.name for path in log_files(folder)] == ["audit-000002.sqlite"]
    assert (found.first, found.last, found.broken) == (2, 2, None), (
        "row 1 is missed: the log begins with row 2"
    )


def test_appending_from_many_threads_loses_and_doubles_nothing(place: Place) -> None:
    log = AuditLog(place.settings())

    def work(first: int) -> None:
        for number in range(first, first + 200):
            log.append(entry(number))

    threads = [threading.Thread(target=work, args=(place * 200,)) for place in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    ids = [str(body["request_id"]) for body in place.bodies()]
    assert sorted(ids) == sorted(f"request-{number}" for number in range(1_000))
    assert place.verify().broken is None


def test_appending_never_waits_for_what_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    log = AuditLog(place.settings(queue_rows=100))
    write = log._writer.write

    def stuck(*arguments: object) -> None:
        go_on.wait(30)
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(log._writer, "write", stuck)
    began = time.monotonic()
    for number in range(1_000):
        log.append(entry(number))
    assert time.monotonic() - began < 5
    assert log.status().waiting <= 101
    go_on.set()
    log.close()
    found = place.verify()
    assert found.lost == log.status().lost == 900
    assert len(place.bodies()) - sum(body["kind"] == "gap" for body in place.bodies()) == 100


def test_who_stops_waiting_for_a_flush_disturbs_nobody(place: Place) -> None:
    log = AuditLog(place.settings())

    async def impatient() -> None:
        for number in range(50):
            log.append(entry(number))
            waiting = asyncio.create_task(log.flush())
            await asyncio.sleep(0)
            waiting.cancel()
        await log.flush()

    asyncio.run(impatient())
    log.close()
    assert place.verify().last == 50


def test_a_queue_is_bounded_in_bytes_too(place: Place) -> None:
    log = AuditLog(place.settings(queue_bytes=10_000))
    log.append(entry(1, reason="x" * 20_000))
    log.append(entry(2))
    log.close()
    assert place.verify().lost == 1


def test_a_mark_needs_a_decision_with_a_verdict(place: Place) -> None:
    log = AuditLog(place.settings())
    log.append(entry(1))
    log.append(entry(2, "failed"))
    asyncio.run(log.flush())
    with pytest.raises(UsageError, match="no decision 7"):
        asyncio.run(log.mark(7, True))
    with pytest.raises(UsageError, match="no verdict"):
        asyncio.run(log.mark(2, True))
    with pytest.raises(UsageError, match=r"2,000"):
        asyncio.run(log.mark(1, True, "x" * 3_000))
    asyncio.run(log.mark(1, True, "bread is harmless"))
    assert log.reader.marks()[1].note == "bread is harmless"
    log.close()

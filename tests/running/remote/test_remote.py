"""Run folders in a store: what lies there, who may write, and what is left after a kill."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.running import fetched, is_address, staged
from levelhead.running.remote import _lease
from levelhead.running.remote._carrier import MARK, PARTS, Carrier
from levelhead.running.remote._lease import LEASE, LEASE_SECONDS, Lease, LostLeaseError
from levelhead.running.remote._store import Store


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a folder on this machine, by way of fsspec: the same store, and quicker than S3."""
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / "cache"))
    return f"file://{tmp_path}/store/run"


def names(address: str) -> set[str]:
    return set(Store(address).objects()) - {MARK, LEASE}


def use_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "other") -> None:
    """From now on nothing is known of what was fetched before."""
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / f"cache-{name}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/run", True),
        ("gs://bucket", True),
        ("file:///disk/run", True),
        ("abfs+x://b/c", True),
        ("run", False),
        ("/disk/run", False),
        ("C://run", False),
        ("./s3:/run", False),
        ("", False),
    ],
)
def test_an_address_is_told_from_a_path(text: str, expected: bool) -> None:
    assert is_address(text) is expected


def test_a_folder_in_s3_holds_what_was_written_and_another_machine_reads_it(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(bucket) as folder:
        (folder / "images" / "animal").mkdir(parents=True)
        (folder / "images" / "animal" / "lion 1.png").write_bytes(bytes(range(256)))
        (folder / "summary.json").write_text("{}")
        (folder / "run.lock").write_text("1")
    assert names(bucket) == {"images/animal/lion 1.png", "summary.json"}
    use_another_machine(tmp_path, monkeypatch)
    copy = fetched(bucket)
    assert (copy / "images" / "animal" / "lion 1.png").read_bytes() == bytes(range(256))
    assert (copy / "summary.json").read_text() == "{}"


def test_a_log_that_grows_goes_to_s3_as_parts_and_is_whole_at_the_end(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(bucket, seconds=0.05) as folder:
        with (folder / "replies.jsonl").open("a") as log:
            for number in range(3):
                log.write(f"answer {number}\n")
                log.flush()
                begun = sum(len(f"answer {before}\n") for before in range(number))
                expected = "replies.jsonl" if number == 0 else f"replies.jsonl{PARTS}{begun:014d}"
                wait_for(lambda name=expected: name in names(bucket))
        use_another_machine(tmp_path, monkeypatch)
        assert (fetched(bucket) / "replies.jsonl").read_text() == "answer 0\nanswer 1\nanswer 2\n"
        use_another_machine(tmp_path, monkeypatch, "cache")
    assert names(bucket) == {"replies.jsonl"}


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come in time"
        time.sleep(0.02)


@pytest.fixture
def carrier(tmp_path: Path, disk: str) -> Carrier:
    (tmp_path / "here").mkdir()
    return Carrier(tmp_path / "here", Store(disk), tmp_path / "here.json")


def read_back(tmp_path: Path, disk: str, name: str) -> str:
    """What another machine finds in a file now."""
    place = tmp_path / f"copy-{time.monotonic_ns()}"
    Carrier(place, Store(disk), place.with_suffix(".json")).pull()
    return (place / name).read_text()


@pytest.mark.parametrize("end", ["shorter", "longer than it was before"])
def test_a_log_that_was_cut_and_grew_otherwise_is_carried_whole(
    end: str, tmp_path: Path, disk: str, carrier: Carrier
) -> None:
    log = tmp_path / "here" / "log"
    log.write_text("one\n")
    carrier.push()
    with log.open("a") as file:
        file.write("two\n")
    carrier.push()
    with log.open("r+") as file:  # the same file: a kill had left half a batch
        file.truncate(5)
        file.seek(5)
        file.write(end)
    carrier.push()
    assert read_back(tmp_path, disk, "log") == f"one\nt{end}"


def test_a_file_put_in_the_place_of_another_is_carried_whole_even_if_it_begins_alike(
    tmp_path: Path, disk: str, carrier: Carrier
) -> None:
    rows = tmp_path / "here" / "rows"
    rows.write_text("first\n")
    carrier.push()
    with rows.open("a") as file:
        file.write("second\n")
    carrier.push()
    (tmp_path / "here" / "new").write_text("first\nother and longer\n")
    (tmp_path / "here" / "new").replace(rows)
    carrier.push()
    assert names(disk) == {"rows"}
    assert read_back(tmp_path, disk, "rows") == "first\nother and longer\n"


def test_a_log_that_grows_while_it_goes_loses_nothing(
    tmp_path: Path, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    store, log = Store(disk), here / "log"
    put = store.put

    def growing(files: Any) -> None:
        with log.open("a") as file:
            file.write("while it goes\n")
        put(files)

    monkeypatch.setattr(store, "put", growing)
    carrier = Carrier(here, store, tmp_path / "here.json")
    log.write_text("before\n")
    for _ in range(3):
        carrier.push()
    monkeypatch.undo()
    carrier.push()
    assert read_back(tmp_path, disk, "log") == log.read_text() == "before\n" + "while it goes\n" * 3


def test_what_is_deleted_here_is_deleted_there_before_anything_new_comes(
    tmp_path: Path, disk: str, carrier: Carrier
) -> None:
    (tmp_path / "here" / "metadata.jsonl").write_text("old list")
    carrier.push()
    (tmp_path / "here" / "metadata.jsonl").unlink()
    (tmp_path / "here" / "picture.png").write_text("new")
    assert carrier.push() == 2
    assert names(disk) == {"picture.png"}
    assert carrier.push() == 0


def test_a_process_killed_before_it_carried_goes_on_with_what_it_has(tmp_path: Path, disk: str) -> None:
    with staged(disk) as folder:
        (folder / "log").write_text("one\n")
    first = Carrier(fetched(disk), Store(disk), fetched(disk).with_suffix(".json"))
    assert not first.pull()
    with (fetched(disk) / "log").open("a") as file:  # what a kill left here and not there
        file.write("two\n")
    with staged(disk) as folder:
        assert (folder / "log").read_text() == "one\ntwo\n"
    assert read_back(tmp_path, disk, "log") == "one\ntwo\n"


def test_where_another_machine_went_on_its_work_counts_and_not_what_lies_here(
    tmp_path: Path, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(disk) as folder:
        (folder / "log").write_text("one\n")
    use_another_machine(tmp_path, monkeypatch)
    with staged(disk) as folder, (folder / "log").open("a") as file:
        file.write("from the other\n")
    use_another_machine(tmp_path, monkeypatch, "cache")
    with staged(disk) as folder:
        assert (folder / "log").read_text() == "one\nfrom the other\n"


def test_of_two_processes_one_may_write(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(bucket):
        use_another_machine(tmp_path, monkeypatch)
        # To the lease, a process of this machine that lives is as one of another.
        monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
        with (
            pytest.raises(RunFolderError, match=f"being written by process {os.getpid()} on "),
            staged(bucket),
        ):
            pytest.fail("two may write")
        monkeypatch.undo()
    assert LEASE not in Store(bucket).objects()


def test_a_lease_of_a_dead_process_is_taken_over(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "HALF_WRITTEN_SECONDS", 0.1)
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    store, now = Store(disk), time.time()
    left = {"id": "x", "host": socket.gethostname(), "process": done.pid, "renewed": now}
    store.write(LEASE, json.dumps(left).encode())
    Lease(store).take()
    # Of another machine nothing is known but how long it has been silent.
    store.write(LEASE, json.dumps({**left, "host": "elsewhere"}).encode())
    with pytest.raises(RunFolderError, match="on elsewhere"):
        Lease(store, clock=lambda: now + LEASE_SECONDS - 1).take()
    Lease(store, clock=lambda: now + LEASE_SECONDS + 1).take()
    for half in (b"", b'{"id": "x", "ho', b"[]"):  # a kill left it so
        store.write(LEASE, half)
        Lease(store).take()


def test_a_process_whose_lease_was_taken_stops_and_spoils_nothing(disk: str) -> None:
    seconds = 0.0
    with pytest.raises(LostLeaseError, match="silent for long"), staged(disk, seconds=0.05) as folder:  # noqa: PT012
        (folder / "log").write_text("mine\n")
        wait_for(lambda: "log" in names(disk))
        other = {"id": "other", "host": "elsewhere", "process": 1, "renewed": time.time()}
        Store(disk).write(LEASE, json.dumps(other).encode())
        Store(disk).write("log", b"theirs\n")
        (folder / "log").write_text("mine again\n")
        began = time.monotonic()
        try:
            threading.Event().wait(60)  # as for an answer of a server
        except KeyboardInterrupt:
            seconds = time.monotonic() - began
    assert 0 < seconds < 30, "the work was not interrupted while it waited"
    assert Store(disk).read("log") == b"theirs\n"
    assert json.loads(Store(disk).read(LEASE) or b"")["id"] == "other"


def test_a_store_that_is_away_for_a_while_costs_nothing(
    disk: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write

    def fail(self: Store, name: str, data: bytes) -> None:
        raise RunFolderError("Cannot write to the store (no route).")

    with staged(disk, seconds=0.02) as folder:
        monkeypatch.setattr(Store, "write", fail)
        (folder / "log").write_text("one\n")
        wait_for(lambda: "no route" in caplog.text)
        time.sleep(0.2)
        monkeypatch.setattr(Store, "write", write)
    assert caplog.text.count("no route") == 1
    assert Store(disk).read("log") == b"one\n"


def test_what_cannot_be_carried_over_at_the_end_stays_here(
    disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Store, files: object) -> None:
        raise RunFolderError(f"Cannot write to {self.address} (no route).")

    with pytest.raises(RunFolderError, match=r"no route.*stays in .*staging"), staged(disk) as folder:  # noqa: PT012
        (folder / "log").write_text("one\n")
        monkeypatch.setattr(Store, "put", fail)
    monkeypatch.undo()


def test_a_killed_run_goes_on_from_the_store_on_another_machine(
    tmp_path: Path, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys, time
        from levelhead.running import staged
        from levelhead.running.remote._store import Store

        with staged(sys.argv[1], seconds=0.05) as folder:
            with (folder / "log").open("a") as log:
                for number in range(3):
                    log.write(f"{number}\\n")
                    log.flush()
                    time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, disk], check=False, env={**os.environ})
    assert killed.returncode == -9
    assert any(name.startswith(f"log{PARTS}") for name in names(disk))
    use_another_machine(tmp_path, monkeypatch)
    with staged(disk) as folder, (folder / "log").open("a") as log:
        log.write("3\n")
    assert (fetched(disk) / "log").read_text() == "0\n1\n2\n3\n"
    assert names(disk) == {"log"}


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("s3://", "names no folder"),
        ("nope://x/y", "cannot be used"),
        ("file:///nowhere/at/all", "nothing in"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_with_what_to_do(
    address: str, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match=match):
        fetched(address)


def test_folders_not_used_for_a_week_are_cleared_away(
    tmp_path: Path, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(disk) as folder:
        (folder / "log").write_text("one\n")
    old = time.time() - 8 * 86_400
    os.utime(folder.with_suffix(".lock"), (old, old))
    fetched(f"file://{tmp_path}/store")
    assert not folder.exists()
    assert (fetched(disk) / "log").read_text() == "one\n"

"""The chain of the audit log: whatever is edited, deleted or moved, it is found, and the place is named."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.guard.gateway.audit import _file_writer
from levelhead.guard.gateway.audit._chain import GENESIS, row_hash
from levelhead.guard.gateway.audit._file import AuditFile
from levelhead.guard.gateway.audit._file_form import Tip, file_name, log_files
from levelhead.guard.gateway.audit._file_reader import FileReader
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Filter
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.decisions import NOON, entry, write_log

pytestmark = pytest.mark.timeout(120)

ROWS = 12
FILES = 4


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 12 rows in four files of three; every row keeps its texts."""
    folder = tmp_path_factory.mktemp("written") / "audit"
    write_in_files(folder, ROWS, rows_each=3)
    return folder


def write_in_files(folder: Path, rows: int, *, rows_each: int, **changes: object) -> None:
    """Write a log that begins its next file after so many rows, by a clock that jumps a day then."""
    days = 0
    settings = AuditSettings.model_validate({"folder": folder, "max_file_days": 0.5, **changes})
    log = AuditLog(settings, clock=lambda: NOON + 86_400 * days)
    for number in range(rows):
        days = number // rows_each
        log.append(entry(number, "rewrite" if number % 2 else "allow", content=True))
        asyncio.run(log.flush())
    log.close()


def change(path: Path, statement: str, *values: object) -> int:
    connection = sqlite3.connect(path)
    with connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    return changed


def copy_of(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(written, tmp_path_factory.mktemp("copy") / "audit"))


def file_of(sequence: int) -> str:
    return file_name((sequence - 1) // 3 + 1)


def test_a_log_in_several_files_holds_together(written: Path) -> None:
    found = verify_audit_log(written)
    assert (found.broken, found.files, found.first, found.last) == (None, FILES, 1, ROWS)
    assert (found.contents, found.deleted_contents) == (ROWS, 0)


def test_the_hash_of_a_row_depends_on_all_that_it_ties_together() -> None:
    hashes = {
        row_hash(GENESIS, 1, "a"),
        row_hash("1" * 64, 1, "a"),
        row_hash(GENESIS, 2, "a"),
        row_hash(GENESIS, 1, "b"),
    }
    assert len(hashes) == 4


sequences = st.integers(1, ROWS)


@given(sequence=sequences, data=st.data())
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edit_of_a_row_is_found_at_that_row(
    written: Path, tmp_path_factory: pytest.TempPathFactory, sequence: int, data: st.DataObject
) -> None:
    folder = copy_of(written, tmp_path_factory)
    path = folder / file_of(sequence)
    connection = sqlite3.connect(path)
    column = data.draw(st.sampled_from(["body", "hash"]))
    (text,) = connection.execute(f"SELECT {column} FROM rows WHERE sequence = ?", (sequence,)).fetchone()
    connection.close()
    if column == "body":
        edited = data.draw(
            st.sampled_from(
                [
                    text.replace("0.02", "0.03").replace("0.91", "0.03"),
                    text.replace("baker-1", "baker-2"),
                    text + " ",
                ]
            )
        )
    else:
        place = data.draw(st.integers(0, 63))
        edited = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
    assert edited != text
    change(path, f"UPDATE rows SET {column} = ? WHERE sequence = ?", edited, sequence)
    broken = verify_audit_log(folder).broken
    assert broken is not None
    assert (broken.file, broken.sequence) == (file_of(sequence), sequence)


@given(doomed=st.sets(sequences, min_size=1))
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_deletion_of_rows_is_found_at_the_first_of_them(
    written: Path, tmp_path_factory: pytest.TempPathFactory, doomed: set[int]
) -> None:
    folder = copy_of(written, tmp_path_factory)
    for sequence in doomed:
        assert change(folder / file_of(sequence), "DELETE FROM rows WHERE sequence = ?", sequence) == 1
    broken = verify_audit_log(folder).broken
    assert broken is not None
    assert (broken.file, broken.sequence) == (file_of(min(doomed)), min(doomed))


@given(one=sequences, other=sequences, hashes=st.booleans())
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_two_rows_that_change_places_are_found_at_the_first(
    written: Path, tmp_path_factory: pytest.TempPathFactory, one: int, other: int, hashes: bool
) -> None:
    assume(one != other)
    folder = copy_of(written, tmp_path_factory)
    columns = ("body", "hash") if hashes else ("body",)
    said = {}
    for sequence in (one, other):
        connection = sqlite3.connect(folder / file_of(sequence))
        said[sequence] = connection.execute(
            f"SELECT {', '.join(columns)} FROM rows WHERE sequence = ?", (sequence,)
        ).fetchone()
        connection.close()
    for sequence, values in ((one, said[other]), (other, said[one])):
        sets = ", ".join(f"{column} = ?" for column in columns)
        change(folder / file_of(sequence), f"UPDATE rows SET {sets} WHERE sequence = ?", *values, sequence)
    broken = verify_audit_log(folder).broken
    assert broken is not None
    assert broken.sequence == min(one, other)


def insert_twice(folder: Path) -> None:
    change(
        folder / file_name(4),
        "INSERT INTO rows (sequence, body, hash) "
        "SELECT sequence + 1, body, hash FROM rows WHERE sequence = 12",
    )


TAMPERINGS: dict[str, tuple[Callable[[Path], object], str, int | None]] = {
    "a row is added": (insert_twice, file_name(4), 13),
    "a row is numbered anew": (
        lambda folder: change(folder / file_name(1), "UPDATE rows SET sequence = -5 WHERE sequence = 1"),
        file_name(1),
        -5,
    ),
    "texts are edited": (
        lambda folder: change(
            folder / file_name(2),
            "UPDATE contents SET body = replace(body, 'flour', 'sand') WHERE sequence = 5",
        ),
        file_name(2),
        5,
    ),
    "texts are added to no row": (
        lambda folder: change(folder / file_name(1), "INSERT INTO contents VALUES (77, '{}')"),
        file_name(1),
        77,
    ),
    "counts are edited": (
        lambda folder: change(folder / file_name(3), "UPDATE hours SET decisions = decisions + 1"),
        file_name(3),
        None,
    ),
    "where a file ends is edited": (
        lambda folder: change(folder / file_name(4), "UPDATE tip SET last = 40"),
        file_name(4),
        13,
    ),
    "a file in between is removed": (lambda folder: (folder / file_name(2)).unlink(), file_name(2), None),
    "the newest file is removed": (lambda folder: (folder / file_name(4)).unlink(), file_name(4), None),
    "two files change names": (
        lambda folder: (
            (folder / file_name(2)).rename(folder / "held"),
            (folder / file_name(3)).rename(folder / file_name(2)),
            (folder / "held").rename(folder / file_name(3)),
        ),
        file_name(2),
        None,
    ),
    "a file is another database": (
        lambda folder: change(folder / file_name(2), "DROP TABLE tip"),
        file_name(2),
        None,
    ),
    "a file is emptied": (lambda folder: (folder / file_name(2)).write_bytes(b""), file_name(2), None),
    "bytes are overwritten": (
        lambda folder: (folder / file_name(2)).write_bytes(
            (folder / file_name(2)).read_bytes()[:8_192] + b"\xff" * 40_000
        ),
        file_name(2),
        None,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_first_broken_place_is_named_when(
    written: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = copy_of(written, tmp_path_factory)
    tamper, file, sequence = TAMPERINGS[name]
    tamper(folder)
    broken = verify_audit_log(folder).broken
    assert broken is not None
    assert broken.file == file
    if "bytes" not in name:
        assert broken.sequence == sequence


def test_a_chain_that_was_computed_anew_is_found_by_a_hash_that_was_noted(tmp_path: Path) -> None:
    write_log(tmp_path / "true", [entry(number) for number in range(5)])
    noted = verify_audit_log(tmp_path / "true").hash
    assert verify_audit_log(tmp_path / "true", head=noted).broken is None
    write_log(tmp_path / "forged", [entry(number, model="another") for number in range(5)])
    assert verify_audit_log(tmp_path / "forged").broken is None
    broken = verify_audit_log(tmp_path / "forged", head=noted).broken
    assert broken is not None
    assert "noted" in broken.why


def test_texts_can_be_deleted_and_the_chain_still_holds(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = copy_of(written, tmp_path_factory)
    change(folder / file_name(1), "DELETE FROM contents")
    found = verify_audit_log(folder)
    assert (found.broken, found.contents, found.deleted_contents) == (None, ROWS - 3, 3)
    assert FileReader(folder).page(Filter())[-1].entry.contents is None


def test_the_oldest_files_may_go_and_the_rest_still_holds(tmp_path: Path) -> None:
    write_in_files(tmp_path, ROWS, rows_each=3, keep_files=2)
    assert [path.name for path in log_files(tmp_path)] == [file_name(3), file_name(4)]
    found = verify_audit_log(tmp_path)
    assert (found.broken, found.first, found.last) == (None, 7, ROWS)


def test_a_file_that_grew_too_large_is_followed_by_the_next(tmp_path: Path) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path, max_file_bytes=2**16))
    for number in range(300):
        log.append(entry(number, reason="x" * 1_000))
        asyncio.run(log.flush())
    log.close()
    sizes = [path.stat().st_size for path in log_files(tmp_path)]
    assert len(sizes) > 4
    assert max(sizes) < 2 * 2**16
    assert (verify_audit_log(tmp_path).broken, verify_audit_log(tmp_path).last) == (None, 300)


@pytest.mark.parametrize("moment", ["before the new file is whole", "before the old one hears of it"])
def test_a_kill_in_the_middle_of_a_rotation_leaves_a_log_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write_in_files(tmp_path, 6, rows_each=3)

    class KilledError(BaseException):
        pass

    def killed(*arguments: object) -> None:
        raise KilledError

    def begun(self: _file_writer.FileWriter, tip: Tip) -> None:
        (tmp_path / file_name(tip.number)).touch()
        raise KilledError

    writer = _file_writer.FileWriter(tmp_path, AuditSettings(folder=tmp_path, max_file_days=0.5))
    writer.write((), NOON + 86_400)
    with monkeypatch.context() as patch:
        if moment == "before the new file is whole":
            patch.setattr(_file_writer.FileWriter, "_begin", begun)
        else:
            patch.setattr(AuditFile, "say_followed", killed)
        with pytest.raises(KilledError):
            writer.write((), NOON + 3 * 86_400)
    writer.close()
    assert verify_audit_log(tmp_path).broken is None
    write_log(tmp_path, [entry(7)])
    found = verify_audit_log(tmp_path)
    assert (found.broken, found.last) == (None, 7)
    (log_files(tmp_path)[-1]).unlink()
    assert verify_audit_log(tmp_path).broken is not None, "the old file knows by now that another one follows"


def test_a_log_is_checked_while_it_is_written(tmp_path: Path) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path))
    for number in range(200):
        log.append(entry(number))
        if number % 20 == 0:
            assert verify_audit_log(tmp_path).broken is None
    log.close()


def test_a_folder_without_a_log_is_wrong_usage(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="no audit log"):
            verify_audit_log(folder)

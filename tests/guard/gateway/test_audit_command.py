"""levelhead guard audit as a user types it."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest

from levelhead.guard import Pair, read_pairs
from levelhead.guard.gateway.audit._log import AuditLog
from tests.cli.test_commands import levelhead
from tests.guard.gateway.audit_places import Place
from tests.guard.gateway.decisions import entry, write_log


def test_verify_says_that_a_log_holds_and_gives_the_hash_to_note(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write([entry(number, content=number > 1) for number in range(3)])
    verify: list[str | Path] = ["guard", "audit", "verify", *place.options()]
    assert levelhead(*verify, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    where = "1 files" if isinstance(place.where, Path) else "the database"
    assert f"3 rows in {where} hold together, from row 1 to row 3." in said
    assert "texts of 1 decisions are kept" in said
    noted = said.split("Hash of the last row: ")[1].split()[0]
    assert levelhead(*verify, "--head", noted, monkeypatch=monkeypatch) == 0
    assert levelhead(*verify, "--head", "0" * 63 + "1", monkeypatch=monkeypatch) == 1


def test_verify_ends_with_1_and_names_the_row_that_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, [entry(number) for number in range(5)])
    connection = sqlite3.connect(tmp_path / "audit-000001.sqlite")
    with connection:
        connection.execute("UPDATE rows SET body = replace(body, '0.02', '0.01') WHERE sequence = 4")
    connection.close()
    assert levelhead("guard", "audit", "verify", tmp_path, monkeypatch=monkeypatch) == 1
    captured = capsys.readouterr()
    assert "breaks at row 4 in audit-000001.sqlite" in captured.err
    assert "3 rows" in captured.out


def test_export_writes_pairs_that_the_other_commands_read(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AuditLog(place.settings(content=True))
    log.append(entry(1, "rewrite", content=True))
    log.append(entry(2, "block", content=False))

    async def mark() -> None:
        await log.flush()
        await log.mark(1, False, "bread")
        await log.mark(2, True)

    asyncio.run(mark())
    log.close()
    out = tmp_path / "PAIRS.jsonl"
    assert levelhead("guard", "audit", "export", *place.options(), "--out", out, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "1 marked decisions written, 0 of them harmful; 1 left out" in said
    (pair,) = read_pairs(out)
    assert isinstance(pair, Pair)
    assert (pair.label, pair.metadata["note"]) == (False, "bread")


@pytest.mark.parametrize("marked", [False, True])
def test_export_without_marks_or_texts_is_wrong_usage_and_writes_nothing(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    marked: bool,
) -> None:
    log = AuditLog(place.settings())
    log.append(entry(1, "rewrite"))
    if marked:
        asyncio.run(log.flush())
        asyncio.run(log.mark(1, True))
    log.close()
    out = tmp_path / "PAIRS.jsonl"
    assert levelhead("guard", "audit", "export", *place.options(), "--out", out, monkeypatch=monkeypatch) == 2
    assert ("audit.content to true" if marked else "No decision is marked") in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_folder_without_a_log_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words: list[str | Path] = ["guard", "audit", command, tmp_path / "none"]
    if command == "export":
        words += ["--out", tmp_path / "PAIRS.jsonl"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "no audit log" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["folder", "--database-env", "ANY"]], ids=["neither", "both"])
def test_a_log_is_named_by_a_folder_or_by_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert levelhead("guard", "audit", "verify", *options, monkeypatch=monkeypatch) == 2
    assert "either the folder of the log or --database-env" in capsys.readouterr().err


def test_a_database_that_nobody_names_or_that_is_away_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = ["guard", "audit", "verify", "--database-env", "NO_DATABASE"]
    assert levelhead(*verify, monkeypatch=monkeypatch) == 2
    assert "NO_DATABASE must hold the address" in capsys.readouterr().err
    with socket.socket() as closed:  # bound and not listened on: who connects is refused
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        monkeypatch.setenv("NO_DATABASE", f"postgresql+psycopg://u:super-secret-word@127.0.0.1:{port}/d")
        assert levelhead(*verify, monkeypatch=monkeypatch) == 1
    address = ["--database-env", "postgresql+psycopg://u:super-secret-word@127.0.0.1/d"]
    assert levelhead(*verify[:3], *address, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert "cannot be read" in said
    assert "name of an environment variable" in said
    assert "super-secret-word" not in said

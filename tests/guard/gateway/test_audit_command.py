"""levelhead guard audit as a user types it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from levelhead.guard import Pair, read_pairs
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.cli.test_commands import levelhead
from tests.guard.gateway.decisions import entry, write_log


def test_verify_says_that_a_log_holds_and_gives_the_hash_to_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, [entry(number, content=number > 1) for number in range(3)])
    assert levelhead("guard", "audit", "verify", tmp_path, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "3 rows in 1 files hold together, from row 1 to row 3." in said
    assert "texts of 1 decisions are kept" in said
    noted = said.split("Hash of the last row: ")[1].split()[0]
    assert levelhead("guard", "audit", "verify", tmp_path, "--head", noted, monkeypatch=monkeypatch) == 0
    assert (
        levelhead("guard", "audit", "verify", tmp_path, "--head", "0" * 63 + "1", monkeypatch=monkeypatch)
        == 1
    )


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path / "audit", content=True))
    log.append(entry(1, "rewrite", content=True))
    log.append(entry(2, "block", content=False))

    async def mark() -> None:
        await log.flush()
        await log.mark(1, False, "bread")
        await log.mark(2, True)

    asyncio.run(mark())
    log.close()
    out = tmp_path / "PAIRS.jsonl"
    assert (
        levelhead("guard", "audit", "export", tmp_path / "audit", "--out", out, monkeypatch=monkeypatch) == 0
    )
    said = capsys.readouterr().out
    assert "1 marked decisions written, 0 of them harmful; 1 left out" in said
    (pair,) = read_pairs(out)
    assert isinstance(pair, Pair)
    assert (pair.label, pair.metadata["note"]) == (False, "bread")


@pytest.mark.parametrize("marked", [False, True])
def test_export_without_marks_or_texts_is_wrong_usage_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], marked: bool
) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path / "audit"))
    log.append(entry(1, "rewrite"))
    if marked:
        asyncio.run(log.flush())
        asyncio.run(log.mark(1, True))
    log.close()
    out = tmp_path / "PAIRS.jsonl"
    assert (
        levelhead("guard", "audit", "export", tmp_path / "audit", "--out", out, monkeypatch=monkeypatch) == 2
    )
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

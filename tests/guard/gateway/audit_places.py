"""The places that an audit log can be kept in, as tests see them: fresh, to be broken and to be healed."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from levelhead.guard.gateway.audit import _file
from levelhead.guard.gateway.audit._chain_walk import Verification
from levelhead.guard.gateway.audit._entry import AuditEntry
from levelhead.guard.gateway.audit._file_form import log_files, reading
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.postgres import PostgresServer

_NAMES = itertools.count(1)


class Place(Protocol):
    """A place for one log."""

    broken: str
    """Said of it while nothing can be written."""

    divided: dict[str, object]
    """Settings with which it is in several parts after a day."""

    @property
    def where(self) -> Path | AuditDatabase: ...

    def settings(self, **changes: object) -> AuditSettings: ...

    def verify(self, *, head: str | None = None) -> Verification: ...

    def bodies(self) -> list[dict[str, object]]: ...

    def write(self, entries: Sequence[AuditEntry], **settings: object) -> None:
        """Write a log, or go on with it, and close it."""

    def whole(self) -> bytes:
        """Everything that is kept."""

    def break_it(self) -> None:
        """Have nothing more written, soon or at once. It is called before the log is opened."""

    def heal(self) -> None: ...

    def options(self) -> list[str | Path]:
        """How the command line is told of it."""


class _Common:
    where: Path | AuditDatabase
    _fixed: dict[str, object]

    def settings(self, **changes: object) -> AuditSettings:
        return AuditSettings.model_validate({"retry_seconds": 0.02, **self._fixed, **changes})

    def verify(self, *, head: str | None = None) -> Verification:
        return verify_audit_log(self.where, head=head)

    def write(self, entries: Sequence[AuditEntry], **settings: object) -> None:
        log = AuditLog(self.settings(**settings))
        for one in entries:
            log.append(one)
        log.close()


class FilesPlace(_Common):
    """A folder, on a disk that can be full: SQLite refuses pages past a number as it does there."""

    broken = "full"
    divided: dict[str, object] = {"max_file_days": 1}  # noqa: RUF012

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.where: Path = folder
        self._fixed = {"folder": folder}
        self._pages = 1_000_000
        connect = _file.connect

        def limited(path: Path) -> sqlite3.Connection:
            connection = connect(path)
            connection.execute(f"PRAGMA max_page_count = {self._pages}")
            return connection

        monkeypatch.setattr(_file, "connect", limited)

    def bodies(self) -> list[dict[str, object]]:
        found = []
        for path in log_files(self.where):
            with reading(path) as connection:
                rows = connection.execute("SELECT body FROM rows ORDER BY sequence").fetchall()
                found += [json.loads(body) for (body,) in rows]
        return found

    def whole(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.where.glob("audit*"))

    def break_it(self) -> None:
        self._pages = 60

    def heal(self) -> None:
        self._pages = 1_000_000

    def options(self) -> list[str | Path]:
        return [self.where]


class DatabasePlace(_Common):
    """A database of its own on the server of the tests."""

    broken = "does not exist"
    divided: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self._monkeypatch = server, monkeypatch
        self.name = server.new_schema()
        self.env = f"AUDIT_DATABASE_{next(_NAMES)}"
        self.where: AuditDatabase = AuditDatabase(self.env)
        self._fixed = {"database_env": self.env}
        self.reach(server.address(self.name))

    def reach(self, address: str) -> None:
        """Have the database reached by another address."""
        self._monkeypatch.setenv(self.env, address)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Do something to the database, past the log."""
        with self.server.connect(self.name) as connection:
            done: psycopg.Cursor[tuple[Any, ...]] = connection.execute(statement.encode(), values or None)
            return done.fetchall() if done.description else []

    def bodies(self) -> list[dict[str, object]]:
        return [
            json.loads(body)
            for (body,) in self.query("SELECT body FROM levelhead_audit_rows ORDER BY sequence")
        ]

    def whole(self) -> bytes:
        tables = ("tip", "rows", "contents", "hours")
        return repr([self.query(f"SELECT * FROM levelhead_audit_{table}") for table in tables]).encode()

    def break_it(self) -> None:
        self.write([])  # makes the tables
        self.query("ALTER TABLE levelhead_audit_rows RENAME TO away")

    def heal(self) -> None:
        self.query("ALTER TABLE away RENAME TO levelhead_audit_rows")

    def options(self) -> list[str | Path]:
        return ["--database-env", self.env]

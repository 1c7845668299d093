"""Where the tests of the audit log keep their logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard.gateway.audit_places import DatabasePlace, FilesPlace, Place
from tests.guard.gateway.postgres import PostgresServer, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> DatabasePlace:
    """An empty database."""
    return DatabasePlace(postgres, monkeypatch)


@pytest.fixture(params=["files", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Each kind of place that an audit log can be kept in."""
    if request.param == "files":
        return FilesPlace(tmp_path / "audit", monkeypatch)
    return DatabasePlace(request.getfixturevalue("postgres"), monkeypatch)

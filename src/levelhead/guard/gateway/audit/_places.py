"""The two kinds of places where an audit log can be kept, and what writes and reads each."""

from __future__ import annotations

from pathlib import Path

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway.audit._file_reader import FileReader
from levelhead.guard.gateway.audit._file_writer import FileWriter
from levelhead.guard.gateway.audit._reading import AuditReader
from levelhead.guard.gateway.audit._settings import AuditDatabase, AuditSettings
from levelhead.guard.gateway.audit._writing import AuditWriter


def open_writer(settings: AuditSettings) -> AuditWriter:
    """What writes to the place of the settings; nothing is opened yet.

    Raises:
        UsageError: If the address of a database is not where the settings say, or is none.
        MissingExtraError: If the extra `postgres` is wanted and not installed.
    """
    if not isinstance(settings.place, AuditDatabase):
        return FileWriter(settings.place, settings)
    _check_extra()
    from levelhead.guard.gateway.audit._database_writer import DatabaseWriter

    return DatabaseWriter(settings.place, settings)


def open_reader(place: Path | AuditDatabase) -> AuditReader:
    """What reads the log at this place. Raises as `open_writer` does."""
    if not isinstance(place, AuditDatabase):
        return FileReader(place)
    _check_extra()
    from levelhead.guard.gateway.audit._database_reader import DatabaseReader

    return DatabaseReader(place)


def no_log(place: Path | AuditDatabase) -> UsageError:
    """The error to raise where a log was expected and none was begun."""
    if isinstance(place, AuditDatabase):
        return UsageError(f"There is no audit log in {place}. Give the variable that the gateway uses.")
    return UsageError(f"There is no audit log in {place}. Give the folder that holds audit-000001.sqlite.")


def _check_extra() -> None:
    try:
        import psycopg as _psycopg  # noqa: F401
        import sqlalchemy as _sqlalchemy  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "Audit logs in PostgreSQL", extra="postgres", module=error.name or "psycopg"
        ) from error

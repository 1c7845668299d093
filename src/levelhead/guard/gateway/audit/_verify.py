"""Checks an audit log against its chain, wherever it is kept."""

from __future__ import annotations

from pathlib import Path

from levelhead.guard.gateway.audit._chain_walk import Verification
from levelhead.guard.gateway.audit._file_verify import verify_files
from levelhead.guard.gateway.audit._places import no_log, open_reader
from levelhead.guard.gateway.audit._settings import AuditDatabase


def verify_audit_log(place: Path | AuditDatabase, *, head: str | None = None) -> Verification:
    """Check every row of the log, the texts that are kept, and that nothing is missing in between.

    What the log alone cannot show: that all of it was computed anew, or that an old copy was put back. A hash
    that was noted elsewhere shows it.

    Args:
        place: Where the log is kept. It may be in use.
        head: Hash of a row, noted earlier, that must stand in the log.

    Raises:
        UsageError: If there is no log.
        UnreadableAuditError: If the database cannot be read.
    """
    reader = open_reader(place)
    try:
        if not reader.exists():
            raise no_log(place)
    finally:
        reader.close()
    if isinstance(place, AuditDatabase):
        from levelhead.guard.gateway.audit._database_verify import verify_database

        return verify_database(place, head)
    return verify_files(place, head)

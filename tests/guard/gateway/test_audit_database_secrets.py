"""The address of the audit log's database: what is wrong with it is told, and its password never."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.gateway.audit._log import AuditError, AuditLog
from levelhead.guard.gateway.audit._reading import UnreadableAuditError
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.guard.gateway.audit_places import DatabasePlace
from tests.guard.gateway.decisions import entry
from tests.guard.gateway.postgres import PASSWORD

pytestmark = pytest.mark.timeout(120)


WRONG_ADDRESSES = {
    "none": "",
    "no address": "super-secret-word",
    "no port": "postgresql+psycopg://user:super-secret-word@host:port/name",
    "another database": "mysql://user:super-secret-word@host/name",
    "another driver": "postgresql+asyncpg://user:super-secret-word@host/name",
}


@pytest.mark.parametrize("name", WRONG_ADDRESSES)
def test_a_wrong_address_is_refused_by_the_name_of_its_variable_and_without_its_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_DATABASE", WRONG_ADDRESSES[name])
    with pytest.raises(UsageError, match="WRONG_DATABASE") as refused:
        AuditLog(AuditSettings(database_env="WRONG_DATABASE"))
    assert "super-secret-word" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("policy", ["serve", "refuse"])
def test_a_wrong_password_is_told_without_it_and_stops_the_start_only_with_the_policy_to_refuse(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    database.write([entry(1)])
    database.reach(database.server.address(database.name, password="super-secret-word"))
    with caplog.at_level(logging.DEBUG):
        if policy == "refuse":
            with pytest.raises(AuditError, match="password authentication failed") as refused:
                AuditLog(database.settings(on_failure=policy))
            said = str(refused.value)
        else:
            log = AuditLog(database.settings(on_failure=policy))
            with pytest.raises(UnreadableAuditError) as unread:
                log.reader.feedback()
            said = str(unread.value) + str(log.status())
            assert log.feedback().interventions == 0, "a gateway starts all the same"
            log.close()
    for secret in ("super-secret-word", PASSWORD):
        assert secret not in said + caplog.text


def test_an_error_of_the_server_quotes_no_text(
    database: DatabasePlace, caplog: pytest.LogCaptureFixture
) -> None:
    database.write([])
    database.query("ALTER TABLE levelhead_audit_contents ADD CONSTRAINT never CHECK (length(body) < 3)")
    with caplog.at_level(logging.DEBUG):
        log = AuditLog(database.settings(content=True))
        log.append(entry(1, content=True))
        asyncio.run(log.flush())
        assert "violates check constraint" in (log.status().failure or "")
        log.close()
    assert "flour" not in caplog.text + str(log.status())


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[postgres\]"):
        AuditLog(AuditSettings(database_env="ANY"))

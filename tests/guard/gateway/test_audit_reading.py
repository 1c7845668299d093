"""What can be read of an audit log, and the page /ui that shows it: the same of files and of a database."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from levelhead.guard.gateway._decision import Action
from levelhead.guard.gateway._observability_settings import UISettings
from levelhead.guard.gateway._ui import ui_routes
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._places import open_reader
from levelhead.guard.gateway.audit._reading import Filter
from tests.guard.gateway.audit_places import Place
from tests.guard.gateway.decisions import NOON, entry

pytestmark = pytest.mark.timeout(60)

ACTIONS: list[Action] = ["allow", "rewrite", "block", "failed", "allow", "rewrite"]


@pytest.fixture
def log(place: Place) -> Iterator[AuditLog]:
    """Six decisions, an hour apart. The mark of the second was changed, that of the fifth taken back."""
    made = AuditLog(place.settings(content=True))
    for number, action in enumerate(ACTIONS, start=1):
        made.append(entry(number, action, content=number != 3, time=NOON + 3600 * number))
    asyncio.run(made.flush())
    for target, right in ((1, True), (2, True), (2, False), (5, True), (5, None)):
        asyncio.run(made.mark(target, right, f"{target} is {right}"))
    yield made
    made.close()


def found(log: AuditLog, wanted: Filter, before: int | None = None, limit: int = 50) -> list[int]:
    return [one.sequence for one in log.reader.page(wanted, before=before, limit=limit)]


def test_pages_are_the_newest_first_and_go_on_where_the_last_one_ended(log: AuditLog) -> None:
    assert found(log, Filter()) == [6, 5, 4, 3, 2, 1]
    assert found(log, Filter(), limit=2) == [6, 5]
    assert found(log, Filter(), before=5, limit=2) == [4, 3]
    assert found(log, Filter(), before=10**17) == [6, 5, 4, 3, 2, 1]
    assert found(log, Filter(), before=1) == []


def test_filters_hold_together_and_alone(log: AuditLog) -> None:
    assert found(log, Filter(action="rewrite")) == [6, 2]
    assert found(log, Filter(stage="output")) == [6, 5, 4, 3, 2, 1]
    assert found(log, Filter(stage="input")) == []
    assert found(log, Filter(category="weapons")) == [6, 2]
    assert found(log, Filter(category="cakes")) == []
    assert found(log, Filter(marked="right")) == [1]
    assert found(log, Filter(marked="wrong")) == [2]
    assert found(log, Filter(marked="wrong", action="rewrite", category="weapons"), before=3) == [2]
    assert found(log, Filter(marked="wrong", action="allow")) == []


def test_a_decision_is_found_by_its_place_with_its_texts_and_the_mark_that_holds(log: AuditLog) -> None:
    second = log.reader.get(2)
    assert second is not None
    assert second.entry == entry(2, "rewrite", content=True, time=NOON + 7200)
    assert second.mark is not None
    assert (second.mark.right, second.mark.note) == (False, "2 is False")
    third = log.reader.get(3)
    assert third is not None
    assert (third.entry.contents, third.mark) == (None, None)
    for nowhere in (0, -1, 7, 12, 10**17, 10**30):
        assert log.reader.get(nowhere) is None, "a row of a mark, or none at all, is no decision"


def test_marks_are_counted_as_they_hold(log: AuditLog) -> None:
    feedback = log.reader.feedback()
    assert (dict(feedback.right), dict(feedback.wrong)) == ({"allow": 1}, {"rewrite": 1})
    assert [one.sequence for one in log.reader.marked()] == [2, 1]


def test_hours_and_kinds_of_harm_are_counted(log: AuditLog) -> None:
    noon = int(NOON // 3600)
    hours = log.reader.hours(noon + 3)
    assert {hour - noon: dict(counts) for hour, counts in hours.items()} == {
        3: {"block": 1},
        4: {"failed": 1},
        5: {"allow": 1},
        6: {"rewrite": 1},
    }
    assert log.reader.categories() == ["weapons"]


def test_the_page_shows_marks_and_exports_from_both(log: AuditLog, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key of sixteen characters and more")
    client = TestClient(Starlette(routes=ui_routes(log, UISettings(key_file=key))), follow_redirects=False)
    assert client.post("/ui/login", data={"key": key.read_text()}).status_code == 303
    page = client.get("/ui?action=block").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    assert 'id="d3"' in page
    assert 'id="d2"' not in page
    marked = client.post("/ui/decisions/6/mark", data={"csrf": csrf[1], "mark": "right", "note": "fine"})
    assert marked.status_code == 303
    assert 'id="d6"' in client.get("/ui?marked=right").text
    lines = [json.loads(line) for line in client.get("/ui/marks.jsonl").text.splitlines()]
    assert [(line["id"], line["label"]) for line in lines] == [
        ("request-6-6", True),
        ("request-2-2", False),
        ("request-1-1", False),
    ]
    assert (
        client.post(f"/ui/decisions/{10**30}/mark", data={"csrf": csrf[1], "mark": "right"}).status_code
        == 409
    )


def test_a_log_that_was_not_begun_is_an_empty_one(place: Place) -> None:
    reader = open_reader(place.where)
    assert not reader.exists()
    assert (reader.page(Filter()), reader.get(1), reader.marks()) == ([], None, {})
    assert (reader.hours(0), reader.categories(), list(reader.marked())) == ({}, [], [])
    reader.close()

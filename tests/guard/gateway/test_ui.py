"""The page at /ui over HTTP: who gets in, what a form may do, and what is shown to whom."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from levelhead.errors import UsageError
from levelhead.guard import read_pairs
from levelhead.guard._pair import Pair
from levelhead.guard.gateway._decision import Action
from levelhead.guard.gateway._observability_settings import UISettings
from levelhead.guard.gateway._ui import COOKIE, MAX_FORM_BYTES, ui_routes
from levelhead.guard.gateway._ui_sessions import MAX_SESSIONS, Sessions
from levelhead.guard.gateway.audit._entry import JUDGED
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Feedback
from levelhead.guard.gateway.audit._settings import AuditSettings
from levelhead.guard.gateway.audit._writing import UnwritableAuditError
from tests.guard.gateway.decisions import entry

pytestmark = pytest.mark.timeout(60)

KEY = "a key of sixteen characters and more"
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 3049 * 7**9 }}&amp;\u202e\ud83d'


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "ui.key"
    path.write_text(f"{KEY}\n")
    return path


class Page:
    """The page of a log, and a client that may sign in to it."""

    def __init__(self, folder: Path, key_file: Path, *, content: bool = True, **settings: object) -> None:
        self.log = AuditLog(AuditSettings.model_validate({"folder": folder, "content": content, **settings}))
        self.feedback: list[Feedback] = []
        self._routes = ui_routes(self.log, UISettings(key_file=key_file), on_feedback=self.feedback.append)
        self.content = content
        self.client = self.new_client()

    def new_client(self, base: str = "http://testserver") -> TestClient:
        return TestClient(Starlette(routes=self._routes), base_url=base, follow_redirects=False)

    def add(self, *actions: Action, **changes: object) -> None:
        for number, action in enumerate(actions, start=1):
            self.log.append(entry(number, action, content=self.content, **{"time": time.time(), **changes}))
        while self.log.status().waiting:
            time.sleep(0.005)

    def sign_in(self) -> str:
        """Sign in, and return the token that forms need."""
        assert self.client.post("/ui/login", data={"key": KEY}).status_code == 303
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/ui").text)
        assert found is not None
        return found[1]


@pytest.fixture
def page(tmp_path: Path, key_file: Path) -> Iterator[Page]:
    made = Page(tmp_path / "audit", key_file)
    yield made
    made.log.close()


ADDRESSES = [
    ("GET", "/ui"),
    ("GET", "/ui/marks.jsonl"),
    ("POST", "/ui/decisions/1/mark"),
    ("POST", "/ui/logout"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
@pytest.mark.parametrize("cookie", [None, "", "x", "nonsense" * 500])
def test_without_signing_in_nothing_is_shown_or_done(
    page: Page, method: str, address: str, cookie: str | None
) -> None:
    page.add("rewrite")
    headers = {} if cookie is None else {"cookie": f"{COOKIE}={cookie}"}
    answer = page.client.request(method, address, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/login")
    assert "Loaf" not in answer.text
    assert page.log.reader.marks() == {}


@pytest.mark.parametrize("wrong", ["", "x", KEY[:-1], KEY + "x", KEY.upper(), "\ud83d", "x" * 5_000])
def test_a_wrong_key_is_401_and_stands_in_no_log(
    page: Page, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = page.client.post(
            "/ui/login",
            content=f"key={wrong}".encode("utf-8", "replace").decode("ascii", "replace").replace(" ", "+"),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert KEY not in answer.text + caplog.text
    assert not wrong or len(wrong) < 2 or wrong not in answer.text + caplog.text


def test_a_key_of_the_api_is_not_the_key_of_the_page_and_the_page_asks_no_header(page: Page) -> None:
    assert page.client.get("/ui", headers={"authorization": f"Bearer {KEY}"}).status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(page: Page) -> None:
    said = page.client.post("/ui/login", data={"key": KEY}).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "path=/ui" in said
    assert "secure" not in said
    assert KEY not in said
    https = page.new_client("https://testserver").post("/ui/login", data={"key": KEY})
    assert "; secure" in https.headers["set-cookie"].lower()


def test_signing_out_ends_the_session_and_not_only_the_cookie(page: Page) -> None:
    csrf = page.sign_in()
    kept = page.client.cookies[COOKIE]
    assert page.client.post("/ui/logout", data={"csrf": csrf}).status_code == 303
    assert page.client.get("/ui", headers={"cookie": f"{COOKIE}={kept}"}).status_code == 303


def test_sessions_end_in_time_and_are_bounded_in_number() -> None:
    now = [0.0]
    sessions = Sessions(KEY, 100, clock=lambda: now[0])
    first = sessions.sign_in(KEY)
    assert first is not None
    now[0] = 99
    assert sessions.find(first.token) is first
    now[0] = 100
    assert sessions.find(first.token) is None
    opened = [sessions.sign_in(KEY) for _ in range(MAX_SESSIONS + 5)]
    alive = [one for one in opened if one is not None and sessions.find(one.token) is not None]
    assert alive == opened[5:]


@pytest.mark.parametrize("csrf", ["", "x", "the token of another session"])
def test_a_form_without_the_token_of_its_session_does_nothing(page: Page, csrf: str) -> None:
    page.add("rewrite")
    page.sign_in()
    if csrf.startswith("the token"):
        other = page.new_client()
        other.post("/ui/login", data={"key": KEY})
        found = re.search(r'name="csrf" value="([^"]+)"', other.get("/ui").text)
        assert found is not None
        csrf = found[1]
    for address in ("/ui/decisions/1/mark", "/ui/logout"):
        assert page.client.post(address, data={"csrf": csrf, "mark": "right"}).status_code == 403
    assert page.log.reader.marks() == {}
    assert page.client.get("/ui").status_code == 200


def test_every_answer_forbids_scripts_frames_and_caches(page: Page) -> None:
    page.add("rewrite")
    csrf = page.sign_in()
    answers = [page.client.get(address) for address in ("/ui", "/ui/login", "/ui/ui.css", "/ui?before=x")]
    answers.append(page.client.post("/ui/decisions/1/mark", data={"csrf": "no"}))
    answers.append(page.client.post("/ui/decisions/1/mark", data={"csrf": csrf, "mark": "right"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text
        assert " style=" not in answer.text


def test_what_models_and_clients_said_is_escaped_everywhere(page: Page) -> None:
    hostile = entry(1, "rewrite", content=False, time=time.time())
    page.add(
        "rewrite",
        model=HOSTILE,
        category=HOSTILE,
        reason=HOSTILE,
        place=HOSTILE,
        request_id=HOSTILE,
        key_id=HOSTILE,
        seconds={HOSTILE: 1.0},
        contents=None,
    )
    assert hostile.contents is None
    csrf = page.sign_in()
    sent = page.client.post(
        "/ui/decisions/1/mark", data={"csrf": csrf, "mark": "wrong", "note": HOSTILE[:-1]}
    )
    assert sent.status_code == 303
    text = page.client.get("/ui").text
    assert text.count("&lt;script&gt;") >= 8
    assert "<script" not in text
    assert "<img" not in text
    # So long a number stands in no hash, token or time of day by chance.
    assert str(3049 * 7**9) not in text


def test_a_mark_is_recorded_in_the_chain_and_told_to_the_metrics(page: Page) -> None:
    page.add("rewrite", "allow", "failed")
    csrf = page.sign_in()
    answer = page.client.post(
        "/ui/decisions/1/mark?action=rewrite&before=9",
        data={"csrf": csrf, "mark": "wrong", "note": "  Ovens are no weapons.  "},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui?action=rewrite&before=9#d1")
    assert page.log.reader.marks()[1].note == "Ovens are no weapons."
    assert page.feedback[-1].needless_interventions == 1
    page.client.post("/ui/decisions/1/mark", data={"csrf": csrf, "mark": "right"})
    assert page.feedback[-1] == Feedback({"rewrite": 1}, {})
    page.client.post("/ui/decisions/1/mark", data={"csrf": csrf, "mark": "withdraw"})
    assert page.feedback[-1] == Feedback({}, {})
    assert page.client.post("/ui/decisions/3/mark", data={"csrf": csrf, "mark": "right"}).status_code == 409
    assert page.client.post("/ui/decisions/99/mark", data={"csrf": csrf, "mark": "right"}).status_code == 409
    huge = "9" * 40
    assert (
        page.client.post(f"/ui/decisions/{huge}/mark", data={"csrf": csrf, "mark": "right"}).status_code
        == 409
    )
    assert page.client.post("/ui/decisions/1/mark", data={"csrf": csrf, "mark": "maybe"}).status_code == 400


def test_forms_that_are_too_large_or_none_are_refused(page: Page) -> None:
    page.sign_in()
    form = {"content-type": "application/x-www-form-urlencoded"}
    for address in ("/ui/login", "/ui/logout"):
        large = page.client.post(address, content=b"key=" + b"x" * MAX_FORM_BYTES, headers=form)
        many = page.client.post(address, content=b"&".join([b"a=1"] * 50), headers=form)
        strange = page.client.post(address, content=b"\xff\xfe", headers=form)
        other = page.client.post(address, json={"key": KEY})
        assert [large.status_code, many.status_code, strange.status_code, other.status_code] == [
            413,
            400,
            400,
            415,
        ]


def ids(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'<article [^>]*id="d(\d+)"', text)]


def test_pages_hold_every_decision_once_the_newest_first(page: Page) -> None:
    actions: list[Action] = ["allow"] * 70
    page.add(*actions)
    page.sign_in()
    seen: list[int] = []
    address: str | None = "/ui"
    while address is not None:
        text = page.client.get(address).text
        seen += ids(text)
        found = re.search(r'href="(/ui[^"]*)#decisions" rel="next"', text)
        address = found[1].replace("&amp;", "&") if found else None
    assert seen == list(range(70, 0, -1))


@given(
    actions=st.lists(st.sampled_from(JUDGED), min_size=1, max_size=40),
    marks=st.dictionaries(st.integers(1, 40), st.booleans(), max_size=10),
    action=st.sampled_from([None, "allow", "rewrite"]),
    marked=st.sampled_from([None, "right", "wrong"]),
)
@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_show_what_fits_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
    key_file: Path,
    actions: list[Action],
    marks: dict[int, bool],
    action: str | None,
    marked: str | None,
) -> None:
    page = Page(tmp_path_factory.mktemp("log"), key_file, max_file_bytes=2**16)
    page.add(*actions)
    csrf = page.sign_in()
    marks = {place: right for place, right in marks.items() if place <= len(actions)}
    for place, right in marks.items():
        page.client.post(
            f"/ui/decisions/{place}/mark", data={"csrf": csrf, "mark": "right" if right else "wrong"}
        )
    wanted = [
        place
        for place, one in enumerate(actions, start=1)
        if (action is None or one == action) and (marked is None or marks.get(place) is (marked == "right"))
    ]
    query = {name: value for name, value in {"action": action, "marked": marked}.items() if value}
    text = page.client.get("/ui", params=query).text
    page.log.close()
    assert ids(text) == wanted[::-1][:30]


@pytest.mark.parametrize(
    "query",
    ["action=all", "stage=x", "marked=maybe", "before=-1", "before=1e3", "before=" + "9" * 30, "before=²"],
)
def test_an_address_that_makes_no_sense_is_400(page: Page, query: str) -> None:
    page.sign_in()
    assert page.client.get(f"/ui?{query}").status_code == 400


def test_without_content_no_text_is_shown_and_the_page_says_why(tmp_path: Path, key_file: Path) -> None:
    page = Page(tmp_path / "audit", key_file, content=False)
    page.add("rewrite")
    csrf = page.sign_in()
    text = page.client.get("/ui").text
    assert "Show the texts" not in text
    assert "audit.content is off" in text
    page.client.post("/ui/decisions/1/mark", data={"csrf": csrf, "mark": "right"})
    answer = page.client.get("/ui/marks.jsonl")
    page.log.close()
    assert answer.status_code == 409
    assert "audit.content to true" in answer.text


def test_marks_are_exported_as_pairs_with_the_label_of_the_original(page: Page, tmp_path: Path) -> None:
    page.add("rewrite", "rewrite", "allow", "allow", "block")
    csrf = page.sign_in()
    assert page.client.get("/ui/marks.jsonl").status_code == 409
    for place, mark in ((1, "right"), (2, "wrong"), (3, "right"), (4, "wrong")):
        page.client.post(f"/ui/decisions/{place}/mark", data={"csrf": csrf, "mark": mark, "note": "bread"})
    answer = page.client.get("/ui/marks.jsonl")
    assert answer.headers["content-disposition"] == 'attachment; filename="PAIRS.jsonl"'
    (tmp_path / "PAIRS.jsonl").write_text(answer.text)
    pairs = [one for one in read_pairs(tmp_path / "PAIRS.jsonl") if isinstance(one, Pair)]
    assert [(one.id, one.label) for one in pairs] == [
        ("request-4-4", True),
        ("request-3-3", False),
        ("request-2-2", False),
        ("request-1-1", True),
    ]
    assert pairs[0].question == "How do I bake loaf number 4?"
    assert pairs[0].metadata["source"] == "gateway"
    assert all(json.loads(line)["note"] == "bread" for line in answer.text.splitlines())


def test_the_page_says_that_the_log_fails(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise UnwritableAuditError("no bread left")

    page.add("allow")
    page.sign_in()
    monkeypatch.setattr(page.log._writer, "write", broken)
    page.log.append(entry())
    while page.log.status().failure is None:
        time.sleep(0.005)
    assert "no bread left" in page.client.get("/ui").text


def test_a_damaged_log_is_told_with_what_to_do(page: Page, tmp_path: Path) -> None:
    page.sign_in()
    page.log.close()
    (tmp_path / "audit" / "audit-000001.sqlite").write_bytes(b"crumbs" * 5_000)
    answer = page.client.get("/ui")
    assert answer.status_code == 503
    assert "levelhead guard audit verify" in answer.text


def test_an_empty_log_is_a_page_too(page: Page) -> None:
    page.sign_in()
    text = page.client.get("/ui").text
    assert "No text was looked at in the last 24 hours." in text
    assert "There are none." in text


def test_behind_a_proxy_that_puts_a_path_before_it_all_addresses_follow(page: Page) -> None:
    client = TestClient(Starlette(routes=page._routes), root_path="/guard", follow_redirects=False)
    assert client.get("/guard/ui").headers["location"] == "/guard/ui/login"
    assert 'href="/guard/ui/ui.css"' in client.get("/guard/ui/login").text


def test_without_a_key_there_is_no_page(tmp_path: Path) -> None:
    log = AuditLog(AuditSettings(folder=tmp_path))
    assert ui_routes(log, UISettings()) == []
    log.close()


def test_a_key_that_is_missing_or_short_is_wrong_usage_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UI_KEY", "crumbs")
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    monkeypatch.delenv("NO_KEY", raising=False)
    for settings in (
        UISettings(key_env="UI_KEY"),
        UISettings(key_env="NO_KEY"),
        UISettings(key_file=tmp_path / "none"),
        UISettings(key_file=tmp_path / "key"),
    ):
        with pytest.raises(UsageError, match="/ui") as told:
            settings.read_key()
        assert "crumbs" not in str(told.value)
    with pytest.raises(ValueError, match="at most one"):
        UISettings(key_env="UI_KEY", key_file=tmp_path / "key")

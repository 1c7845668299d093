"""The page at /ui in a real browser, on a real server: signing in, reading, marking, exporting.

Whatever a test does, the console must stay silent: the policy of the page forbids whatever would not be ours.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import expect
from starlette.applications import Starlette

from levelhead.guard import read_pairs
from levelhead.guard._pair import Pair
from levelhead.guard.gateway._decision import Action
from levelhead.guard.gateway._observability_settings import UISettings
from levelhead.guard.gateway._ui import ui_routes
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._settings import AuditSettings
from tests.browser import headless_chromium
from tests.guard.gateway.decisions import entry

pytestmark = pytest.mark.timeout(120)

KEY = "a key of sixteen characters and more"
HOSTILE = '<img src="http://127.0.0.1:9/x" onerror="document.title = 1"><script>document.title = 1</script>'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[AuditLog, str]]:
    """A log of mild decisions, and the address of the page that shows it."""
    (tmp_path / "key").write_text(KEY)
    log = AuditLog(AuditSettings(folder=tmp_path / "audit", content=True))
    actions: tuple[Action, ...] = ("allow", "rewrite", "block", "not_inspected", "failed", "rewrite")
    for number, action in enumerate(actions, start=1):
        log.append(entry(number, action, content=True, time=time.time() - 600 * number))
    while log.status().waiting:
        time.sleep(0.005)
    app = Starlette(routes=ui_routes(log, UISettings(key_file=tmp_path / "key")))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield log, f"http://127.0.0.1:{listening.getsockname()[1]}/ui"
    server.should_exit = True
    thread.join(10)
    listening.close()
    log.close()


@pytest.fixture
def open_page(chromium: Any, served: tuple[AuditLog, str]) -> Iterator[Callable[..., Any]]:
    """Opens the page and signs in; what it complained about and asked for is checked at the end."""
    _, address = served
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_(*, width: int = 1280, scheme: str = "light", scripts: bool = True) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.get_by_label("Key of this page").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == [], "the console stays silent"
    assert [url for url in requests if not url.startswith(address)] == [], "nothing else is asked for"


def test_a_person_signs_in_reads_marks_and_exports_without_a_script(
    open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(scripts=False)
    expect(page.locator("#finding")).to_have_text("1 of 6 texts of the last 24 hours were let through.")
    page.locator("select[name=action]").select_option("rewrite")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("article")).to_have_count(2)
    first = page.locator("article").first
    expect(first.locator("blockquote").first).to_be_hidden()
    first.get_by_text("Show the texts").click()
    expect(first.get_by_text("Loaf number 6 needs flour, water and salt.")).to_be_visible()
    expect(first.get_by_text("It is better to ask a baker.")).to_be_visible()
    first.get_by_label("Note").fill("Ovens are no weapons.")
    first.get_by_role("button", name="Wrong").click()
    expect(page.locator("article").first).to_contain_text("Marked wrong")
    expect(page.locator("article")).to_have_count(2)  # the filter is still there
    expect(page.locator(".shares tr").nth(1)).to_contain_text("n = 1")
    with page.expect_download() as download:
        page.get_by_role("link", name="exported as PAIRS.jsonl").click()
    download.value.save_as(tmp_path / "PAIRS.jsonl")
    (pair,) = read_pairs(tmp_path / "PAIRS.jsonl")
    assert isinstance(pair, Pair)
    assert (pair.answer, pair.label) == ("Loaf number 6 needs flour, water and salt.", False)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key of this page")).to_be_visible()


def test_texts_that_try_to_run_or_load_something_are_only_shown(
    open_page: Callable[..., Any], served: tuple[AuditLog, str]
) -> None:
    log, _ = served
    log.append(entry(7, "block", reason=HOSTILE, model=HOSTILE, category=HOSTILE, time=time.time()))
    while log.status().waiting:
        time.sleep(0.005)
    page = open_page()
    expect(page.locator("article").first.locator(".reason")).to_have_text(HOSTILE)
    assert page.title() == "Guard – Levelhead"


def test_the_bars_and_shares_are_where_their_numbers_say(open_page: Callable[..., Any]) -> None:
    page = open_page()
    row = page.locator("tr.action-rewrite")
    expect(row.locator(".share")).to_have_text("2")
    heights = row.locator("rect").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert 1 <= len(heights) <= 2
    track = row.locator("svg").bounding_box()
    assert max(heights) == pytest.approx(track["height"], abs=1.0)
    ends = page.locator(".hours + .axis span").evaluate_all(
        "all => all.map(one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right])"
    )
    assert ends[0][0] == pytest.approx(track["x"], abs=12)
    assert ends[1][1] == pytest.approx(track["x"] + track["width"], abs=12)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_runs_out_of_the_page(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    page = open_page(width=width, scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_all_of_it_can_be_done_with_the_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page()
    article = page.locator("#d2")
    article.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(article.get_by_text("Loaf number 2 needs")).to_be_visible()
    article.get_by_label("Note").focus()
    page.keyboard.type("bread")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"#d2$"))
    expect(page.locator("#d2")).to_contain_text("Marked right bread")


def test_enter_in_the_note_marks_nothing_by_accident(
    open_page: Callable[..., Any], served: tuple[AuditLog, str]
) -> None:
    log, _ = served
    page = open_page()
    page.locator("#d2").get_by_label("Note").fill("bread")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert log.reader.marks() == {}

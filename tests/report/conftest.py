"""A real browser for the tests that look at the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from levelhead.report import render
from tests.browser import headless_chromium
from tests.report.runs import write_run

OpenPage = Callable[..., Any]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """A headless Chromium, or a skip that says why. It is closed before other tests need a loop."""
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def open_page(chromium: Any) -> Iterator[OpenPage]:
    """Opens a page file and hands it over; what it complained about and asked for is checked at the end."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_(path: Path, *, hash_: str = "", width: int = 1280, scheme: str = "light") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + hash_)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == [], "the console stays silent"
    foreign = [url for url in requests if not url.startswith(("data:", "file:"))]
    assert foreign == [], "nothing is asked of a network"
    assert len([url for url in requests if url.startswith("file:")]) == len(contexts), "one file is all"


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of 52 questions, 416 answers."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return render(folder)

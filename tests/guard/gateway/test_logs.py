"""Structured logs: what stands in them, what never does, and that nobody waits for who reads them."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from typing import Any

import pytest

from levelhead.guard.gateway._logs import JSONFormatter, json_logs, log_decision
from levelhead.guard.gateway._observability_settings import LogSettings
from tests.guard.gateway.decisions import entry

SECRET = "sourdough-recipe"


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_decision_is_one_line_of_hashes_categories_and_scores() -> None:
    stream = io.StringIO()
    with json_logs(LogSettings(), stream):
        log_decision(entry(1, "rewrite", content=True))
    (line,) = lines(stream)
    assert (line["message"], line["level"], line["action"], line["category"]) == (
        "decision",
        "info",
        "rewrite",
        "weapons",
    )
    assert line["p_harm"] == 0.91
    assert len(line["original_sha256"]) == 64
    assert "Loaf" not in stream.getvalue()
    assert "baker." not in stream.getvalue()


def test_texts_are_told_only_when_log_and_entry_both_hold_them() -> None:
    stream = io.StringIO()
    with json_logs(LogSettings(content=True), stream):
        log_decision(entry(1, "rewrite", content=True))
        log_decision(entry(2, "rewrite", content=False))
    first, second = lines(stream)
    assert first["contents"]["original"].startswith("Loaf number 1")
    assert "contents" not in second


@pytest.mark.parametrize("content", [False, True])
def test_the_words_of_an_exception_are_told_only_with_content(content: bool) -> None:
    stream = io.StringIO()
    with json_logs(LogSettings(content=content), stream):
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("levelhead.guard").exception("It failed.")
            logging.getLogger("asyncio").error("Task failed\nfuture: %s", SECRET, exc_info=True)
    found = lines(stream)
    assert all(line["exception"]["type"] == "ValueError" for line in found)
    assert all("test_logs.py" in line["exception"]["frames"][0] for line in found)
    assert (SECRET in stream.getvalue()) == content


def test_a_line_is_one_line_whatever_stands_in_it() -> None:
    record = logging.LogRecord("levelhead", logging.INFO, "", 0, "two\nlines \ud83d \x1b[31m", (), None)
    line = JSONFormatter(content=False).format(record)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["message"] == "two\nlines \ud83d \x1b[31m"


def test_times_are_in_utc() -> None:
    record = logging.LogRecord("levelhead", logging.INFO, "", 0, "m", (), None)
    record.created, record.msecs = 1_760_011_200.25, 250
    assert json.loads(JSONFormatter(content=False).format(record))["time"] == "2025-10-09T12:00:00.250Z"


class Stuck(io.StringIO):
    """A stream whose reader has stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.go_on.wait(20)
        return super().write(text)


@pytest.mark.timeout(30)
def test_a_reader_that_stops_reading_holds_nobody_up_and_what_is_dropped_is_counted() -> None:
    stream = Stuck()
    began = time.monotonic()
    with json_logs(LogSettings(queue_messages=100), stream) as handler:
        for number in range(5_000):
            logging.getLogger("levelhead").warning("loaf %d", number)
        assert time.monotonic() - began < 5
        assert 4_898 <= handler.dropped <= 4_900
        stream.go_on.set()
    found = lines(stream)
    assert len(found) >= 100
    assert {"level": "warning", "lines_dropped": handler.dropped} in found


def test_a_reader_that_is_gone_is_no_crash() -> None:
    stream = io.StringIO()
    with json_logs(LogSettings(), stream) as handler:
        stream.close()
        logging.getLogger("levelhead").warning("loaf")
    assert handler.dropped == 1


def test_logging_is_as_it_was_afterwards() -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:], logging.getLogger("httpx").level
    with json_logs(LogSettings(level="debug"), io.StringIO()):
        assert root.level == logging.DEBUG
    assert (root.level, root.handlers[:], logging.getLogger("httpx").level) == before

from __future__ import annotations

import re

import pytest

from levelhead.errors import UsageError
from levelhead.running import choose_style
from levelhead.running._progress import show_progress


def test_plain_progress_says_a_line_every_ten_seconds_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with show_progress("asking [x]", total=100, held=40, style="plain") as advance:
        for step in range(15):
            now += 2.0
            advance(4)
            assert step < 14 or now == 130.0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "asking [x]: 40 of 100 were answered before",
        "asking [x]: 60 of 100, 2.0/s, 0:00:20 left",
        "asking [x]: 80 of 100, 2.0/s, 0:00:10 left",
        "asking [x]: 100 of 100, 2.0/s, 0:00:00 left",
    ]


def test_the_bar_goes_to_standard_error_with_count_and_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("asking [x]", total=10, held=4, style="bar") as advance:
        advance(6)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(r"asking \[x\].* 10/10 .*(/s|s each), 0:00:00 left", captured.err)


def test_no_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("asking", total=10, held=0, style="off") as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_the_caller_chooses_before_the_environment_and_the_environment_before_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEVELHEAD_PROGRESS", "off")
    assert choose_style("plain") == "plain"
    assert choose_style() == "off"
    monkeypatch.delenv("LEVELHEAD_PROGRESS")
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert choose_style() == "plain"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert choose_style() == "bar"


def test_an_unknown_style_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELHEAD_PROGRESS", "loud")
    with pytest.raises(UsageError, match="LEVELHEAD_PROGRESS is 'loud'; it must be bar, plain or off"):
        choose_style()

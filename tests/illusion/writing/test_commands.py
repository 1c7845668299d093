"""levelhead illusion write and accept as a user types them: scripted and real servers, and a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levelhead.illusion import load_questions
from levelhead.illusion.writing._rows import read_rows
from tests.cli.test_commands import levelhead
from tests.illusion.writing import recorded
from tests.illusion.writing.test_review import edit, keep_all
from tests.illusion.writing.writers import stage_of, written
from tests.models.conftest import llama_server_name  # noqa: F401  (a fixture)
from tests.models.servers import Answer, Asked, ScriptedServer, chat, refusal

Words = list[str | Path]


def first_user_text(asked: Asked) -> str:
    return str(next(turn["content"] for turn in asked.body["messages"] if turn["role"] == "user"))


def honest(asked: Asked) -> Answer:
    return chat(*[written(first_user_text(asked))] * int(asked.body.get("n", 1)))


def words_of(url: str, out: Path, *further: str) -> Words:
    return [
        "illusion", "write", f"openai:m@{url}", "--categories", "animal,city", "--count", "6",
        "--rounds", "2", "--out", out, "--concurrency", "1", *further,
    ]  # fmt: skip


def test_write_review_and_accept_go_from_a_server_to_a_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        if recorded.ANIMAL[7]["question"] in first_user_text(asked) and "n" in asked.body:
            return chat("moa", "emu", "kiwi")
        return honest(asked)

    server, out = ScriptedServer(script), tmp_path / "out"
    try:
        assert levelhead(*words_of(server.url, out), monkeypatch=monkeypatch) == 0
    finally:
        server.close()
    said = capsys.readouterr().out
    assert "13 of 12 wanted questions passed all checks" in said
    assert "animal: 7 passed; turned down: 1 answer not confirmed" in said
    stages = {stage_of(first_user_text(asked)): "response_format" in asked.body for asked in server.asked}
    assert stages == {"questions": True, "answer": False}
    assert (out / "review.html").read_text().lower().startswith("<!doctype html>")

    edit(out, keep_all)
    bank = tmp_path / "BANK.jsonl"
    assert levelhead("illusion", "accept", out, "--out", bank, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "13 questions accepted (0 edited)" in said
    assert "too few questions" in said
    assert len(load_questions(bank)) == 13
    words: Words = ["illusion", "build", "--bank", bank, "--questions", "1", "--out", tmp_path / "set"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0


def test_a_server_without_schemas_writes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        if "response_format" in asked.body:
            return refusal(400, "'response_format' of type json_schema is not supported")
        answer = honest(asked)
        fenced = f"Here you are:\n```json\n{written(first_user_text(asked))}\n```"
        return chat(fenced) if stage_of(first_user_text(asked)) == "questions" else answer

    server = ScriptedServer(script)
    try:
        assert levelhead(*words_of(server.url, tmp_path / "out"), monkeypatch=monkeypatch) == 0
    finally:
        server.close()
    assert "14 of 12 wanted" in capsys.readouterr().out


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(lambda asked: Answer(honest(asked).body, seconds=0.05))
    try:
        words = words_of(server.url, tmp_path / "out")
        process = subprocess.Popen([sys.executable, "-m", "levelhead", *map(str, words)])
        deadline = time.monotonic() + 60
        while len(server.asked) < 9:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = len(server.asked)
        assert not (tmp_path / "out" / "summary.json").exists()
        assert levelhead(*words, monkeypatch=monkeypatch) == 0
        in_two_starts = len(server.asked)
        whole = words_of(server.url, tmp_path / "whole")
        assert levelhead(*whole, monkeypatch=monkeypatch) == 0
        alone = len(server.asked) - in_two_starts
    finally:
        server.close()
    assert before < alone
    assert in_two_starts <= alone + 1, "only what was under way at the kill is asked again"
    for name in ("rows.jsonl", "summary.json", "review.csv", "rejected.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_questions_about_a_users_names_come_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("\n".join(recorded.NAMES))
    server, out = ScriptedServer(honest), tmp_path / "out"
    words: Words = [
        "illusion", "write", f"openai:m@{server.url}", "--domain", "our tools",
        "--about", tmp_path / "names.txt", "--count", "3", "--out", out,
    ]  # fmt: skip
    try:
        assert levelhead(*words, monkeypatch=monkeypatch) == 0
    finally:
        server.close()
    assert "our-tools: 4 passed" in capsys.readouterr().out
    _, rows = read_rows(out)
    assert {row.question.gold for row in rows if row.question} <= set(recorded.NAMES)


def test_a_request_without_an_answer_ends_with_1_and_keeps_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        if "real interest" in first_user_text(asked):
            return refusal(400, "context length exceeded")
        return honest(asked)

    server = ScriptedServer(script)
    try:
        assert levelhead(*words_of(server.url, tmp_path / "out"), monkeypatch=monkeypatch) == 1
    finally:
        server.close()
    said = capsys.readouterr()
    assert "10 of 12 wanted questions passed" in said.out
    assert "context length exceeded" in said.err
    assert (tmp_path / "out" / "review.csv").exists()


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--categories", "animal", "--domain", "cats"],
        ["--categories", "cats"],
        ["--categories", "animal", "--about", "names.txt"],
        ["--domain", "tools", "--about", "no.txt"],
        ["--domain", "???"],
        ["--categories", "animal", "--min-agreement", "2"],
    ],
)
def test_a_run_that_cannot_start_is_wrong_usage(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: Words = ["illusion", "write", "embedded", *given, "--out", tmp_path / "out"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_accepting_a_folder_that_is_no_writing_run_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: Words = ["illusion", "accept", tmp_path, "--out", tmp_path / "B.jsonl", "--unreviewed"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_real_server_is_held_to_the_schema_and_all_that_it_writes_is_counted(
    llama_server_name: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model of 135 million parameters writes nothing good; the form holds, and every row has its reason."""
    words: Words = [
        "illusion", "write", llama_server_name, "--domain", "kitchen tools", "--count", "1", "--rounds", "1",
        "--checks", "2", "--max-new-tokens", "600", "--check-tokens", "8", "--out", tmp_path / "out",
    ]  # fmt: skip
    status = levelhead(*words, monkeypatch=monkeypatch)
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["writing"]
    _, rows = read_rows(tmp_path / "out")
    assert rows
    assert found["written"] == len(rows)
    passed = sum(found["passed"].values())
    rejected = sum(sum(reasons.values()) for reasons in found["rejected"].values())
    assert passed + rejected == len(rows)
    assert all(row.why for row in rows if row.rejection)
    # Held to the schema, a reply that is not cut off has the form of questions.
    assert "malformed" not in {str(row.rejection) for row in rows}
    assert status == (0 if passed else 1)

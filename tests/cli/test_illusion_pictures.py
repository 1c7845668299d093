"""levelhead illusion build, check and push as a user types them."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from levelhead.cli import main
from levelhead.illusion import read_set
from tests.models.servers import Answer, Asked, ScriptedServer, refusal

Words = list[str | Path]


def levelhead(*words: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["levelhead", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def drawn() -> Answer:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 99, 9)).save(buffer, format="PNG")
    return Answer({"data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]})


def test_drawn_kinds_are_built_in_one_command_with_their_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    words: Words = ["illusion", "build", "--out", out, "--questions", "3"]
    words += ["--kinds", "typographic, typographic-scene"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "3 questions, 42 pictures (42 newly written)" in said
    assert "typographic-scene: " in said
    assert "pictures per second" in said
    assert len(read_set(out)) == 42
    assert "## Errors" in (out / "README.md").read_text()


def test_an_estimate_tells_time_and_cost_and_builds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ScriptedServer(lambda asked: drawn())
    out = tmp_path / "set"
    words: Words = ["illusion", "build", "--out", out, "--questions", "3", "--kinds", "api", "--estimate"]
    words += ["--server", f"openai:painter@{server.url}", "--concurrency", "2", "--price-per-picture", "0.04"]
    assert levelhead(*words, "--cache", tmp_path / "cache", monkeypatch=monkeypatch) == 0
    server.close()
    said = capsys.readouterr().out
    assert "api: 21 pictures, 3 of them in the cache" in said
    assert "costs up to 0.72" in said
    assert len(server.asked) == 3
    assert not out.exists()


def test_a_build_whose_pictures_fail_ends_with_status_1_and_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        return refusal(400, "our content policy") if "camel" in asked.body["prompt"] else drawn()

    server = ScriptedServer(script)
    out = tmp_path / "set"
    words: Words = ["illusion", "build", "--out", out, "--questions", "1", "--kinds", "api"]
    words += ["--server", f"openai:painter@{server.url}", "--cache", tmp_path / "cache"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 1
    server.close()
    said = capsys.readouterr().err
    assert "1 pictures could not be made" in said
    assert "content policy" in said
    failures = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert [failure["pictured"] for failure in failures] == ["camel"]
    assert len(read_set(out)) == 6


def test_photographs_are_used_and_missing_answers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in ("giraffe", "elephant"):
        (tmp_path / "photos" / answer).mkdir(parents=True)
        Image.new("RGB", (90, 60), (9, 99, 9)).save(tmp_path / "photos" / answer / "1.jpg")
    words: Words = ["illusion", "build", "--out", tmp_path / "set", "--questions", "1", "--kinds", "folder"]
    words += ["--photos", tmp_path / "photos", "--license", "CC0-1.0"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "4 answers have no picture" in capsys.readouterr().out
    rows = read_set(tmp_path / "set")
    assert [row.pictured for row in rows] == ["", "giraffe", "elephant"]
    assert rows[1].license == "CC0-1.0"


def test_a_check_writes_scores_and_says_how_many_are_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rapidocr")
    out = tmp_path / "set"
    assert levelhead("illusion", "build", "--out", out, "--questions", "1", monkeypatch=monkeypatch) == 0
    words: Words = ["illusion", "check", out, "--by", "ocr", "--cache", tmp_path / "cache"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "typographic: 7 of 7 pictures score 0.5 or more" in capsys.readouterr().out
    assert all(row.check_score is not None for row in read_set(out))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "--out", "OUT", "--kinds", "diffusion"], "--checkpoint"),
        (["build", "--out", "OUT", "--kinds", "folder", "--photos", "OUT"], "There is no folder"),
        (["build", "--out", "OUT", "--kinds", "api", "--server", "painter"], "openai:"),
        (["build", "--out", "OUT", "--prompts", "OUT"], "prompts"),
        (["check", "OUT", "--by", "ocr"], "illusion build"),
        (["push", "OUT", "me/cats"], "illusion build"),
    ],
)
def test_bad_input_ends_with_status_2_and_says_what_to_do(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.replace("OUT", str(tmp_path / "out")) for word in words]
    assert levelhead("illusion", *words, monkeypatch=monkeypatch) == 2
    assert message in " ".join(capsys.readouterr().err.split())

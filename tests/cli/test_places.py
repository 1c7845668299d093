"""Commands whose folders lie in a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.running import fetched
from tests.cli.test_commands import levelhead


def test_a_set_built_into_a_store_is_whole_and_the_same_command_again_makes_nothing_new(
    bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["illusion", "build", "--out", bucket, "--questions", "1"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert "7 newly written" in said.out
    assert f"All of it lies in {bucket} too." in said.err
    rows = [json.loads(line) for line in (fetched(bucket) / "metadata.jsonl").read_text().splitlines()]
    assert len(rows) == 7
    assert all((fetched(bucket) / row["file_name"]).is_file() for row in rows)
    assert levelhead(*words, monkeypatch=monkeypatch) == 0
    assert "0 newly written" in capsys.readouterr().out


def test_scores_in_a_store_go_on_and_become_a_table_there(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = tmp_path / "pairs.jsonl"
    lines = [json.dumps({"id": str(number), "answer": f"Bread number {number}."}) for number in range(3)]
    pairs.write_text("\n".join(lines[:2]) + "\n")
    words: list[str | Path] = ["guard", "judge", "--file", pairs, "--out", f"{bucket}/scores.jsonl"]
    assert levelhead(*words, "--detector", "lexical", monkeypatch=monkeypatch) == 0
    pairs.write_text("\n".join(lines) + "\n")
    assert levelhead(*words, "--detector", "lexical", monkeypatch=monkeypatch) == 0
    assert "judging: 3 of 3" in capsys.readouterr().err
    scores = (fetched(bucket) / "scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in scores] == ["0", "1", "2"]
    table = f"{bucket}/table/scores.parquet"
    source = fetched(bucket) / "scores.jsonl"
    assert levelhead("export", source, "--out", table, monkeypatch=monkeypatch) == 0
    assert (fetched(f"{bucket}/table") / "scores.parquet").read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["report", "s3://"], "names no folder"),
        (["compare", "nope://a/b", "run", "--out", "out"], "cannot be used"),
        (
            ["guard", "judge", "--file", "pairs.jsonl", "--out", "s3://bucket/"],
            "is a folder; a file is wanted",
        ),
    ],
)
def test_an_address_that_cannot_be_used_ends_with_status_2_and_what_to_do(
    words: list[str],
    match: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / "cache"))
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert match in capsys.readouterr().err


def test_of_several_processes_none_carries_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = ["illusion", "build", "--out", f"file://{tmp_path}/set", "--questions", "1"]
    assert levelhead(*words, monkeypatch=monkeypatch) == 2
    assert "a disk that all processes see" in capsys.readouterr().err

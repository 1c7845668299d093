from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import ModelError, RunFolderError, UsageError
from levelhead.guard import REFUSAL, Pair, Protector, TemplateDetoxifier, rewrite_file
from tests.guard.detoxifier.scripted import HARMFUL, HARMLESS, ODD, ScriptedDetector, ScriptedDetoxifier
from tests.guard.toys import write_pairs

PAIRS = [
    Pair("good", "Bread. \u00e9 \U0001f642\n"),
    Pair("bad", HARMFUL),
    Pair("worse", HARMFUL + " again"),
    Pair("odd", ODD),
]


def script(pair: Pair, attempt: int) -> str:
    return HARMLESS if pair.id == "bad" else f"still: {pair.answer}"


def protector(**settings: Any) -> Protector:
    return Protector(ScriptedDetector(), ScriptedDetoxifier(script), **settings)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def many(count: int) -> list[Pair]:
    return [Pair(str(n), f"{n} {HARMFUL if n % 3 == 0 else HARMLESS}") for n in range(count)]


def test_each_pair_has_a_line_with_what_goes_out_and_why(tmp_path: Path) -> None:
    out = tmp_path / "OUT.jsonl"
    report = rewrite_file(protector(), write_pairs(tmp_path / "PAIRS.jsonl", PAIRS), out)
    rows = rows_of(out)
    assert [row["id"] for row in rows] == ["good", "bad", "worse", "odd"]
    assert [row["answer"] for row in rows] == [PAIRS[0].answer, HARMLESS, REFUSAL, REFUSAL]
    assert [row["action"] for row in rows] == ["passed", "rewritten", "refused", "refused"]
    assert [row["p_harm"] for row in rows] == [0.1, 0.9, 0.9, None]
    assert [row["p_harm_after"] for row in rows] == [None, 0.1, 0.9, None]
    assert [row["attempts"] for row in rows] == [0, 1, 2, 0]
    assert [row["inspected"] for row in rows] == [True, True, True, False]
    assert [row["reason"] is None for row in rows] == [True, True, False, False]
    assert (report.passed, report.rewritten, report.refused, report.not_inspected) == (1, 1, 2, 1)
    assert (report.first_reason or "").startswith("odd: ")
    assert (report.first_refusal or "").startswith("worse: ")


def test_bad_lines_are_told_by_number_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", PAIRS[:1])
    with source.open("a") as file:
        file.write('broken\n{"id": "good", "answer": "twice"}\n{"id": "last", "answer": "Cake."}\n')
    report = rewrite_file(protector(), source, tmp_path / "OUT.jsonl")
    assert [line.number for line in report.first_bad_lines] == [2, 3]
    assert [row["id"] for row in rows_of(tmp_path / "OUT.jsonl")] == ["good", "last"]


def test_a_killed_run_goes_on_where_it_stopped_with_the_same_lines(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", many(30))
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"

    def dies(pair: Pair, attempt: int) -> str:
        if int(pair.id) >= 12:
            raise ModelError("The detoxifier broke.")
        return script(pair, attempt)

    rewrite_file(protector(), source, whole, batch=4)
    with pytest.raises(ModelError):
        rewrite_file(Protector(ScriptedDetector(), ScriptedDetoxifier(dies)), source, parts, batch=4)
    assert len(rows_of(parts)) == 12
    with parts.open("ab") as file:
        file.write(b'{"id": "12", "ans')
    report = rewrite_file(protector(), source, parts, batch=4)
    assert (report.resumed, report.rows, report.refused) == (12, 30, 10)
    assert parts.read_bytes() == whole.read_bytes()


def test_lines_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    source, out = write_pairs(tmp_path / "PAIRS.jsonl", PAIRS), tmp_path / "OUT.jsonl"
    rewrite_file(protector(), source, out)
    with pytest.raises(RunFolderError, match="another detector, detoxifier or setting"):
        rewrite_file(protector(retries=2), source, out)


def test_scores_of_the_judge_command_are_not_taken_for_answers(tmp_path: Path) -> None:
    from levelhead.guard import judge_file

    source, out = write_pairs(tmp_path / "PAIRS.jsonl", PAIRS), tmp_path / "OUT.jsonl"
    judge_file(ScriptedDetector(), source, out)
    with pytest.raises(RunFolderError, match="Line 1"):
        rewrite_file(protector(), source, out)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", PAIRS)
    with pytest.raises(UsageError, match="with the pairs"):
        rewrite_file(protector(), source, source)


def test_thousands_of_rows_stream_through_in_constant_memory(tmp_path: Path) -> None:
    class Deaf(ScriptedDetector):
        def judge(self, pairs):  # type: ignore[no-untyped-def]
            self.asked.clear()
            return super().judge(pairs)

    def peak(count: int) -> int:
        source = tmp_path / f"{count}.jsonl"
        with source.open("w") as file:
            for n in range(count):
                words = ("steal " if n % 2 else "share ") + "word " * 400
                file.write(json.dumps({"id": str(n), "answer": words}) + "\n")
        guard = Protector(Deaf(), TemplateDetoxifier())
        tracemalloc.start()
        report = rewrite_file(guard, source, tmp_path / f"{count}.out.jsonl", batch=32)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (report.rows, report.refused) == (count, count // 2)
        return most

    few, many_rows = peak(500), peak(4_500)
    # 8 MB of text more.
    assert many_rows - few < 1_000_000

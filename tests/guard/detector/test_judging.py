from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import ModelError, RunFolderError, UsageError
from levelhead.guard import Detector, Judgement, Pair, calibrate_on_file, judge_file
from levelhead.guard.detector._calibration import Calibration
from levelhead.metrics import auroc
from tests.guard.toys import toy_pairs, write_pairs


class Counting(Detector):
    """Scores by the length of the answer, and counts what it was asked."""

    name = "counting"

    def __init__(self, *, fingerprint: str = "x", dies_after: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.asked: list[str] = []
        self.largest = 0
        self._dies_after = dies_after

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        if self._dies_after is not None and len(self.asked) >= self._dies_after:
            raise ModelError("The detector broke.")
        self.asked += [pair.id for pair in pairs]
        self.largest = max(self.largest, len(pairs))
        return [
            Judgement.failed("odd")
            if "odd" in pair.answer
            else Judgement.of(min(1.0, len(pair.answer) / 100))
            for pair in pairs
        ]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return path


def test_each_pair_has_a_line_in_order_and_bad_ones_are_told(tmp_path: Path) -> None:
    source = write_lines(
        tmp_path / "PAIRS.jsonl",
        {"id": "a", "answer": "x" * 80},
        "",
        "broken",
        {"id": "b", "answer": "x" * 10},
        {"id": "a", "answer": "again"},
        {"id": "c", "answer": "odd"},
    )
    report = judge_file(Counting(), source, tmp_path / "SCORES.jsonl", batch=2)
    rows = rows_of(tmp_path / "SCORES.jsonl")
    assert [(row["id"], row["p_harm"], row["flagged"], row["inspected"]) for row in rows] == [
        ("a", 0.8, True, True),
        ("b", 0.1, False, True),
        ("c", None, None, False),
    ]
    assert rows[2]["reason"] == "odd"
    assert (report.rows, report.flagged, report.not_inspected, report.bad_lines) == (3, 1, 1, 2)
    assert [line.number for line in report.first_bad_lines] == [3, 5]
    assert report.first_reason == "c: odd"


def test_a_killed_run_goes_on_where_it_stopped_with_the_same_scores(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", toy_pairs(30))
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    judge_file(Counting(), source, whole, batch=4)
    with pytest.raises(ModelError):
        judge_file(Counting(dies_after=12), source, parts, batch=4)
    assert len(rows_of(parts)) == 12
    with parts.open("ab") as file:  # a line that was torn by the kill
        file.write(b'{"id": "12", "p_h')
    second = Counting()
    report = judge_file(second, source, parts, batch=4)
    assert second.asked == [str(number) for number in range(12, 30)]
    assert report.resumed == 12
    assert report.rows == 30
    assert parts.read_bytes() == whole.read_bytes()


def test_only_lines_that_were_mended_are_judged_again(tmp_path: Path) -> None:
    source, out = tmp_path / "PAIRS.jsonl", tmp_path / "SCORES.jsonl"
    write_lines(source, {"id": "a", "answer": "1"}, "broken", {"id": "c", "answer": "3"})
    judge_file(Counting(), source, out)
    write_lines(source, {"id": "a", "answer": "1"}, {"id": "b", "answer": "2"}, {"id": "c", "answer": "3"})
    again = Counting()
    assert judge_file(again, source, out).bad_lines == 0
    assert again.asked == ["b"]
    assert [row["id"] for row in rows_of(out)] == ["a", "c", "b"]


def test_a_text_that_changed_under_its_id_is_refused(tmp_path: Path) -> None:
    source, out = tmp_path / "PAIRS.jsonl", tmp_path / "SCORES.jsonl"
    judge_file(Counting(), write_lines(source, {"id": "a", "answer": "1"}), out)
    with pytest.raises(RunFolderError, match="another one now"):
        judge_file(Counting(), write_lines(source, {"id": "a", "answer": "2"}), out)


def test_scores_of_another_detector_or_threshold_are_not_mixed(tmp_path: Path) -> None:
    source, out = write_pairs(tmp_path / "PAIRS.jsonl", toy_pairs(4)), tmp_path / "SCORES.jsonl"
    judge_file(Counting(), source, out)
    before = out.read_bytes()
    other = Counting()
    other.threshold = 0.7
    for detector in (Counting(fingerprint="y"), other):
        with pytest.raises(RunFolderError, match="another detector"):
            judge_file(detector, source, out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("line", ["{}", "broken", "[1]"])
def test_a_damaged_line_in_the_middle_is_told_by_its_number(line: str, tmp_path: Path) -> None:
    source, out = write_pairs(tmp_path / "PAIRS.jsonl", toy_pairs(4)), tmp_path / "SCORES.jsonl"
    judge_file(Counting(), source, out)
    lines = out.read_text().splitlines()
    write_lines(out, lines[0], line, *lines[2:])
    with pytest.raises(RunFolderError, match="Line 2"):
        judge_file(Counting(), source, out)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "PAIRS.jsonl", toy_pairs(4))
    with pytest.raises(UsageError, match="with the pairs"):
        judge_file(Counting(), source, source)


def test_thousands_of_rows_stream_through_in_constant_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        source = tmp_path / f"{count}.jsonl"
        with source.open("w") as file:
            for number in range(count):
                file.write(json.dumps({"id": str(number), "answer": f"{number} " + "word " * 400}) + "\n")
        detector = _Deaf()
        tracemalloc.start()
        report = judge_file(detector, source, tmp_path / f"{count}.scores.jsonl", batch=32)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert report.rows == count
        assert detector.largest == 32
        return most

    few, many = peak(500), peak(4_500)
    # 8 MB of text more; what is kept of a row are eight bytes in a set.
    assert many - few < 1_000_000


class _Deaf(Counting):
    """Keeps nothing of what it is asked."""

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        self.largest = max(self.largest, len(pairs))
        return [Judgement.of(0.5) for _ in pairs]


class Knowing(Detector):
    """Finds most thieves."""

    name, fingerprint = "knowing", "k"

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [
            Judgement.of(0.7 if "steal" in one.answer else 0.4 if "sneak" in one.answer else 0.2)
            for one in pairs
        ]


def test_calibrating_writes_threshold_curve_picture_and_numbers(tmp_path: Path) -> None:
    pairs = toy_pairs(600)
    source = write_pairs(tmp_path / "PAIRS.jsonl", pairs)
    out = tmp_path / "out"
    made = calibrate_on_file(Knowing(), source, out, budget=0.02)
    assert Calibration.read(out) == made
    assert made.evidence.benign == made.evidence.harmful == 300
    assert made.evidence.harmful_flagged == 300
    assert (out / "curve.csv").read_text().startswith("threshold,")
    assert "<svg" in (out / "curve.svg").read_text()
    numbers = json.loads((out / "summary.json").read_text())["guard"]
    scores = [one.p_harm or 0 for one in Knowing().judge(pairs)]
    assert numbers["auroc"]["value"] == auroc(scores, [bool(pair.label) for pair in pairs]).value
    assert numbers["false_positive_rate"] == {**numbers["false_positive_rate"], "value": 0.0, "n": 300}
    assert numbers["recall"]["low"] < 1


@pytest.mark.parametrize(
    ("line", "said"), [("broken", "line 2"), ({"id": "z", "answer": "nuts"}, "have no label")]
)
def test_calibrating_wants_a_label_on_every_line(line: object, said: str, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "PAIRS.jsonl", {"id": "a", "answer": "1", "label": True}, line)
    with pytest.raises(UsageError, match=said):
        calibrate_on_file(Knowing(), source, tmp_path / "out")
    assert not (tmp_path / "out").exists()

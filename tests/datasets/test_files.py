"""What all readers of files have in common, tried on one reader of each kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import read_falseqa, read_hotpotqa, read_nq_open
from levelhead.errors import UsageError
from tests.datasets.files import write_csv, write_json


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "nq.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"question": "who", "answer": ["me"]}\r\n\r\n{"question": "when", "answer": ["now"]}'
    )
    assert [one.question for one in read_nq_open(path)] == ["who", "when"]


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "nq.jsonl"
    path.write_text('{"question": "who\u2028dares", "answer": ["she"]}\n', encoding="utf-8")
    assert [one.question for one in read_nq_open(path)] == ["who\u2028dares"]


def test_a_file_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "nq.jsonl"
    path.write_bytes(b'{"question": "\xff"}')
    with pytest.raises(UsageError, match=r"not UTF-8 text \(byte 14\)"):
        read_nq_open(path)


def test_a_json_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a list of rows is needed"):
        read_hotpotqa(write_json(tmp_path / "hotpot.json", {"question": "who"}))
    (tmp_path / "torn.json").write_text('[{"question": ')
    with pytest.raises(UsageError, match="not JSON"):
        read_hotpotqa(tmp_path / "torn.json")
    with pytest.raises(UsageError, match="holds no row"):
        read_hotpotqa(write_json(tmp_path / "empty.json", []))


def test_csv_rows_of_wrong_length_are_named(tmp_path: Path) -> None:
    rows = [["Who?", "Nobody", "1"], ["Who?", "Nobody", "1", "more"], ["Who?", "Nobody"]]
    with pytest.raises(UsageError) as caught:
        read_falseqa(write_csv(tmp_path / "train.csv", ["question", "answer", "label"], rows))
    assert "row 2: it has more fields than columns" in str(caught.value)
    assert "row 3: label" in str(caught.value)


def test_a_csv_that_breaks_off_in_a_quotation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('question,answer,label\nWho?,Nobody,1\n"Who?,Nobody,1\n')
    with pytest.raises(UsageError, match="row 2: not CSV"):
        read_falseqa(path)

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard import BadLine, Pair, read_pairs, write_pairs
from levelhead.records import Image


def test_lines_that_are_no_pairs_are_told_by_number_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "PAIRS.jsonl"
    path.write_bytes(
        b'{"id": 1, "answer": "a", "label": 1, "source": "x"}\n'
        b"\n"
        b"no json\n"
        b'{"id": "2"}\n'
        b'{"id": "3", "answer": "\xff"}\n'
        b'{"id": "4", "answer": "b", "label": "yes"}\n'
        b'{"id": "5", "answer": "c", "extra": NaN}\n'
        b'{"id": "6", "answer": "c", "extra": [1]}\n'
        b"[1]\n"
        b'{"id": "7", "answer": "", "question": null, "image": ["x.png", "y.png"]}'
    )
    found = list(read_pairs(path))
    assert [one.number for one in found if isinstance(one, BadLine)] == [3, 4, 5, 6, 7, 8, 9]
    first, last = found[0], found[-1]
    assert isinstance(first, Pair)
    assert isinstance(last, Pair)
    assert (first.id, first.label, dict(first.metadata)) == ("1", True, {"source": "x"})
    assert [image.path for image in last.images] == [tmp_path / "x.png", tmp_path / "y.png"]
    assert last.label is None


def test_what_is_wrong_with_a_line_quotes_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "PAIRS.jsonl"
    path.write_text('{"id": "1", "answer": 7, "secret": "horrid"}\n{"id": ["horrid"], "answer": "horrid"}\n')
    said = [str(one) for one in read_pairs(path)]
    assert len(said) == 2
    assert not any("horrid" in one for one in said)


def test_a_line_of_many_megabytes_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.guard._pair.MAX_LINE_BYTES", 64)
    path = tmp_path / "PAIRS.jsonl"
    path.write_text(f'{{"id": "1", "answer": "{"a" * 500}"}}\n{{"id": "2", "answer": "b"}}\n')
    long, short = read_pairs(path)
    assert isinstance(long, BadLine)
    assert long.number == 1
    assert isinstance(short, Pair)
    assert short.id == "2"


def test_reading_holds_one_line_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "PAIRS.jsonl"
    with path.open("w") as file:
        for number in range(3000):
            file.write(f'{{"id": "{number}", "answer": "{"word " * 400}"}}\n')  # 6 MB in all
    list(read_pairs(path))[:1]
    tracemalloc.start()
    assert sum(1 for _ in read_pairs(path)) == 3000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.jsonl"):
        list(read_pairs(tmp_path / "nowhere.jsonl"))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    pairs = [
        Pair("1", "Plums, \ud800 and «nuts»\n", "Which?", label=True, metadata={"goal": "g", "target": 0.5}),
        Pair("2", ""),
        Pair("3", "a", images=(Image(path=tmp_path / "x.png"),), label=False),
    ]
    write_pairs(tmp_path / "PAIRS.jsonl", pairs)
    assert list(read_pairs(tmp_path / "PAIRS.jsonl")) == pairs


def test_pictures_without_a_file_and_folders_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no file"):
        write_pairs(tmp_path / "PAIRS.jsonl", [Pair("1", "a", images=(Image(data=b"x"),))])
    with pytest.raises(UsageError, match="no folder"):
        write_pairs(tmp_path / "nowhere" / "PAIRS.jsonl", [])

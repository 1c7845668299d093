from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.errors import RunFolderError
from levelhead.records import Reply, Score
from levelhead.running._lines import Answer, decode_line, encode_batch
from levelhead.running._replies import ReplyFile

texts = st.text(st.characters(), max_size=20)  # surrogate halves and control characters among them
finite = st.floats(allow_nan=False, allow_infinity=False)
log_probs = st.lists(finite, max_size=4).map(tuple)
replies = st.one_of(
    st.builds(
        Reply,
        text=texts,
        finish_reason=st.sampled_from(["stop", "length", "content_filter"]),
        log_probs=st.none() | log_probs,
        seen=st.none() | texts,
    ),
    texts.map(Reply.failed),
)
answers = st.lists(replies, min_size=1, max_size=3) | st.builds(
    Score, log_probs=log_probs, error=st.none() | texts
)


def said(text: str) -> list[Reply]:
    return [Reply(text, "stop", (-0.5,))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replies.jsonl"


@given(answers)
def test_an_answer_comes_back_from_its_line_as_it_was(answer: Answer) -> None:
    [line] = encode_batch([("key", answer)]).splitlines(keepends=True)
    assert decode_line(line) == ("key", answer, 0)


@settings(max_examples=40)  # each one waits for the disk
@given(st.lists(st.lists(answers, min_size=1, max_size=3), max_size=4))
def test_what_was_appended_is_recalled_by_a_later_opening_unless_it_failed(
    batches: list[list[Answer]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "replies.jsonl")
        keyed = [[(f"{i}.{j}", answer) for j, answer in enumerate(batch)] for i, batch in enumerate(batches)]
        with ReplyFile(path) as file:
            for batch in keyed:
                file.append(batch)
            for key, answer in (pair for batch in keyed for pair in batch):
                assert file.recall(key) == answer, "within one opening a failed answer is an answer"
        with ReplyFile(path) as file:
            for key, answer in (pair for batch in keyed for pair in batch):
                parts = [answer] if isinstance(answer, Score) else answer
                failed = any(part.error is not None for part in parts)
                assert file.recall(key) == (None if failed else answer)


def test_a_last_batch_cut_anywhere_is_dropped_whole_and_can_be_appended_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)  # a thousand openings wait for the disk otherwise
    first = [("a", said("one")), ("b", said("two\n{}"))]
    last = [("c", said("three")), ("d", said("fünf")), ("e", said("six"))]
    with ReplyFile(path) as file:
        file.append(first)
        length = path.stat().st_size
        file.append(last)
    whole = path.read_bytes()
    for cut in range(length, len(whole)):
        path.write_bytes(whole[:cut])
        with ReplyFile(path) as file:
            assert len(file) == len(first), f"cut at {cut}"
            assert path.read_bytes() == whole[:length], f"cut at {cut}"
            assert file.recall("c") is None, f"cut at {cut}"
            assert file.recall("b") == said("two\n{}"), f"cut at {cut}"
            file.append(last)
            assert file.recall("e") == said("six"), f"cut at {cut}"
        assert path.read_bytes() == whole, f"cut at {cut}"


@pytest.mark.parametrize(
    "damage",
    [b'{"key": "b", "repl\n', b"\n", b"\x00\x00\xff\n", b"3\n", b'{"key": "b", "to_follow": 0}\n', b"[]\n"],
)
def test_a_damaged_line_is_named_by_its_number_and_the_file_is_left_alone(path: Path, damage: bytes) -> None:
    with ReplyFile(path) as file:
        file.append([("a", said("one"))])
        file.append([("b", said("two"))])
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + second)
    with pytest.raises(RunFolderError, match=r"Line 2 of .*replies\.jsonl is damaged .* Delete that line"):
        ReplyFile(path)
    assert path.read_bytes() == first + damage + second


def test_a_failed_answer_that_succeeds_later_is_recalled_as_it_is_now(path: Path) -> None:
    with ReplyFile(path) as file:
        file.append([("a", [Reply.failed("server hiccup")])])
    with ReplyFile(path) as file:
        assert file.recall("a") is None
        file.append([("a", said("one"))])
    with ReplyFile(path) as file:
        assert file.recall("a") == said("one")


@pytest.mark.parametrize("written", [0, 1, 40])
def test_a_failed_write_leaves_the_file_as_it_was_and_usable(
    path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    with ReplyFile(path) as file:
        file.append([("a", said("one"))])
        before = path.read_bytes()
        real_write = os.write

        def full_disk(target: int, block: memoryview) -> int:
            if path.stat().st_size > len(before) or not written:
                raise OSError(28, "No space left on device")
            return real_write(target, block[:written])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full_disk)
            with pytest.raises(RunFolderError, match="Free some space"):
                file.append([("b", said("two"))])
        assert path.read_bytes() == before
        assert file.recall("b") is None
        file.append([("b", said("two"))])
        assert file.recall("b") == said("two")
    with ReplyFile(path) as file:
        assert [file.recall(key) for key in "ab"] == [said("one"), said("two")]


def test_a_batch_is_one_write_of_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []
    real_write = os.write

    def note(target: int, block: memoryview) -> int:
        writes.append(bytes(block))
        return real_write(target, block)

    with ReplyFile(path) as file:
        monkeypatch.setattr(os, "write", note)
        file.append([(str(number), said("x" * 10_000)) for number in range(50)])
    assert [write.count(b"\n") for write in writes] == [50]
    assert writes[0].endswith(b"\n")
    assert len(file) == 50


def test_the_disk_is_forced_at_the_first_batch_then_at_most_once_a_second_and_at_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    forced = []
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(os, "fsync", lambda file: forced.append(now))
    with ReplyFile(path) as file:
        for now in (1000.0, 1000.3, 1000.9, 1001.0, 1001.5):  # the clock reads it
            file.append([(str(now), said("one"))])
        assert forced == [1000.0, 1001.0]
    assert forced == [1000.0, 1001.0, 1001.5]

"""Event streams, cut anywhere. Case 37, and the bound of a single event."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard.gateway._sse import BrokenEventsError, EventReader, event

STREAM = (
    "\ufeff: a comment\r\n\r\ndata: one\r\n\r\n"
    "event: ping\ndata:two\ndata:  lines\nid: 7\n\n"
    "data: drei Tüten 🍪\r\rretry: 10\n\ndata\n\n\n\ndata: [DONE]\n\n"
).encode()
EVENTS = ["one", "two\n lines", "drei Tüten 🍪", "", "[DONE]"]


def read(pieces: list[bytes], *, limit: int = 10_000) -> list[str]:
    reader = EventReader(max_event_bytes=limit)
    found = [data for piece in pieces for data in reader.feed(piece)]
    last = reader.finish()
    return found if last is None else [*found, last]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_events_do_not_depend_on_how_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(pieces) == EVENTS


def test_the_events_are_the_same_byte_by_byte() -> None:
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


@given(st.text())
def test_what_is_written_is_read_again(data: str) -> None:
    expected = data.replace("\r\n", "\n").replace("\r", "\n")
    encoded = expected.encode("utf-8", "ignore").decode()
    assert read([event(encoded)]) == [encoded]


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_read_or_refused(raw: bytes, size: int) -> None:
    try:
        read([raw[at : at + size] for at in range(0, len(raw), size)])
    except BrokenEventsError:
        return


def test_an_event_that_was_not_ended_is_told_apart() -> None:
    reader = EventReader(max_event_bytes=100)
    assert list(reader.feed(b'data: one\n\ndata: {"cut')) == ["one"]
    assert reader.finish() == '{"cut'


@pytest.mark.parametrize(
    "filler", [b"data: " + b"x" * 20_000_000, b"data: x\n" * 2_000_000, b"y" * 20_000_000]
)
def test_an_event_over_the_limit_is_refused_while_it_is_read(filler: bytes) -> None:
    reader = EventReader(max_event_bytes=1_000_000)
    pieces = iter([filler[at : at + 65_536] for at in range(0, len(filler), 65_536)])
    with pytest.raises(BrokenEventsError):
        list(chain.from_iterable(reader.feed(piece) for piece in pieces))
    assert len(list(pieces)) * 65_536 > len(filler) - 1_300_000


def test_half_a_character_at_the_end_of_an_event_is_refused() -> None:
    with pytest.raises(BrokenEventsError):
        read([b"data: \xc3\n\n"])

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import Pair, TextFormat, formatted
from levelhead.guard.detector._windows import TokenWindows, spans, windows
from tests.guard.toys import build_encoder_tokenizer
from tests.models.checkpoints import build_tokenizer


@given(st.integers(0, 500), st.integers(1, 60))
def test_spans_cover_everything_in_order_and_overlap(length: int, room: int) -> None:
    found = list(spans(length, room))
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(0 <= end - start <= room for start, end in found)
    for (_, end), (start, _) in pairwise(found):
        assert start < end or room == 1
        assert start <= end


@given(st.integers(0, 80), st.integers(0, 300), st.integers(4, 64), st.floats(0.05, 0.9))
def test_every_token_of_the_body_stands_in_a_window_that_fits(
    head: int, body: int, room: int, share: float
) -> None:
    found = windows(list(range(-head, 0)), list(range(body)), room=room, head_share=share)
    assert all(len(one) <= room for one in found)
    assert {token for one in found for token in one if token >= 0} == set(range(body))
    heads = {tuple(token for token in one if token < 0) for one in found}
    assert len(heads) == 1
    if head + body <= room:
        assert found == [[*range(-head, 0), *range(body)]]
    else:
        assert len(next(iter(heads))) <= max(int(room * share), room - body)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), st.text(max_size=120) | st.none())
def test_rows_hold_every_token_of_any_answer_and_the_special_tokens(
    answer: str, question: str | None
) -> None:
    text = formatted(Pair("1", answer, question), TextFormat())
    tokenizer = build_encoder_tokenizer()
    whole = tokenizer.encode(text.whole, add_special_tokens=True).ids
    rows = TokenWindows(tokenizer, window=32, head_share=0.25).rows(text)
    assert all(len(row) <= 32 and row[0] == 2 and row[-1] == 3 for row in rows)
    if len(whole) <= 32:
        assert rows == [whole]
    in_head = len(tokenizer.encode(text.head, add_special_tokens=False).ids)
    assert set(whole[1 + in_head : -1]) <= {token for row in rows for token in row}


def test_a_tokenizer_without_special_tokens_gets_none() -> None:
    backend = build_tokenizer().backend_tokenizer
    rows = TokenWindows(backend, window=16, head_share=0.25).rows(formatted(Pair("1", "abc"), TextFormat()))
    assert rows == [backend.encode("abc", add_special_tokens=False).ids]


def test_a_limit_that_the_tokenizer_came_with_cuts_nothing_off() -> None:
    tokenizer = build_encoder_tokenizer()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)
    rows = TokenWindows(tokenizer, window=16, head_share=0.25).rows(
        formatted(Pair("1", "steal the cookies at night"), TextFormat())
    )
    assert len(rows[0]) == 2 + 5

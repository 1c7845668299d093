"""Case 22 and the limits of a whole request: many pictures, the same picture, and what is remembered."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from levelhead.guard.gateway._cache import BoundedCache
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._refusal import MediaRefused
from tests.guard.gateway.bounds import MIB, bounded
from tests.guard.gateway.gates import with_gate
from tests.guard.gateway.pictures import as_url, encoded, plain

DATA_ONLY = MediaPolicy(schemes=("data",))


def counting(gate: MediaGate, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the gate's decoder is asked to decode from now on."""
    decoded: list[bytes] = []
    honest = gate._decoder.decode

    async def watched(data: bytes) -> Picture:
        decoded.append(data)
        return await honest(data)

    monkeypatch.setattr(gate._decoder, "decode", watched)
    return decoded


def noise(seed: int) -> bytes:
    return encoded(Image.effect_noise((200, 200), 50 + seed).convert("RGB"))


@pytest.mark.parametrize("at_once", [1, 50])
def test_the_same_picture_a_thousand_times_is_decoded_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = as_url(noise(0))

    async def work(gate: MediaGate) -> None:
        decoded = counting(gate, monkeypatch)
        for _ in range(1000 // at_once):
            pictures = await asyncio.gather(*(gate.admit(url) for _ in range(at_once)))
            assert len({id(picture) for picture in pictures}) == 1
        assert len(decoded) == 1

    with bounded(seconds=5, mebibytes=20):
        with_gate(work)


def test_the_same_refused_picture_a_thousand_times_is_decoded_once_and_leaves_no_memory_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = as_url(noise(0)[:-30_000])

    async def work(gate: MediaGate) -> None:
        decoded = counting(gate, monkeypatch)
        for _ in range(1000):
            with pytest.raises(MediaRefused):
                await gate.admit(url)
        assert len(decoded) == 1

    with bounded(seconds=5, mebibytes=10):
        with_gate(work)


def test_a_hundred_different_pictures_take_no_more_memory_than_the_cache_may() -> None:
    policy = DATA_ONLY.model_copy(update={"cache_bytes": MIB})

    async def work(gate: MediaGate) -> None:
        for index in range(100):  # 10 MB in all
            await gate.admit(as_url(noise(index)))
        assert gate._known.bytes_held <= MIB

    with bounded(seconds=10, mebibytes=8):
        with_gate(work, policy)


def test_without_a_cache_nothing_is_remembered() -> None:
    async def work(gate: MediaGate) -> None:
        await gate.admit(as_url(encoded(plain())))
        assert len(gate._known) == 0

    with_gate(work, DATA_ONLY.model_copy(update={"cache_bytes": 0}))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4000)), max_size=40))
def test_a_cache_never_holds_more_than_it_may_and_gives_back_what_was_put(
    entries: list[tuple[str, int]],
) -> None:
    cache: BoundedCache[bytes] = BoundedCache(10_000, len)
    first: dict[str, int] = {}
    for key, size in entries:
        known = cache.get(key)
        if known is None:
            first[key] = size
        cache.put(key, bytes(size))
        assert cache.bytes_held <= 10_000
        held = cache.get(key)
        assert held is not None
        assert len(held) == first[key]


def test_a_cache_drops_what_was_not_used_for_longest() -> None:
    cache: BoundedCache[bytes] = BoundedCache(2 * 1024 + 20, len)
    cache.put("a", b"1")
    cache.put("b", b"2")
    assert cache.get("a") == b"1"
    cache.put("c", b"3")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1", None, b"3")


def test_all_pictures_of_a_request_come_back_in_its_order() -> None:
    urls = [as_url(encoded(plain(width, 10))) for width in (30, 10, 20)]
    pictures = with_gate(lambda gate: gate.admit_all(urls))
    assert [picture.width for picture in pictures] == [30, 10, 20]


def test_a_request_without_pictures_has_none() -> None:
    assert with_gate(lambda gate: gate.admit_all([])) == []


def test_a_thousand_pictures_are_refused_with_413_unread() -> None:
    with bounded(seconds=1, mebibytes=5), pytest.raises(MediaRefused) as caught:
        with_gate(lambda gate: gate.admit_all(["data:image/png;base64,QUJD"] * 1000))
    assert (caught.value.status, caught.value.code) == (413, "too_many_images")


def test_one_bad_picture_refuses_the_request_with_its_own_reason() -> None:
    urls = [as_url(encoded(plain())), as_url(b"<svg/>"), as_url(encoded(plain()))]
    with pytest.raises(MediaRefused) as caught:
        with_gate(lambda gate: gate.admit_all(urls))
    assert caught.value.code == "unsupported_image_media_type"


def test_pictures_that_are_too_large_together_are_refused_with_413() -> None:
    policy = DATA_ONLY.model_copy(update={"max_request_bytes": 150_000})
    urls = [as_url(noise(seed)) for seed in range(2)]
    with pytest.raises(MediaRefused) as caught:
        with_gate(lambda gate: gate.admit_all(urls), policy)
    assert (caught.value.status, caught.value.code) == (413, "image_file_too_large")

"""Cases 14 to 18: what the bytes of a picture may be, and what their decoding may cost."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from levelhead.errors import LevelheadError
from levelhead.guard.gateway import _worker
from levelhead.guard.gateway._container import DamagedPictureError, TooManyPartsError, read_container, sniffed
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._refusal import MediaRefused
from tests.guard.gateway.bounds import MIB, bounded, decoders, memory
from tests.guard.gateway.gates import admitted, refused, with_gate
from tests.guard.gateway.pictures import (
    as_url,
    chunk,
    encoded,
    frames,
    gradient,
    one_bit_png,
    plain,
    with_chunk,
)

KINDS = ("PNG", "JPEG", "GIF", "WEBP")
OPEN = MediaPolicy(schemes=("data",), max_pixels=10**9, max_side=10**6, max_frames=10**6)
SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "http://pictures.example/x">]>
<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_picture_is_let_in_with_the_bytes_it_came_with(kind: str) -> None:
    data = encoded(plain(40, 30), kind)
    picture = admitted(data)
    assert (picture.data, picture.media_type) == (data, f"image/{kind.lower()}")
    assert (picture.width, picture.height, picture.frames) == (40, 30, 1)
    assert picture.as_data_url() == as_url(data, f"image/{kind.lower()}")


@pytest.mark.parametrize("size", [(20_000, 20_000), (65_000, 1), (1, 65_000), (30_000, 900)])
def test_a_small_file_that_says_it_is_a_huge_png_is_refused_with_413_undecoded(size: tuple[int, int]) -> None:
    data = one_bit_png(*size)
    with bounded(seconds=2, mebibytes=10):
        refusal = refused(data)
        assert (refusal.status, refusal.code) == (413, "image_too_large")


def huge_webp(width: int, height: int) -> bytes:
    body = b"VP8L" + struct.pack("<IBI", 6, 0x2F, (width - 1) | (height - 1) << 14) + b"\0"
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def huge_gif(width: int, height: int) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


@pytest.mark.parametrize(
    "data",
    [
        huge_webp(16_383, 16_383),
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";",
        encoded(plain(8, 8), "JPEG").replace(b"\x08\x00\x08\x00\x08", b"\x08\xff\xdc\xff\xdc", 1),
        huge_gif(60_000, 60_000),  # the canvas is small, and the frame is not
    ],
    ids=["webp", "gif canvas", "jpeg", "gif frame"],
)
def test_a_huge_picture_of_another_format_is_refused_with_413_undecoded(data: bytes) -> None:
    with bounded(seconds=2, mebibytes=10):
        refusal = refused(data)
        assert (refusal.status, refusal.code) == (413, "image_too_large")


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "BMP", "ICO", "PPM"])
def test_a_format_that_the_policy_does_not_name_is_refused_with_422_unopened(kind: str) -> None:
    refusal = refused(encoded(plain(), kind))
    assert (refusal.status, refusal.code) == (422, "unsupported_image_media_type")


def test_a_format_that_the_policy_leaves_out_is_refused_with_422() -> None:
    refusal = refused(encoded(plain(), "GIF"), MediaPolicy(schemes=("data",), formats=("png",)))
    assert (refusal.status, refusal.code) == (422, "unsupported_image_media_type")


def test_a_picture_that_needs_more_memory_than_a_decoder_has_is_refused_with_413_and_the_next_is_let_in() -> (
    None
):
    policy = OPEN.model_copy(update={"decode_memory_bytes": 128 * MIB})
    bomb = zlib.compress(bytes(8_000 * 3 + 1) * 8_000, 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8_000, 8_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")  # 256 MB as pixels

    async def work(gate: MediaGate) -> None:
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(as_url(data))
        assert (caught.value.status, caught.value.code) == (413, "image_too_large")
        assert (await gate.admit(as_url(encoded(plain())))).width == 40
        assert max(memory(process, "VmHWM") for process in decoders()) < 128 * MIB

    with bounded(seconds=5, mebibytes=10):
        with_gate(work, policy)


def test_compressed_text_inside_a_png_does_not_blow_up() -> None:
    data = with_chunk(encoded(plain()), b"zTXt", b"k\0\0" + zlib.compress(bytes(200 * MIB), 9))

    async def work(gate: MediaGate) -> None:
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(as_url(data))
        assert caught.value.status == 422
        assert all(memory(process, "VmHWM") < 60 * MIB for process in decoders())

    with bounded(seconds=3, mebibytes=10):
        with_gate(work)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_every_frame_of_an_animation_is_decoded_and_counted(kind: str) -> None:
    assert admitted(frames(5, kind)).frames == 5


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_an_animation_of_ten_thousand_frames_is_refused_with_413_after_the_frames_allowed(kind: str) -> None:
    data = frames(10_000, kind, width=16, height=16)
    with bounded(seconds=2, mebibytes=15):
        refusal = refused(data)
        assert (refusal.status, refusal.code) == (413, "image_too_large")


def test_the_pixels_of_all_frames_count_together() -> None:
    policy = MediaPolicy(schemes=("data",), max_pixels=1000)
    assert admitted(frames(15, "GIF"), policy).frames == 15  # 960 pixels
    assert refused(frames(16, "GIF"), policy).status == 413


def test_an_animated_png_with_a_damaged_last_frame_is_refused_with_422() -> None:
    data = bytearray(frames(5, "PNG"))
    last = data.rindex(b"fdAT")
    data[last + 10] ^= 0xFF
    refusal = refused(bytes(data))
    assert (refusal.status, refusal.code) == (422, "image_parse_error")


def test_an_animated_gif_with_a_damaged_last_frame_is_refused_with_422() -> None:
    data = frames(5, "GIF")
    descriptor = data.rindex(b",\x00")
    table = 3 << ((data[descriptor + 9] & 7) + 1) if data[descriptor + 9] & 0x80 else 0
    damaged = data[: descriptor + 10 + table] + b"\x08\x01\xff\x00;"  # a code that stands for nothing yet
    refusal = refused(damaged)
    assert (refusal.status, refusal.code) == (422, "image_parse_error")


def test_an_animated_png_that_tells_more_frames_than_it_holds_is_refused_with_422() -> None:
    data = frames(5, "PNG")
    place = data.index(b"acTL")
    told = chunk(b"acTL", struct.pack(">II", 9, 0))
    refusal = refused(data[: place - 4] + told + data[place + 16 :])
    assert (refusal.status, refusal.code) == (422, "image_parse_error")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_a_truncated_picture_is_refused_with_422(kind: str, share: float) -> None:
    data = encoded(gradient(), kind)
    refusal = refused(data[: int(len(data) * share)])
    assert refusal.status == 422
    assert refusal.code in {"image_parse_error", "unsupported_image_media_type"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "trailer",
    [b"garbage", b"<html><script>1</script></html>", b"PK\x03\x04" + bytes(200), encoded(plain(9, 9))],
)
def test_what_stands_behind_the_end_of_a_picture_is_cut_off(kind: str, trailer: bytes) -> None:
    data = encoded(gradient(), kind)
    assert admitted(data + trailer).data == data


def test_the_end_of_a_photograph_is_not_that_of_the_preview_inside_it() -> None:
    preview = encoded(plain(8, 8), "JPEG")
    photograph = encoded(gradient(), "JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", len(preview) + 2) + preview
    data = photograph[:2] + segment + photograph[2:]
    assert (admitted(data).data, admitted(data).width) == (data, 200)


@pytest.mark.parametrize(
    "data",
    [SVG, b"<html>\x89PNG\r\n\x1a\n</html>", b"%PDF-1.7\n", b"\0", b"GIF8", b"RIFF\0\0\0\0WAVE", b" " + SVG],
    ids=["svg", "html", "pdf", "zero", "half a signature", "wave", "svg after a space"],
)
def test_bytes_that_are_no_picture_are_refused_with_422_whatever_the_sender_claims(data: bytes) -> None:
    refusal = refused(as_url(data, "image/jpeg"))
    assert (refusal.status, refusal.code) == (422, "unsupported_image_media_type")


def test_the_external_entity_of_an_svg_is_not_asked_for() -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    assert refused(as_url(SVG, "image/svg+xml"), MediaPolicy(), resolver=resolver).status == 422
    assert asked == []


def test_a_claimed_type_that_the_bytes_contradict_is_replaced_by_the_true_one() -> None:
    data = encoded(plain())
    picture = with_gate(lambda gate: gate.admit(as_url(data, "image/jpeg")))
    assert picture.as_data_url() == as_url(data, "image/png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_png_of_any_mode_is_let_in(mode: str) -> None:
    assert admitted(encoded(Image.new(mode, (7, 5)))).frames == 1


def test_a_large_blank_photograph_whose_coded_pixels_look_like_filling_is_let_in() -> None:
    data = encoded(Image.new("CMYK", (5000, 4000)), "JPEG", progressive=True)
    assert data.count(b"\xff\x00") > 50_000
    assert admitted(data).width == 5000


def test_a_cmyk_photograph_is_let_in() -> None:
    assert admitted(encoded(Image.new("CMYK", (7, 5), (10, 20, 30, 40)), "JPEG")).media_type == "image/jpeg"


@given(st.sampled_from(KINDS), st.data())
@settings(max_examples=200)
def test_the_end_of_a_damaged_file_is_found_or_refused(kind: str, draw: st.DataObject) -> None:
    data = bytearray(encoded(gradient(20, 10), kind))
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    damaged = bytes(data[: draw.draw(st.integers(0, len(data)))])
    found = sniffed(damaged)
    if found is not None:
        with suppress(DamagedPictureError):
            assert 0 < read_container(damaged, found).end <= len(damaged)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\x00" * 10 * MIB,
        b"\xff\xd8\xff\xe0" + b"\x00\x02\xff\xe0" * (5 * MIB // 2),
        b"\xff\xd8" + b"\xff" * 10 * MIB,
        b"GIF89a" + bytes(7) + b"!\xff" + b"\x01\x01" * 5 * MIB,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + bytes(17) + b"\0\0\0\0aaaa\0\0\0\0" * 800_000,
    ],
    ids=["jpeg without markers", "jpeg of segments", "jpeg of filling", "gif of blocks", "png of chunks"],
)
def test_a_file_of_ten_megabytes_of_parts_is_refused_within_a_quarter_of_a_second(data: bytes) -> None:
    kind = sniffed(data)
    assert kind is not None
    with bounded(seconds=0.25, mebibytes=2), pytest.raises((DamagedPictureError, TooManyPartsError)):
        read_container(data, kind)


def test_decoding_past_its_time_ends_with_504_and_the_next_picture_is_let_in() -> None:
    data = encoded(Image.effect_noise((4000, 4000), 90).convert("RGB"), "JPEG")
    slow = as_url(data)
    policy = MediaPolicy(schemes=("data",), decode_seconds=0.08)

    async def work(gate: MediaGate) -> None:
        await gate.start()
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(slow)
        assert (caught.value.status, caught.value.code) == (504, "image_parse_error")
        assert decoders() == []
        with pytest.raises(MediaRefused):  # a busy moment is not remembered as a property of the picture
            await gate.admit(slow)

    with bounded(seconds=5, mebibytes=60):
        with_gate(work, policy)
    assert admitted(data).width == 4000


def test_a_decoder_that_is_killed_from_outside_is_replaced() -> None:
    async def work(gate: MediaGate) -> None:
        await gate.admit(as_url(encoded(plain())))
        (before,) = decoders()
        os.kill(before, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert (await gate.admit(as_url(encoded(gradient())))).width == 200
        assert decoders() != [before]

    with_gate(work)


def test_a_cancelled_request_kills_its_decoder_and_the_next_picture_is_let_in() -> None:
    slow = encoded(Image.effect_noise((4000, 4000), 90).convert("RGB"), "JPEG")

    async def work(gate: MediaGate) -> None:
        await gate.admit(as_url(encoded(plain())))
        (before,) = decoders()
        task = asyncio.create_task(gate.admit(as_url(slow)))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert before not in decoders()
        assert (await gate.admit(as_url(encoded(gradient())))).width == 200

    with_gate(work)


def test_a_request_that_is_cancelled_does_not_cancel_another_for_the_same_picture() -> None:
    slow = as_url(encoded(Image.effect_noise((3000, 3000), 90).convert("RGB"), "JPEG"))

    async def work(gate: MediaGate) -> None:
        first, second = (asyncio.create_task(gate.admit(slow)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).width == 3000

    with_gate(work)


def test_the_event_loop_turns_while_a_picture_is_decoded() -> None:
    slow = as_url(encoded(Image.effect_noise((3000, 3000), 90).convert("RGB"), "JPEG"))

    async def work(gate: MediaGate) -> None:
        await gate.admit(as_url(encoded(plain())))
        task = asyncio.create_task(gate.admit(slow))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.005)
            turns += 1
        assert turns > 5
        await task

    with_gate(work)


def test_no_key_in_the_environment_reaches_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_API_KEY", "told-to-nobody")

    async def work(gate: MediaGate) -> None:
        await gate.start()
        for process in decoders():
            assert b"told-to-nobody" not in Path(f"/proc/{process}/environ").read_bytes()

    with_gate(work)


def test_a_gate_that_was_started_has_a_decoder_ready() -> None:
    async def work(gate: MediaGate) -> None:
        await gate.start()
        assert len(decoders()) == 1

    with_gate(work)


def test_a_gate_whose_decoders_cannot_work_says_so_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_worker, "__file__", "/nowhere/_worker.py")
    with pytest.raises(LevelheadError, match="did not start"):
        with_gate(lambda gate: gate.start())


def test_a_closed_gate_leaves_no_decoder_behind() -> None:
    admitted(encoded(plain()))
    assert decoders() == []

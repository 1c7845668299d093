"""Pictures are decoded within limits, and impossible records cannot be made."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as PILImage

from levelhead.errors import ImageError
from levelhead.records import Example, Image, Prompt, Reply, Score, Turn


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    PILImage.new("RGB", (width, height), "red").save(buffer, "PNG")
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG header of any size with no pixels behind it, as a decompression bomb has."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_an_image_is_made_of_a_path_or_of_bytes() -> None:
    for arguments in ({}, {"path": Path("a.png"), "data": b"x"}):
        with pytest.raises(ValueError, match="exactly one"):
            Image(**arguments)  # type: ignore[arg-type]


def test_the_identity_of_a_picture_is_its_bytes_and_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(4, 4))
    assert Image(path=tmp_path / "a.png").sha256() == Image(data=png(4, 4)).sha256()
    assert Image(data=png(4, 4)).sha256() != Image(data=png(4, 5)).sha256()


def test_a_missing_picture_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.png"):
        Image(path=tmp_path / "missing.png").decode()


@pytest.mark.parametrize("data", [b"", b"not a picture", png(8, 8)[:40], b"GIF89a" + b"\0" * 20])
def test_damaged_pictures_are_refused_as_such(data: bytes) -> None:
    with pytest.raises(ImageError, match="not one that can be decoded"):
        Image(data=data).decode()


def test_a_picture_of_20_000_by_20_000_is_refused_before_a_pixel_is_decoded() -> None:
    with pytest.raises(ImageError, match=r"too large to decode: .*400000000 pixels"):
        Image(data=png_that_claims(20_000, 20_000)).decode()
    with pytest.raises(ImageError, match="12 x 10"):
        Image(data=png(12, 10)).decode(max_pixels=119)
    assert Image(data=png(12, 10)).decode(max_pixels=120).size == (12, 10)


def test_a_prompt_is_hashable_as_plain_data_with_picture_hashes() -> None:
    image = Image(data=png(4, 4))
    prompt = Prompt.ask("What is this?", images=(image,), system="Be brief.")
    assert prompt.to_json() == {
        "turns": [["system", "Be brief."], ["user", "What is this?"]],
        "images": [image.sha256()],
        "raw": False,
    }
    assert Prompt.complete("Q:").raw


def test_impossible_records_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one turn"):
        Prompt(())
    with pytest.raises(ValueError, match="error"):
        Reply("text", "stop", error="failed")
    with pytest.raises(ValueError, match="error"):
        Reply("", "error")


def test_a_failed_score_is_not_a_number_and_an_empty_example_has_no_pictures() -> None:
    assert Score((-1.0, -2.5)).log_prob == -3.5
    assert str(Score((), "why").log_prob) == "nan"
    assert Example("1", "Why?", None).images == ()
    assert Turn("user", "Hi").role == "user"

"""Whether a picture shows what it should, told by words that are read and by a tiny random CLIP model."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as PILImage

from levelhead.errors import ImageError, UsageError
from levelhead.illusion import make_check, typographic
from levelhead.illusion.pictures._checks import Claim, _share_of_words
from levelhead.illusion.pictures._kind import encode
from levelhead.records import Image
from tests.illusion.pictures.tiny import build_clip

ANSWERS = ("lion", "tiger", "puma")


def claim(text: str, pictured: str, candidates: tuple[str, ...] = ANSWERS) -> Claim:
    return Claim(Image(data=encode(typographic(text, 11))), pictured, candidates)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_clip(tmp_path_factory.mktemp("clip"))


def test_words_that_stand_in_the_picture_count_and_a_blank_must_have_none() -> None:
    pytest.importorskip("rapidocr")
    check = make_check("ocr")
    damaged = Claim(Image(data=b"no picture"), "lion", ANSWERS)
    scores = check.score(
        [claim("lion", "lion"), claim("lion", "tiger"), claim("", ""), claim("lion", ""), damaged]
    )
    assert scores[:4] == [1.0, 0.0, 1.0, 0.0]
    assert isinstance(scores[4], ImageError)


def test_a_part_of_the_words_is_a_part_of_the_score() -> None:
    assert _share_of_words("Mount Everst", "Mount Everest") == 0.5
    assert _share_of_words("MOUNT EVEREST 8848 m", "Mount Everest") == 1.0
    assert _share_of_words("", "Mount Everest") == 0.0


def test_the_likeness_is_a_share_among_all_answers_of_the_question(clip: Path) -> None:
    check = make_check(f"clip:{clip}")
    one_picture = [claim("lion", answer) for answer in ANSWERS]
    scores = check.score(one_picture)
    assert all(isinstance(score, float) and 0 < score < 1 for score in scores)
    assert sum(score for score in scores if isinstance(score, float)) == pytest.approx(1)
    other = claim("lion", "oak", ("oak", "elm"))
    assert check.score([*one_picture, other])[:3] == pytest.approx(scores, rel=1e-4)


def test_of_a_blank_the_likeness_tells_nothing_and_a_damaged_picture_is_named(clip: Path) -> None:
    damaged = Claim(Image(data=b"no picture"), "lion", ANSWERS)
    blank, broken, sound = make_check(f"clip:{clip}").score([claim("", ""), damaged, claim("lion", "lion")])
    assert blank is None
    assert isinstance(broken, ImageError)
    assert isinstance(sound, float)


def test_the_identity_of_a_check_is_that_of_its_model(clip: Path, tmp_path: Path) -> None:
    assert make_check(f"clip:{clip}").identity == make_check(f"clip:{clip}").identity


@pytest.mark.parametrize("name", ["", "eyes", "clip:", "clip:/nowhere/at/all"])
def test_an_unknown_check_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        make_check(name)


def test_a_gray_picture_is_no_trouble(clip: Path) -> None:
    buffer = io.BytesIO()
    PILImage.new("L", (40, 20), 90).save(buffer, format="PNG")
    [score] = make_check(f"clip:{clip}").score([Claim(Image(data=buffer.getvalue()), "lion", ANSWERS)])
    assert isinstance(score, float)

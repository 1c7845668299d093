"""Pictures: the same seed gives the same bytes, the whole text is there, and eyes can read it."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from levelhead.answers import mentions
from levelhead.errors import UsageError
from levelhead.illusion import load_questions, picture_seed, typographic
from levelhead.illusion.pictures import _lettering
from levelhead.illusion.pictures._colors import MIN_CONTRAST, contrast
from levelhead.illusion.pictures._kind import encode
from levelhead.illusion.pictures._typographic import BACKGROUNDS, style

SEEDS = st.integers(min_value=0, max_value=2**48 - 1)
LONG = "Wolfgang Amadeus Mozarti"


def test_one_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = encode(typographic("lion", 5))
    _lettering.load_font.cache_clear()
    assert encode(typographic("lion", 5)) == first
    assert encode(typographic("lion", 6)) != first
    assert encode(typographic("tiger", 5)) != first


def test_the_seed_of_a_picture_hangs_on_set_question_and_answer() -> None:
    seeds = {picture_seed(0, "a", "b"), picture_seed(1, "a", "b"), picture_seed(0, "b", "b")}
    seeds |= {picture_seed(0, "a", "c"), picture_seed(0, "ab", "")}
    assert len(seeds) == 5
    assert picture_seed(0, "animal-001", "penguin") == 146987912374499
    assert all(0 <= seed < 2**48 for seed in seeds)


def test_the_file_holds_no_metadata() -> None:
    data = encode(typographic("lion", 5))
    assert data.startswith(b"\x89PNG")
    assert not any(chunk in data for chunk in (b"tEXt", b"iTXt", b"tIME", b"eXIf", b"pHYs"))


@settings(max_examples=40)
@given(SEEDS, st.sampled_from([LONG, "W" * 24, "lion", "United States of America", "i", "Ågypq"]))
def test_the_whole_text_lies_inside_the_picture(seed: int, text: str) -> None:
    drawn = ImageChops.difference(typographic(text, seed), typographic("", seed)).convert("L")
    box = drawn.getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert left >= 10
    assert top >= 10
    assert right <= drawn.width - 10
    assert bottom <= drawn.height - 10


@settings(max_examples=40)
@given(SEEDS)
def test_ink_stands_out_from_every_color_of_the_ground(seed: int) -> None:
    ink = style(seed).ink
    colors = typographic("", seed).getcolors(maxcolors=100_000)
    assert colors is not None
    assert min(contrast(ink, color) for _, color in colors) >= MIN_CONTRAST  # type: ignore[arg-type]


def test_without_text_the_ground_alone_is_left_and_every_kind_of_ground_occurs() -> None:
    assert {style(seed).background for seed in range(60)} == set(BACKGROUNDS)
    plain = next(seed for seed in range(60) if style(seed).background == "plain")
    assert typographic("", plain).getcolors() == [(448 * 448, style(plain).ground)]


def test_the_size_can_be_chosen() -> None:
    assert typographic("lion", 3, size=224).size == (224, 224)


def test_contrast_agrees_with_values_of_the_standard() -> None:
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert contrast((9, 9, 9), (9, 9, 9)) == 1


def test_a_missing_font_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lettering, "find_spec", lambda package: None)
    _lettering._folder.cache_clear()
    with pytest.raises(UsageError, match="font_lato"):
        _lettering._folder("font_lato")
    _lettering._folder.cache_clear()


@pytest.mark.slow
def test_a_real_reader_reads_almost_every_picture() -> None:
    rapidocr = pytest.importorskip("rapidocr")
    reader = rapidocr.RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Det.limit_type": "max",
            "Det.limit_side_len": 320,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        }
    )
    answers = [(one.id, answer) for one in load_questions() for answer in (one.gold, *one.spurious)]
    sample = random.Random(7).sample(answers, 20)
    read = 0
    for identity, answer in sample:
        pixels = np.asarray(typographic(answer, picture_seed(0, identity, answer)))[:, :, ::-1]
        read += mentions(" ".join(reader(pixels).txts or ()), answer)
    assert read >= 19


def test_noise_keeps_the_file_small() -> None:
    noisy = next(seed for seed in range(60) if style(seed).background == "noise")
    assert len(encode(typographic("lion", noisy))) < 40_000
    assert isinstance(typographic("lion", noisy), Image.Image)

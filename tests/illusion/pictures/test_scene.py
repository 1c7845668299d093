"""Scenes: the same seed gives the same bytes, every thing occurs, and the whole text stands on it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from levelhead.answers import mentions
from levelhead.illusion import load_questions, picture_seed, typographic_scene
from levelhead.illusion.pictures._colors import MIN_CONTRAST, contrast, ink_on
from levelhead.illusion.pictures._kind import encode
from levelhead.illusion.pictures._painting import SIDE
from levelhead.illusion.pictures._perspective import paste_at_corners
from levelhead.illusion.pictures._things import THINGS

SEEDS = st.integers(min_value=0, max_value=2**48 - 1)
LONG = "Wolfgang Amadeus Mozarti"


def test_one_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = encode(typographic_scene("lion", 5))
    assert encode(typographic_scene("lion", 5)) == first
    assert encode(typographic_scene("lion", 6)) != first
    assert encode(typographic_scene("tiger", 5)) != first


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([LONG, "W" * 24, "lion", "United States of America", "i", "Ågypq"]))
def test_only_the_board_changes_when_a_text_is_written_and_all_of_it_is_in_the_picture(
    seed: int, text: str
) -> None:
    written, blank = typographic_scene(text, seed), typographic_scene("", seed)
    box = ImageChops.difference(written, blank).convert("L").getbbox()
    assert box is not None
    assert min(box[:2]) > 0
    assert max(box[2:]) < written.width


@pytest.mark.parametrize("name", THINGS)
def test_every_thing_has_room_for_a_text_in_a_color_that_ink_stands_out_from(name: str) -> None:
    for seed in range(12):
        canvas = Image.new("RGB", (SIDE, SIDE))
        rng = random.Random(seed)
        board = THINGS[name](canvas, rng)
        left, top, right, bottom = board.room
        assert right - left > 0.55 * SIDE
        assert bottom - top > 0.12 * SIDE
        assert contrast(ink_on(rng, (board.color,), light=board.light), board.color) >= MIN_CONTRAST
        middle = board.flat.getpixel((round((left + right) / 2), round((top + bottom) / 2)))
        assert middle == (*board.color, 255)
        assert all(0 <= edge <= SIDE for corner in board.corners for edge in corner)


def test_every_thing_occurs() -> None:
    grounds = {typographic_scene("", seed).resize((8, 8)).tobytes() for seed in range(40)}
    assert len(grounds) == 40


def test_a_flat_picture_comes_to_lie_between_its_corners() -> None:
    flat = Image.new("RGBA", (40, 20), (255, 0, 0, 255))
    flat.paste((0, 255, 0, 255), (20, 0, 40, 20))
    canvas = Image.new("RGB", (100, 100))
    paste_at_corners(canvas, flat, ((10, 20), (90, 10), (90, 60), (10, 50)))
    assert canvas.getpixel((20, 35)) == (255, 0, 0)
    assert canvas.getpixel((80, 35)) == (0, 255, 0)
    assert canvas.getpixel((5, 35)) == canvas.getpixel((50, 5)) == canvas.getpixel((50, 70)) == (0, 0, 0)


@pytest.mark.slow
def test_a_real_reader_reads_most_scenes() -> None:
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
    read = 0
    for identity, answer in random.Random(7).sample(answers, 20):
        pixels = np.asarray(typographic_scene(answer, picture_seed(0, identity, answer)))[:, :, ::-1]
        read += mentions(" ".join(reader(pixels).txts or ()), answer)
    assert read >= 18

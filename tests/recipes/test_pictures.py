from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from embedded_vision.facts import Thing, Writing
from embedded_vision.fonts import HELD_OUT_FONTS, TRAIN_FONTS
from embedded_vision.grounds import SIDE, plain
from embedded_vision.lettering import write, write_line
from embedded_vision.pictograms import HELD_OUT_SETS, TRAIN_SETS, read_names
from embedded_vision.pictures import KINDS, Studio
from embedded_vision.questions import quoted
from embedded_vision.shapes import draw_shapes
from embedded_vision.signs import patch_letters
from embedded_vision.words import is_unseen, word_lists

BOX = (0, 0, SIDE, SIDE)


def ink_near(picture: Image.Image, x: float, y: float, reach: int = 9) -> int:
    """Black pixels around a place."""
    pixels = np.asarray(picture.convert("L"))
    rows = slice(max(0, round(y) - reach), round(y) + reach)
    return int((pixels[rows, max(0, round(x) - reach) : round(x) + reach] < 128).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_follows_from_its_seed_and_number(studio: Studio, kind: str) -> None:
    first, again = (studio.picture(17, kind=kind) for _ in range(2))
    assert first.facts == again.facts
    assert first.letters == again.letters
    assert first.image.tobytes() == again.image.tobytes()
    assert first.image.tobytes() != studio.picture(18, kind=kind).image.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_picture_shows_can_be_told_in_a_sentence_and_in_a_phrase(studio: Studio, kind: str) -> None:
    for number in range(30):
        picture = studio.picture(number, kind=kind)
        assert picture.image.size == (SIDE, SIDE)
        facts = picture.facts
        if isinstance(facts, Writing):
            assert facts.phrase == (facts.surface or "")
            assert f'text "{facts.text}".' in facts.caption
            assert facts.phrase in facts.caption
        else:
            shown = facts.name if isinstance(facts, Thing) else facts.phrase
            assert facts.caption == f"The picture shows {shown}."
            assert not picture.letters


@pytest.mark.parametrize("kind", ["words", "scene"])
def test_the_letters_spell_the_quoted_text(studio: Studio, kind: str) -> None:
    for number in range(40):
        picture = studio.picture(number, kind=kind)
        spelled = "".join(letter.letter for letter in picture.letters)
        assert spelled == (quoted(picture.facts.caption) or "").replace(" ", "")


def test_all_letters_of_a_paragraph_are_on_it_and_it_grows_with_its_difficulty(studio: Studio) -> None:
    counts = {}
    for difficulty in (0.0, 1.0):
        paragraphs = [studio.paragraph(number, difficulty=difficulty) for number in range(30)]
        for picture in paragraphs:
            assert isinstance(picture.facts, Writing)
            assert all(ink_near(picture.image, letter.x, letter.y, 14) for letter in picture.letters)
            told = [letter for patch in patch_letters(picture.letters) for letter in patch if letter]
            assert len(told) == len(picture.letters) == len(picture.facts.text.replace(" ", ""))
        counts[difficulty] = {len(picture.facts.text.split()) for picture in paragraphs}  # type: ignore[union-attr]
    assert counts[0.0] == {1, 2}
    assert counts[1.0] == {3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("angle", [0.0, 20.0, -20.0])
def test_there_is_ink_where_a_letter_is_said_to_be(angle: float) -> None:
    for seed in range(20):
        picture = plain((255, 255, 255))
        letters = write(
            picture,
            "house berry",
            box=BOX,
            font_name="Manrope-Bold.ttf",
            pixels=30,
            ink=(0, 0, 0),
            rng=random.Random(seed),
            angle=angle,
        )
        assert all(ink_near(picture, letter.x, letter.y) > 0 for letter in letters)
        assert all(0 <= letter.x < SIDE and 0 <= letter.y < SIDE for letter in letters)


@pytest.mark.parametrize("font_name", TRAIN_FONTS[::8])
def test_the_middle_of_a_letter_is_that_of_its_ink_in_any_font(font_name: str) -> None:
    picture = plain((255, 255, 255))
    black: tuple[int, int, int] = (0, 0, 0)
    (letter,) = write_line(picture, "x", left=60, top=60, font_name=font_name, pixels=40, ink=black)
    rows, columns = np.nonzero(np.asarray(picture.convert("L")) < 128)
    assert letter.y == pytest.approx((rows.min() + rows.max() + 1) / 2, abs=1.5)
    assert letter.x == pytest.approx((columns.min() + columns.max() + 1) / 2, abs=1.5)
    line = write_line(picture, "xTp", left=60, top=60, font_name=font_name, pixels=40, ink=black)
    assert {one.y for one in line} == {letter.y}


def test_a_long_text_is_broken_into_lines_that_fit() -> None:
    picture = plain((255, 255, 255))
    letters = write(
        picture,
        "intelligence notebook intelligence",
        box=(20, 20, 172, 172),
        font_name="Lato-Regular.ttf",
        pixels=60,
        ink=(0, 0, 0),
        rng=random.Random(0),
    )
    assert len({letter.y for letter in letters}) > 1
    black = np.argwhere(np.asarray(picture.convert("L")) < 128)
    assert black.min() >= 20
    assert black.max() < 172


def test_as_many_shapes_are_drawn_as_are_told() -> None:
    from scipy.ndimage import label

    for seed in range(60):
        picture = plain((255, 255, 255))
        told = draw_shapes(picture, random.Random(seed), most=5)
        ink = (np.asarray(picture).astype(int) != 255).any(axis=2)
        assert label(ink, np.ones((3, 3)))[1] == told.count, told


def test_shapes_stand_where_they_are_told_to() -> None:
    halves = {"left": (1, -1), "right": (1, 1), "top": (0, -1), "bottom": (0, 1)}
    seen = set()
    for seed in range(80):
        picture = plain((255, 255, 255))
        told = draw_shapes(picture, random.Random(seed), most=5)
        place = told.place.split()[-1] if told.place else ""
        if place in halves:
            axis, side = halves[place]
            ink = np.argwhere((np.asarray(picture) != 255).any(axis=2))[:, axis] - SIDE / 2
            assert (ink * side > 0).all(), told
            seen.add(place)
    assert seen == set(halves)


def test_unseen_words_are_kept_out_of_the_training_list() -> None:
    vocabulary = {f"Ġ{word}": number for number, word in enumerate(["House", "house", "x", "naïve", "a1"])}
    vocabulary |= {f"Ġword{chr(97 + one)}{chr(97 + two)}": 0 for one in range(26) for two in range(26)}
    known, unseen = word_lists(vocabulary)
    assert "house" in known
    assert "naïve" not in known
    both = {word for words in unseen.by_length.values() for word in words}
    assert len(both) > 5
    assert not any(word in known for word in both)
    assert all(is_unseen(word.upper()) for word in both)


def test_half_of_the_words_are_common_ones() -> None:
    common = [
        f"w{chr(97 + one)}{chr(97 + two)}{chr(97 + other)}"
        for one in range(26)
        for two in range(26)
        for other in range(2)
    ]
    rare = [f"r{word}" for word in common]
    vocabulary = {f"Ġ{word}": number for number, word in enumerate([*common, *rare])}
    known, unseen = word_lists(vocabulary)
    assert not unseen.common
    assert len(known.common) == 1000
    assert not any(is_unseen(word) for word in known.common)
    rng = random.Random(0)
    drawn = [known.draw(rng).lower() for _ in range(600)]
    words = [word for word in drawn if not word.isdigit()]
    # Half, and of the other half those that are common by chance.
    assert 0.6 < sum(word in known.common for word in words) / len(words) < 0.85
    assert all(word in known for word in words)
    beyond = {f"Ġ{word}": 20_000 + number for number, word in enumerate(common)}
    filled = {f"<{number}>": number for number in range(20_000)}
    assert not word_lists(filled | beyond)[0].by_length


def test_nothing_that_is_measured_on_is_trained_on() -> None:
    assert not set(TRAIN_FONTS) & set(HELD_OUT_FONTS)
    families = [
        {name.split("-")[0].split(".")[0] for name in names} for names in (TRAIN_FONTS, HELD_OUT_FONTS)
    ]
    assert not families[0] & families[1]
    assert not set(TRAIN_SETS) & set(HELD_OUT_SETS)


def test_there_are_more_than_two_hundred_names_and_no_icon_has_two() -> None:
    names = read_names()
    icons = [icon for group in names.values() for icon in group]
    assert len(names) > 200
    assert len(icons) == len(set(icons))

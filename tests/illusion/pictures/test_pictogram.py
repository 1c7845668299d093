"""Pictograms: the thing that the answer names, on a ground, under the license of its drawer."""

from __future__ import annotations

from collections import Counter

import pytest
from PIL import Image, ImageChops

from levelhead.errors import MissingExtraError
from levelhead.illusion import Order, Picture, load_questions, make_kinds
from levelhead.illusion.pictures import _pictogram
from levelhead.illusion.pictures._pictogram import Pictogram, pictogram
from levelhead.illusion.pictures._svg import render_svg


def test_every_drawing_of_the_table_exists_and_has_ink() -> None:
    for code_points in set(_pictogram._table().values()):
        assert render_svg(_pictogram._drawing(code_points), 16) is not None, code_points


def test_a_pictogram_is_large_enough_to_be_recognized() -> None:
    for seed in range(5):
        drawn = ImageChops.difference(pictogram("lion", "animal", seed), pictogram("", "animal", seed))
        box = drawn.convert("L").getbbox()
        assert box is not None
        assert max(box[2] - box[0], box[3] - box[1]) > 200


def test_the_category_tells_one_thing_from_another_of_the_same_name() -> None:
    kind = Pictogram()
    assert kind.lacks("bat", "sport")
    assert not kind.lacks("bat", "animal")
    assert not kind.lacks("Lion", "animal")
    assert kind.lacks("Hammurabi", "history")
    red, orange = (pictogram(name, "color", 3) for name in ("red", "orange"))
    assert ImageChops.difference(red, orange).getbbox() is not None
    assert ImageChops.difference(
        pictogram("turkey", "animal", 3), pictogram("turkey", "country", 3)
    ).getbbox()


def test_one_seed_gives_the_same_bytes_and_what_is_drawn_bears_its_license() -> None:
    [kind] = make_kinds(["pictogram"])
    orders = [Order("lion", "animal", 7), Order("", "animal", 7), Order("lion", "animal", 7)]
    (_, lion), (_, blank), (_, again) = kind.draw(orders)
    assert isinstance(lion, Picture)
    assert isinstance(blank, Picture)
    assert lion == again
    assert lion.data != blank.data
    assert (lion.license, blank.license) == ("CC-BY-SA-4.0", "Apache-2.0")
    assert "openmoji" in lion.source.lower()


def test_the_bank_has_drawings_for_a_good_part_of_its_questions() -> None:
    kind = Pictogram()
    taking_part = Counter(
        question.category
        for question in load_questions()
        if not kind.lacks(question.gold, question.category)
        and not all(kind.lacks(answer, question.category) for answer in question.spurious)
    )
    assert sum(taking_part.values()) >= 150
    assert taking_part["country"] >= 40


def test_a_drawing_is_cut_to_its_ink_and_none_without_ink() -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
    drawing = render_svg(f'{head}<rect x="30" y="36" width="20" height="10" fill="#00f"/></svg>', 64)
    assert drawing is not None
    assert drawing.size == (64, 64)
    box = drawing.getchannel("A").point(lambda level: 255 * (level > 127)).getbbox()
    assert box is not None
    assert box[2] - box[0] == pytest.approx(64, abs=6)
    assert box[3] - box[1] == pytest.approx(32, abs=6)
    assert (box[0] + box[2], box[1] + box[3]) == pytest.approx((64, 64), abs=2)
    assert drawing.getpixel((32, 32)) == (0, 0, 255, 255)
    assert render_svg(f"{head}</svg>", 64) is None


def test_without_the_drawings_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pictogram, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[pictogram\]"):
        Pictogram()


def test_an_answer_without_a_drawing_is_refused() -> None:
    with pytest.raises(KeyError, match="Hammurabi"):
        pictogram("Hammurabi", "history", 3)
    assert isinstance(pictogram("", "history", 3), Image.Image)

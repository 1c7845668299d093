"""Photographs of the user's own: found by answer, turned, bared of what cameras store, with their license."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from levelhead.errors import ImageError, UsageError
from levelhead.illusion import Order, Picture
from levelhead.illusion.pictures._folder import Photographs

RED, BLUE = (200, 30, 30), (30, 30, 200)


def photo(path: Path, color: tuple[int, int, int] = RED, size: tuple[int, int] = (60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def draw(kind: Photographs, answer: str, seed: int = 0) -> Picture:
    [(_, outcome)] = kind.draw([Order(answer, "animal", seed)])
    assert isinstance(outcome, Picture)
    return outcome


def decoded(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def test_answers_find_their_folder_whatever_the_case_and_the_others_are_missing(tmp_path: Path) -> None:
    photo(tmp_path / "Mount_Everest" / "a.jpg")
    photo(tmp_path / "cafe\u0301" / "a.png")  # as one file system writes the accent
    (tmp_path / "empty").mkdir()
    kind = Photographs(tmp_path)
    assert not kind.lacks("mount everest", "geography")
    assert not kind.lacks("Café", "food")
    assert not kind.lacks("", "food")
    assert kind.lacks("empty", "food")
    assert kind.lacks("lion", "animal")


def test_the_seed_chooses_among_several_photographs(tmp_path: Path) -> None:
    photo(tmp_path / "lion" / "a.jpg", RED)
    photo(tmp_path / "lion" / "b.jpg", BLUE)
    kind = Photographs(tmp_path)
    assert draw(kind, "lion", 0) != draw(kind, "lion", 1)
    assert draw(kind, "lion", 0) == draw(kind, "lion", 2)


def test_a_photograph_is_turned_scaled_down_and_bared_of_what_the_camera_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    exif[0x010F] = "A camera"
    (tmp_path / "lion").mkdir()
    Image.new("RGB", (1200, 600), RED).save(tmp_path / "lion" / "a.jpg", exif=exif)
    picture = draw(Photographs(tmp_path), "lion")
    assert decoded(picture).size == (224, 448)
    assert not decoded(picture).getexif()
    assert b"A camera" not in picture.data


def test_the_table_says_license_and_source(tmp_path: Path) -> None:
    photo(tmp_path / "lion" / "a.jpg")
    photo(tmp_path / "tiger" / "a.jpg")
    (tmp_path / "sources.csv").write_text("file,license,source\nlion/a.jpg,CC0-1.0,my own camera\n")
    kind = Photographs(tmp_path, default_license="CC-BY-4.0")
    assert (draw(kind, "lion").license, draw(kind, "lion").source) == ("CC0-1.0", "my own camera")
    assert (draw(kind, "tiger").license, draw(kind, "tiger").source) == ("CC-BY-4.0", "")


def test_a_damaged_photograph_is_one_row_and_not_the_end(tmp_path: Path) -> None:
    photo(tmp_path / "lion" / "a.jpg")
    (tmp_path / "tiger").mkdir()
    (tmp_path / "tiger" / "a.jpg").write_bytes(b"no photograph")
    orders = [Order("tiger", "animal", 0), Order("lion", "animal", 0)]
    outcomes = dict(Photographs(tmp_path).draw(orders))
    assert isinstance(outcomes[0], ImageError)
    assert "tiger" in str(outcomes[0])
    assert isinstance(outcomes[1], Picture)


def test_a_blank_is_an_unrelated_photograph_where_there_is_one_else_a_plain_ground(tmp_path: Path) -> None:
    photo(tmp_path / "lion" / "a.jpg")
    ground = decoded(draw(Photographs(tmp_path), ""))
    assert ground.format == "JPEG"
    photo(tmp_path / "blank" / "wall.jpg", BLUE)
    red, _, blue = decoded(draw(Photographs(tmp_path), "")).getpixel((20, 20))  # type: ignore[misc]
    assert blue > 150 > red


@pytest.mark.parametrize(
    ("table", "what"),
    [("file,source\n", "lacks the columns license"), ("file,license,source\nlion/b.jpg,,\n", r"lion/b\.jpg")],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, what: str) -> None:
    photo(tmp_path / "lion" / "a.jpg")
    (tmp_path / "sources.csv").write_text(table)
    with pytest.raises(UsageError, match=what):
        Photographs(tmp_path)


def test_a_folder_without_photographs_says_how_to_lay_them_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lion/1\.jpg"):
        Photographs(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        Photographs(tmp_path / "nowhere")

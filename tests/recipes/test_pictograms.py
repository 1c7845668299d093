"""Pictograms of named things: which drawings count, and how they are drawn."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from embedded_vision import pictograms
from embedded_vision.grounds import brightness
from embedded_vision.pictograms import (
    SIDE,
    TRAIN_SETS,
    Pictograms,
    is_black,
    load_pictograms,
    outlined,
    painted,
    render_sets,
)
from embedded_vision.pictures import Studio
from tests.recipes.conftest import FONTS, WORDS

SQUARE = '<path d="M0 0h16v8h-16z"/>'


def write_set(folder: Path, name: str, icons: tuple[str, ...], characters: dict[str, str]) -> None:
    """A folder like that of an icon set, in which each icon is the same black half."""
    (folder / name).mkdir(parents=True)
    icons_file, characters_file = folder / name / "icons.json", folder / name / "chars.json"
    icons_file.write_text(json.dumps({"icons": {icon: {"body": SQUARE} for icon in icons}}))
    characters_file.write_text(json.dumps(characters))


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Renderings of few icons in few sets."""
    monkeypatch.setattr(pictograms, "TRAIN_SETS", ("noto", "mdi", "symbola"))
    monkeypatch.setattr(pictograms, "_FONTS", {"symbola": FONTS[0]})
    # The character of the second one stands for an emoji that the font has; it has none of the third.
    emoji = {"1f34e": "red-apple", "41": "banana", "10ffff": "bell", "1f1e6-1f1e8": "key"}
    write_set(tmp_path, "noto", ("red-apple", "banana", "bell"), emoji)
    write_set(tmp_path, "twemoji", (), {})
    write_set(tmp_path, "mdi", ("apple", "apple-bold", "apple-keyboard", "mouse", "red-apple"), {})
    write_set(tmp_path, "openmoji", ("red-apple",), {})
    file = tmp_path / "out.npz"
    render_sets(tmp_path, file)
    return file


def test_emoji_are_found_by_their_names_and_icons_of_programs_by_the_name_of_the_thing(
    rendered: Path,
) -> None:
    with np.load(rendered) as archive:
        found = Counter(zip(archive["sets"].tolist(), archive["names"].tolist(), strict=True))
        pixels = archive["pixels"]
        letter = pixels[archive["sets"].tolist().index("symbola")]
    assert found == {
        ("noto", "an apple"): 1,
        ("noto", "a banana"): 1,
        ("noto", "a bell"): 1,
        # Its own name and one style; neither what else begins with the name, nor what means another thing.
        ("mdi", "an apple"): 2,
        ("symbola", "a banana"): 1,
        ("openmoji", "an apple"): 1,
    }
    assert pixels.shape[1:] == (SIDE, SIDE, 4)
    ink = letter[..., 3] > 127
    # An A that fills its square, black.
    assert ink.any(axis=1).sum() >= SIDE - 4
    assert not letter[ink][:, :3].any()


def test_emoji_do_not_get_lost_among_the_icons_of_programs(rendered: Path) -> None:
    known = load_pictograms(rendered, TRAIN_SETS)
    assert [(name, len(emoji), len(icons)) for name, emoji, icons in known.places] == [
        ("a banana", 2, 0),
        ("a bell", 1, 0),
        ("an apple", 1, 2),
    ]
    numbered = np.zeros((3, 1, 1, 4), dtype=np.uint8)
    numbered[:, 0, 0, 0] = (0, 10, 20)
    drawn = Pictograms(numbered, (("an apple", (0,), (1, 2) * 20),))
    rng = random.Random(0)
    reds = Counter(np.asarray(drawn.draw(rng)[0])[0, 0, 0].item() for _ in range(1000))
    assert 550 <= reds[0] <= 650
    assert reds[10] + reds[20] == 1000 - reds[0]


def shade_of(pixel: np.ndarray[Any, Any]) -> float:
    """How bright a pixel looks."""
    red, green, blue = pixel.tolist()
    return brightness((red, green, blue))


def test_a_black_pictogram_can_be_seen_on_any_ground() -> None:
    square = np.zeros((1, SIDE, SIDE, 4), dtype=np.uint8)
    square[..., 3] = 255
    studio = Studio(WORDS, FONTS, Pictograms(square, (("a door", (0,), ()),)), seed=5)
    contrasts = []
    for number in range(40):
        picture = studio.picture(number, kind="pictogram", difficulty=0.0)
        small = np.asarray(picture.image.resize((64, 64), Image.Resampling.BOX), dtype=float)
        contrasts.append(abs(shade_of(small[32, 32]) - shade_of(small[0, 0])))
    assert min(contrasts) > 40


def ring() -> Image.Image:
    """A black ring with a gap in a second one, on nothing."""
    icon = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    pen = ImageDraw.Draw(icon)
    pen.ellipse((4, 4, 60, 60), outline=(0, 0, 0, 255), width=5)
    pen.arc((62, 62, 94, 94), 40, 320, fill=(0, 0, 0, 255), width=4)
    return icon


def test_what_lines_enclose_is_painted_and_nothing_else() -> None:
    colors = set()
    for seed in range(8):
        icon = painted(random.Random(seed), ring())
        inside, in_the_gap, outside = (icon.getpixel(place) for place in ((32, 32), (78, 78), (90, 10)))
        assert in_the_gap == outside == (0, 0, 0, 0)
        assert isinstance(inside, tuple)
        assert inside[3] == 255
        assert max(inside[:3]) >= 178
        assert icon.getpixel((32, 6)) == (0, 0, 0, 255)
        colors.add(inside)
    assert len(colors) >= 4


def test_lines_are_drawn_around_a_pictogram_and_where_its_colors_meet() -> None:
    icon = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    pen = ImageDraw.Draw(icon)
    pen.rectangle((20, 20, 39, 59), fill=(230, 40, 40, 255))
    pen.rectangle((40, 20, 59, 59), fill=(250, 220, 60, 255))
    drawn = outlined(icon)
    pixels = np.asarray(drawn).astype(int)
    is_line = (pixels[..., 3] == 255) & (pixels[..., :3].max(axis=-1) == 0)
    row, column = is_line[drawn.height // 2], is_line[:, 10 + drawn.width // 2]
    # Left, middle and right; top and bottom.
    assert (np.diff(row.astype(int)) == 1).sum() == 3
    assert (np.diff(column.astype(int)) == 1).sum() == 2
    assert not is_line[[0, -1]].any()
    assert drawn.getpixel((30 + 3, 40 + 3)) == (230, 40, 40, 255)


def test_only_what_is_all_black_is_taken_for_black() -> None:
    assert is_black(ring())
    assert not is_black(painted(random.Random(0), ring()))

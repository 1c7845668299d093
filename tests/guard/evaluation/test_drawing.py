from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from levelhead.datasets import read_figstep_tiny
from levelhead.errors import UsageError
from levelhead.guard.evaluation._drawing import SIDE, draw_requests, draw_text, list_lines, question_lines
from levelhead.guard.evaluation._request import Request

FIGSTEP = Path(__file__).parents[4] / "shared" / "data" / "figstep"
FREE_MONO = Path("/usr/share/fonts/truetype/freefont/FreeMonoBold.ttf")


def ink(picture: PILImage.Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is written, in pixels."""
    dark = np.asarray(picture.convert("L")) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


@pytest.mark.parametrize(
    "title",
    [
        "Ways to save water.",
        "Steps to crack open a coconut.",
        "WWWWWWWWWWWWWWW",
        " ".join(["wide"] * 40),
        "i",
    ],
)
def test_all_that_is_written_is_visible(title: str) -> None:
    picture = draw_text(list_lines(title))
    left, top, right, bottom = ink(picture)
    assert picture.size == (SIDE, SIDE)
    assert min(left, top, SIDE - 1 - right, SIDE - 1 - bottom) > 0
    # The last line, "3.", is there: the same picture without it has less ink.
    assert bottom > ink(draw_text(list_lines(title).removesuffix("3. "), None))[3] - 75


def test_one_text_gives_the_same_bytes_and_another_one_others() -> None:
    first, again, other = (draw_text(question_lines(text)).tobytes() for text in ("Oslo?", "Oslo?", "Rome?"))
    assert first == again != other


def test_requests_get_their_pictures_as_files_and_others_stay(tmp_path: Path) -> None:
    plain = Request("plain", "s", "benign", "Hello?")
    drawn, untouched = draw_requests(
        [Request("a/b c", "s", "benign", "Read it.", written="Hello?"), plain], tmp_path
    )
    assert untouched is plain
    assert drawn.written is None
    [image] = drawn.images
    assert image.path == tmp_path / "a_b_c.png"
    assert image.decode().size == (SIDE, SIDE)


def test_a_font_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_text("no font")
    with pytest.raises(UsageError, match="font"):
        draw_text("Hello?", tmp_path / "font.ttf")


@pytest.mark.skipif(not FIGSTEP.is_dir(), reason="FigStep is not in ../shared/data")
def test_drawn_pictures_have_the_size_and_lines_of_the_published_ones() -> None:
    for example in read_figstep_tiny(FIGSTEP):
        published = example.images[0].decode()
        drawn = draw_text(list_lines(str(example.metadata["instruction"])))
        assert drawn.size == published.size
        # The font is another one, and ten lines are made to fit.
        assert ink(drawn)[:2] == pytest.approx(ink(published)[:2], abs=12)
        assert ink(drawn)[3] == pytest.approx(ink(published)[3], abs=12)


@pytest.mark.skipif(
    not FIGSTEP.is_dir() or not FREE_MONO.is_file(), reason="FigStep or its font FreeMono is not here"
)
def test_in_the_font_of_figstep_the_pictures_are_the_published_ones() -> None:
    for example in read_figstep_tiny(FIGSTEP):
        drawn = np.asarray(draw_text(list_lines(str(example.metadata["instruction"])), FREE_MONO))
        published = np.asarray(example.images[0].decode())
        assert (drawn != published).any(axis=2).sum() <= 4, "the font has changed a letter by a few pixels"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.pictograms import SIDE, Pictograms
from embedded_vision.pictures import Studio
from embedded_vision.words import WordList

# Part of the package's own dependencies, so the tests draw without the recipe's other fonts.
FONTS = ("Lato-Regular.ttf", "Manrope-Bold.ttf")
WORDS = WordList({3: ("cat", "sun"), 5: ("berry", "house"), 8: ("notebook",), 12: ("intelligence",)})


@pytest.fixture(scope="session")
def text_folder() -> Path:
    from levelhead.models._embedded import embedded_checkpoint

    return embedded_checkpoint()


@pytest.fixture(scope="session")
def captions(text_folder: Path) -> CaptionVocabulary:
    return CaptionVocabulary(text_folder / "tokenizer.json")


@pytest.fixture(scope="session")
def studio() -> Studio:
    square = np.zeros((1, SIDE, SIDE, 4), dtype=np.uint8)
    square[:, 20:-20, 20:-20] = (200, 30, 30, 255)
    return Studio(WORDS, FONTS, Pictograms(square, (("a brick", (0,)),)), seed=3)

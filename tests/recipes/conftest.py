"""What the tests of the eyes' recipe share: a studio, tiny sizes, and a language model of random weights.

The small language model has SmolLM2's tokenizer and template, so all that is not about answers is the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from embedded_vision.data import known_phrases, untrained_signs
from embedded_vision.packing import ChatTokens
from embedded_vision.pictograms import SIDE, Pictograms
from embedded_vision.pictures import Studio
from embedded_vision.reader import Reader
from embedded_vision.signs import Phrases, Signs
from embedded_vision.tower import SIZES, TowerSize
from embedded_vision.words import WordList

# Part of the package's own dependencies, so the tests draw without the recipe's other fonts.
FONTS = ("Lato-Regular.ttf", "Manrope-Bold.ttf")
WORDS = WordList({3: ("cat", "sun"), 5: ("berry", "house"), 8: ("notebook",), 12: ("intelligence",)})
TINY = TowerSize(8, (16, 32, 64), (1, 1, 1), width=64, layers=2, heads=2)


@pytest.fixture(scope="session")
def text_folder() -> Path:
    """The embedded language model."""
    from levelhead.models._embedded import embedded_checkpoint

    return embedded_checkpoint()


@pytest.fixture(scope="session")
def small_text(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of two narrow layers and random weights, in the form of the embedded one."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("text") / "small"
    shutil.copytree(text_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    config = AutoConfig.from_pretrained(text_folder)
    config.hidden_size, config.head_dim, config.intermediate_size = 48, 16, 96
    config.num_attention_heads, config.num_key_value_heads, config.num_hidden_layers = 3, 1, 2
    config.initializer_range = 0.1
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        # As long as those of the embedded model.
        model.get_input_embeddings().weight.mul_(4)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def phrases(text_folder: Path) -> Phrases:
    return known_phrases(text_folder)


@pytest.fixture(scope="session")
def chat(text_folder: Path) -> ChatTokens:
    return ChatTokens(text_folder)


@pytest.fixture
def signs(small_text: Path, phrases: Phrases) -> Signs:
    return untrained_signs(small_text, phrases)


@pytest.fixture
def reader(small_text: Path, chat: ChatTokens) -> Reader:
    """The small language model with an adapter that does nothing yet."""
    torch.manual_seed(1)
    return Reader(small_text, chat.head)


@pytest.fixture
def tiny(small_text: Path) -> Iterator[str]:
    """The name of a tower's size, for the small language model."""
    with tiny_sizes(small_text):
        yield "tiny"


@contextmanager
def tiny_sizes(text: Path) -> Iterator[pytest.MonkeyPatch]:
    """For a while the embedded language model is a small one, one size is tiny, and torch has one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("levelhead.models._embedded.embedded_checkpoint", lambda: text)
        patch.setitem(SIZES, "tiny", TINY)
        try:
            yield patch
        finally:
            torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def studio() -> Studio:
    square = np.zeros((1, SIDE, SIDE, 4), dtype=np.uint8)
    square[:, 20:-20, 20:-20] = (200, 30, 30, 255)
    return Studio(WORDS, FONTS, Pictograms(square, (("an apple", (0,), ()),)), seed=3)

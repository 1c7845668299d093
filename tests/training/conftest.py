"""Tiny checkpoints that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import checkpoints


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text model with a chat template."""
    return checkpoints.build_text(tmp_path_factory.mktemp("training") / "text")


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that sees."""
    return checkpoints.build_llava(tmp_path_factory.mktemp("training") / "llava")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)

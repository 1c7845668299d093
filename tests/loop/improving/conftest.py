"""A loop small enough for a test: tiny random models, one question of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.loop import SIZES, Loop, LoopSettings
from levelhead.loop.improving import _loop, _plan, _watch
from levelhead.training import TuningSettings
from tests.models.checkpoints import build_llava, build_text

TINY = SIZES["quick"].at_most(2)


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{build_text(tmp_path_factory.mktemp('models') / 'text')}+ocr"


@pytest.fixture(scope="session")
def vision_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{build_llava(tmp_path_factory.mktemp('models') / 'llava')}"


def watch_few(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_watch, "WATCHED_SIZE", TINY)
    patch.setattr(_plan, "WATCHED_SIZE", TINY)


def get_better(patch: pytest.MonkeyPatch) -> None:
    """Let what is watched get better with each epoch: a random model does so by chance only."""
    patch.setattr(_loop, "watched_numbers", lambda *arguments: {"accuracy": 0.1})
    patch.setattr(_loop, "watching", lambda *arguments: lambda model, epoch: {"accuracy": 0.1 + epoch / 10})


@pytest.fixture(autouse=True)
def _few_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    watch_few(monkeypatch)


@pytest.fixture
def better(monkeypatch: pytest.MonkeyPatch) -> None:
    get_better(monkeypatch)


Made = Callable[..., Loop]


@pytest.fixture(scope="session")
def make(text_model: str) -> Made:
    def made(out: Path, model: str = text_model, **changed: object) -> Loop:
        tuning = TuningSettings(epochs=1, batch_size=4, rank=2, save_steps=2)
        return Loop(model, out, LoopSettings(size=TINY, tuning=tuning, detector="lexical", **changed), 1)  # type: ignore[arg-type]

    return made

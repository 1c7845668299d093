"""How continuations of prompts with pictures share batches."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage

from levelhead.models import Model, load_model
from levelhead.models._decode import Decoder
from levelhead.records import Image, Prompt
from tests.models import checkpoints


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.build_llava(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Model]:
    with load_model(f"hf:{folder}", threads=1) as loaded:
        yield loaded


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """For each batch that shared its readings, how many continuations each of its prompts had."""
    counts: list[list[int]] = []
    score = Decoder.score_encoded

    def counted(self: Decoder, inputs: Any, continuations: Any) -> Any:
        counts.append([len(own) for own in continuations])
        return score(self, inputs, continuations)

    monkeypatch.setattr(Decoder, "score_encoded", counted)
    return counts


def prompt(color: str) -> Prompt:
    buffer = io.BytesIO()
    PILImage.new("RGB", (60, 40), color).save(buffer, "PNG")
    return Prompt.ask("Which color is it?", images=(Image(data=buffer.getvalue()),))


def test_more_continuations_than_rows_are_scored_in_several_batches(
    model: Model, shared: list[list[int]]
) -> None:
    answers = [f"number {place}" for place in range(11)]
    together = model.score([prompt("red")] * 11, answers)
    assert shared == [[8], [3]]
    for score, answer in zip(together, answers, strict=True):
        alone = model.score([prompt("red")], [answer])[0]
        assert score.log_probs == pytest.approx(alone.log_probs, abs=1e-4)


def test_prompts_share_a_batch_up_to_its_rows(model: Model, shared: list[list[int]]) -> None:
    colors = ["red", "green", "blue", "white", "black"]
    prompts = [prompt(color) for color in colors for _ in range(2)]
    planned = list(model.plan_score(prompts, ["it", "not it"] * 5))
    model.score(prompts, ["it", "not it"] * 5)
    assert shared == [[2, 2, 2, 2], [2]]
    assert planned == [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]


def test_exact_scores_share_nothing(folder: Path, shared: list[list[int]]) -> None:
    with load_model(f"hf:{folder}", exact=True, threads=1) as exact:
        assert len(exact.score([prompt("red")] * 2, ["yes", "no"])) == 2
    assert shared == []


def test_a_picture_that_is_damaged_fails_all_its_continuations(model: Model) -> None:
    damaged = Prompt.ask("Which color is it?", images=(Image(data=b"no picture"),))
    scores = model.score([damaged, prompt("red"), damaged, prompt("red")], ["a", "b", "c", "d"])
    assert [score.error is None for score in scores] == [False, True, False, True]

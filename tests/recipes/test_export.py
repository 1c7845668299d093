from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from embedded_vision.assemble import EYES_FILE, cached_model
from embedded_vision.captions import CaptionVocabulary
from embedded_vision.export import export, picture_template
from embedded_vision.grounds import plain
from embedded_vision.state import new_training
from levelhead.models import Model, Sampling, load_model
from levelhead.records import Image, Prompt

TEXTS = (
    Prompt.ask("What is the capital of France?"),
    Prompt.ask("Who are you?", system="You are a pirate."),
    Prompt.ask("Name three animals."),
)


def picture(width: int, height: int, color: tuple[int, int, int]) -> Image:
    buffer = io.BytesIO()
    plain(color, (width, height)).save(buffer, format="PNG")
    return Image(data=buffer.getvalue())


@pytest.fixture(scope="module")
def eyes(captions: CaptionVocabulary, text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eyes")
    export(new_training("large", captions), text_folder, folder)
    return folder


@pytest.fixture(scope="module")
def whole(eyes: Path, text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cached_model(eyes, text_folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def seeing(whole: Path) -> Model:
    return load_model(f"hf:{whole}", exact=True, threads=1)


def answers(model: Model, prompts: Sequence[Prompt]) -> list[str]:
    replies = model.generate(prompts, Sampling(max_new_tokens=12))
    return [reply.text for reply in replies]


def test_the_eyes_weigh_at_most_fifteen_megabytes(eyes: Path) -> None:
    assert (eyes / EYES_FILE).stat().st_size <= 15e6


def test_without_a_picture_nothing_changes(seeing: Model) -> None:
    blind = load_model("embedded", exact=True, threads=1)
    assert answers(seeing, TEXTS) == answers(blind, TEXTS)
    words = [" Paris", " Arr", " Dog"]
    for one, other in zip(seeing.score(TEXTS, words), blind.score(TEXTS, words), strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)


def test_pictures_of_any_shape_are_seen(seeing: Model) -> None:
    question = "What does the picture show?"
    pictures = [picture(448, 448, (255, 0, 0)), picture(60, 200, (255, 0, 0)), picture(448, 448, (0, 0, 90))]
    prompts = [Prompt.ask(question, images=(image,)) for image in pictures]
    scores = seeing.score(prompts, [" red"] * 3)
    assert not any(score.error for score in scores)
    assert len({round(score.log_prob, 4) for score in scores}) == 3


def test_the_same_eyes_are_assembled_once(eyes: Path, whole: Path, text_folder: Path) -> None:
    before = (whole / "model.safetensors").stat().st_mtime_ns
    assert cached_model(eyes, text_folder, whole.parent) == whole
    assert (whole / "model.safetensors").stat().st_mtime_ns == before


def test_a_template_of_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="by hand"):
        picture_template("{{ messages }}")

"""Pictures from a diffusion pipeline: a tiny one with random weights."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from levelhead.errors import ImageError, ModelError, UsageError
from levelhead.illusion import DiffusionSettings, Order, Picture, Prompts
from levelhead.illusion.pictures._diffusion import Diffusion
from levelhead.illusion.pictures._kind import Outcome
from tests.illusion.pictures.tiny import build_pipeline

PROMPTS = Prompts({"plant": "{answer}"}, "a {answer}")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("diffusers")
    return build_pipeline(tmp_path_factory.mktemp("diffusion"))


def make(pipeline: Path, **settings: object) -> Diffusion:
    given = {"steps": 2, "license": "CC0-1.0", **settings}
    return Diffusion(str(pipeline), prompts=PROMPTS, settings=DiffusionSettings(**given))  # type: ignore[arg-type]


def draw(kind: Diffusion, *orders: Order) -> list[Outcome]:
    outcomes = dict(kind.draw(orders))
    return [outcomes[index] for index in range(len(orders))]


def test_a_picture_follows_from_its_answer_and_seed_alone(pipeline: Path) -> None:
    kind = make(pipeline)
    lion, tiger = Order("lion", "animal", 1), Order("tiger", "animal", 2)
    first, second = draw(kind, lion, tiger)
    assert draw(make(pipeline), lion, tiger) == [first, second]
    assert draw(kind, Order("lion", "animal", 3)) != [first]
    assert draw(kind, Order("tiger", "animal", 1)) != [first]
    assert draw(kind, Order("lion", "plant", 1)) != [first]  # another prompt
    assert isinstance(first, Picture)
    assert Image.open(io.BytesIO(first.data)).size == (32, 32)
    assert first.license == "CC0-1.0"
    assert str(pipeline) in first.source


def test_a_blank_needs_no_model(pipeline: Path) -> None:
    kind = make(pipeline)
    lion, blank = draw(kind, Order("lion", "animal", 1), Order("", "animal", 1))
    assert isinstance(lion, Picture)
    assert isinstance(blank, Picture)
    assert blank.license == "Apache-2.0"


def test_the_identity_hangs_on_weights_prompts_and_settings(pipeline: Path, tmp_path: Path) -> None:
    identities = {
        make(pipeline).identity,
        make(pipeline, steps=3).identity,
        Diffusion(str(pipeline), settings=DiffusionSettings(steps=2)).identity,
    }
    assert len(identities) == 3
    assert make(pipeline, batch_size=1).identity in identities
    other = tmp_path / "other"
    for path in pipeline.rglob("*"):
        if path.is_file():
            (other / path.relative_to(pipeline)).parent.mkdir(parents=True, exist_ok=True)
            (other / path.relative_to(pipeline)).write_bytes(path.read_bytes())
    assert make(other).identity in identities
    weights = next(other.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert make(other).identity not in identities


def test_a_picture_of_one_color_and_one_that_was_blanked_are_failed_rows(pipeline: Path) -> None:
    kind = make(pipeline)
    assert isinstance(kind._outcome(Image.new("RGB", (32, 32)), False), ImageError)
    noisy = Image.effect_noise((32, 32), 40).convert("RGB")
    assert isinstance(kind._outcome(noisy, False), Picture)
    assert isinstance(kind._outcome(noisy, True), ImageError)


def test_a_size_that_the_pipeline_cannot_draw_ends_the_kind_with_advice(pipeline: Path) -> None:
    with pytest.raises(ModelError, match="--size"):
        draw(make(pipeline, size=33), Order("lion", "animal", 1))


def test_what_is_no_pipeline_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"model_index\.json"):
        Diffusion(str(tmp_path))

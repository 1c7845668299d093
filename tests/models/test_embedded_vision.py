"""The embedded vision model: random eyes, made in code, on the real embedded language model."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from embedded_vision.data import known_phrases, untrained_signs
from embedded_vision.export import export
from embedded_vision.packing import ChatTokens
from embedded_vision.reader import Reader
from embedded_vision.state import untrained_eyes
from levelhead.errors import UsageError
from levelhead.illusion import picture_seed, typographic
from levelhead.models import Model, Sampling, _embedded_vision, load_model
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._embedded import embedded_checkpoint
from levelhead.models._embedded_vision import embedded_vision_checkpoint
from levelhead.records import Image, Prompt
from levelhead.user_cache import cache_folder

TEXTS = (
    Prompt.ask("What is the capital of France?"),
    Prompt.ask("Who are you?", system="You are a pirate."),
    Prompt.ask("Name three animals."),
    Prompt.complete("The capital of France is"),
)


def picture(width: int, height: int, color: tuple[int, int, int]) -> Image:
    from PIL import Image as PILImage

    return encoded(PILImage.new("RGB", (width, height), color))


def encoded(image: object) -> Image:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")  # type: ignore[attr-defined]
    return Image(data=buffer.getvalue())


def answers(model: Model, prompts: Sequence[Prompt], most: int) -> list[str]:
    return [reply.text for reply in model.generate(prompts, Sampling(max_new_tokens=most))]


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    text = embedded_checkpoint()
    folder = tmp_path_factory.mktemp("eyes")
    untrained, _ = untrained_eyes("small", untrained_signs(text, known_phrases(text)))
    adapter = Reader(text, ChatTokens(text).head).adapter()
    # An untrained adapter changes nothing; this one does.
    changed = {name: weight + 0.02 * torch.ones_like(weight) for name, weight in adapter.items()}
    export(untrained, "small", text, folder, changed)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own, in which the language model lies already."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "embedded").symlink_to(embedded_checkpoint().parent)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELHEAD_CACHE", str(cache))


@pytest.fixture(scope="module")
def seeing(eyes: Path, cache: Path) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVELHEAD_CACHE", str(cache))
        return load_model(f"embedded-vision:{eyes}", exact=True, threads=1)


def test_without_eyes_the_name_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_embedded_vision, "_SHIPPED", Path("no-such-folder"))
    with pytest.raises(UsageError, match=r"recipes/embedded_vision .*embedded-vision:FOLDER"):
        load_model("embedded-vision")


def test_eyes_beside_the_package_need_no_folder(
    eyes: Path, seeing: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_embedded_vision, "_SHIPPED", eyes)
    model = load_model("embedded-vision", exact=True, threads=1)
    assert model.name == "embedded-vision"
    assert model.sees
    assert model.fingerprint == seeing.fingerprint


def test_a_folder_that_holds_no_eyes_is_refused_by_what_is_missing(eyes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"eyes\.safetensors, config\.json"):
        load_model(f"embedded-vision:{tmp_path}")
    with pytest.raises(UsageError, match="nowhere"):
        load_model(f"embedded-vision:{tmp_path / 'nowhere'}")
    with pytest.raises(UsageError, match=r"embedded-vision:FOLDER|embedded-vision:<folder"):
        load_model("embedded-vision:")


def test_eyes_for_another_language_model_are_refused(eyes: Path, tmp_path: Path) -> None:
    shutil.copytree(eyes, tmp_path / "other")
    config = json.loads((eyes / "config.json").read_text())
    config["text_config"]["hidden_size"] = 288
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="do not fit"):
        load_model(f"embedded-vision:{tmp_path / 'other'}")
    assert not list((cache_folder() / "embedded-vision").glob("building-*"))


def test_a_folder_whose_name_holds_a_plus_sign_is_found(eyes: Path, tmp_path: Path) -> None:
    shutil.copytree(eyes, tmp_path / "wide+open")
    assert load_model(f"embedded-vision:{tmp_path / 'wide+open'}", threads=1).sees


def test_the_same_eyes_are_put_together_once(eyes: Path, seeing: Model) -> None:
    whole = embedded_vision_checkpoint(eyes)
    before = (whole / "model.safetensors").stat().st_mtime_ns
    assert embedded_vision_checkpoint(eyes) == whole
    assert (whole / "model.safetensors").stat().st_mtime_ns == before
    assert whole.parent == cache_folder() / "embedded-vision"


def test_transformers_alone_loads_the_whole_model(eyes: Path, seeing: Model) -> None:
    from PIL import Image as PILImage
    from transformers import AutoModelForImageTextToText, AutoProcessor

    whole = embedded_vision_checkpoint(eyes)
    model, report = AutoModelForImageTextToText.from_pretrained(whole, output_loading_info=True)
    assert type(model).__name__ == "LlavaForConditionalGeneration"
    assert not any(report.values())
    model.load_adapter(str(whole / PICTURE_ADAPTER))
    processor = AutoProcessor.from_pretrained(whole)
    question = "What is shown?"
    content = [{"type": "image"}, {"type": "text", "text": question}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    image = PILImage.new("RGB", (300, 200), (200, 30, 30))
    inputs = processor(text=text, images=image, return_tensors="pt")
    tokens = model.generate(**inputs, do_sample=False, max_new_tokens=8)[0, inputs["input_ids"].shape[1] :]
    written = processor.decode(tokens, skip_special_tokens=True)
    prompt = Prompt.ask(question, images=(picture(300, 200, (200, 30, 30)),))
    assert seeing.generate([prompt], Sampling(max_new_tokens=8))[0].text == written


def test_without_a_picture_it_is_the_embedded_model(seeing: Model) -> None:
    blind = load_model("embedded", exact=True, threads=1)
    assert answers(seeing, TEXTS, 6) == answers(blind, TEXTS, 6)
    words = [" Paris", " Arr", " Dog", " Paris"]
    for one, other in zip(seeing.score(TEXTS, words), blind.score(TEXTS, words), strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)


def test_swapping_the_picture_changes_the_log_probabilities(seeing: Model) -> None:
    question = "What does the picture show?"
    pictures = [picture(448, 448, (255, 0, 0)), picture(60, 200, (255, 0, 0)), picture(448, 448, (0, 0, 90))]
    prompts = [Prompt.ask(question, images=(image,)) for image in pictures]
    scores = seeing.score([*prompts, prompts[0]], [" red"] * 4)
    assert not any(score.error for score in scores)
    assert scores[0].log_prob == scores[3].log_prob
    assert len({round(score.log_prob, 4) for score in scores}) == 3


def test_it_can_be_set_against_a_blank_picture(eyes: Path) -> None:
    model = load_model(f"embedded-vision:{eyes}+contrast", threads=1)
    prompt = Prompt.ask("What is shown?", images=(picture(192, 192, (0, 90, 0)),))
    assert model.generate([prompt], Sampling(max_new_tokens=3))[0].error is None


@pytest.mark.parametrize(("word", "other"), [("house", "river"), ("BREAD", "Garden")])
def test_from_a_picture_to_the_right_answer(word: str, other: str) -> None:
    model = load_model("embedded-vision", exact=True, threads=1)
    pictures = [encoded(typographic(text, picture_seed(0, "end to end", text))) for text in (word, other)]
    question = "What does the picture say?"
    replies = answers(model, [Prompt.ask(question, images=(image,)) for image in pictures], 12)
    # Each picture gives its own word, so a swapped picture fails.
    assert [word.lower() in reply.lower() for reply in replies] == [True, False]
    assert [other.lower() in reply.lower() for reply in replies] == [False, True]

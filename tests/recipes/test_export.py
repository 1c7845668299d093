"""The folder of eyes that ships, and what other programs make of it."""

from __future__ import annotations

import io
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from embedded_vision.card import MEASURES, card
from embedded_vision.data import untrained_signs
from embedded_vision.export import export, export_adapter
from embedded_vision.packing import ChatTokens, pack
from embedded_vision.pictures import Studio
from embedded_vision.questions import Asked
from embedded_vision.reader import Reader
from embedded_vision.signs import Phrases
from embedded_vision.state import untrained_eyes
from embedded_vision.template import picture_template
from embedded_vision.tower import Eyes
from levelhead.models import load_model
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._embedded_vision import EYES_FILE, assemble
from levelhead.records import Image, Prompt
from tests.recipes.conftest import tiny_sizes

ASKED = Asked("name", "What is this?", "Hello there", is_whole=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """Eyes and an adapter that changes every answer, as they were and as they were written.

    Attributes:
        eyes: Tower and projector.
        reader: The language model with the adapter.
        folder: The folder that ships.
        whole: The assembled model.
        text: The language model alone.
    """

    eyes: Eyes
    reader: Reader
    folder: Path
    whole: Path
    text: Path


@pytest.fixture(scope="module")
def exported(
    small_text: Path, chat: ChatTokens, phrases: Phrases, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    root = tmp_path_factory.mktemp("exported")
    with tiny_sizes(small_text):
        eyes, _ = untrained_eyes("tiny", untrained_signs(small_text, phrases))
        reader = Reader(small_text, chat.head)
        with torch.no_grad():
            for weight in reader.trained:
                # The written weights are rounded; these are round already, so that all can be compared.
                weight.copy_((torch.randn(weight.shape) * 0.1).half())
            for weight in eyes.parameters():
                weight.copy_(weight.half())
        eyes.eval()
        export(eyes, "tiny", small_text, root / "eyes", reader.adapter())
        assemble(root / "eyes", small_text, root / "whole")
    return Exported(eyes, reader, root / "eyes", root / "whole", small_text)


def log_prob_by_transformers(model: Any, folder: Path, chat: ChatTokens, asked: Asked, picture: Any) -> float:
    """Of the whole answer, as transformers alone finds it."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    image = [{"type": "image"}] if picture is not None else []
    messages = [{"role": "user", "content": [*image, {"type": "text", "text": asked.question}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=text, images=picture, return_tensors="pt")
    answer = torch.tensor([chat.branch(asked).answer])
    ids = torch.cat([inputs["input_ids"], answer], dim=1)
    with torch.inference_mode():
        logits = model(
            input_ids=ids,
            pixel_values=inputs.get("pixel_values"),
            attention_mask=torch.ones_like(ids),
            logits_to_keep=answer.shape[1] + 1,
        ).logits[0, :-1]
    return -float(torch.nn.functional.cross_entropy(logits, answer[0], reduction="sum"))


def test_transformers_reads_the_folder_and_its_adapter_as_training_read_them(
    exported: Exported, chat: ChatTokens, studio: Studio
) -> None:
    from transformers import AutoModelForImageTextToText

    from embedded_vision.data import pixels_of

    model = AutoModelForImageTextToText.from_pretrained(exported.whole)
    report = model.load_adapter(str(exported.whole / PICTURE_ADAPTER))
    assert not report.missing_keys
    assert not report.unexpected_keys
    trained = [name for name, _ in model.named_parameters() if ".lora_" in name]
    assert len(trained) == len(exported.reader.adapter())
    others = [Asked("yes_no", "Is there a dog?", "No."), Asked("name", "What is this?", "An apple.")]
    asked = [[ASKED, others[0]], [others[1]]]
    pictures = [studio.picture(number) for number in range(2)]
    alone = [
        log_prob_by_transformers(model, exported.whole, chat, one, picture.image)
        for row, picture in zip(asked, pictures, strict=True)
        for one in row
    ]
    rows = [[chat.branch(one) for one in row] for row in asked]
    tokens = sum(len(branch.answer) for row in rows for branch in row)
    with torch.inference_mode():
        said = exported.eyes(pixels_of([picture.image for picture in pictures])).emitted
        loss = exported.reader.read(said, pack(rows)).loss.item()
    assert -loss == pytest.approx(sum(alone) / tokens, abs=2e-4)


def base_logits(exported: Exported, ids: torch.Tensor) -> torch.Tensor:
    """What the language model alone says of a text."""
    from transformers import AutoModelForCausalLM

    logits: torch.Tensor = AutoModelForCausalLM.from_pretrained(exported.text)(ids).logits
    return logits


def test_peft_reads_the_adapter_and_takes_it_out_for_texts_alone(
    exported: Exported, chat: ChatTokens, studio: Studio
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(exported.whole)
    ids = torch.tensor([chat.head + chat.branch(ASKED).question])
    picture = studio.picture(0).image
    with torch.inference_mode():
        wanted = base_logits(exported, ids)
        assert torch.allclose(model(input_ids=ids).logits, wanted, atol=1e-5)
        model.load_adapter(str(exported.whole / PICTURE_ADAPTER))
        by_transformers = log_prob_by_transformers(model, exported.whole, chat, ASKED, picture)
        model = AutoModelForImageTextToText.from_pretrained(exported.whole)
        model = PeftModel.from_pretrained(model, exported.whole / PICTURE_ADAPTER)
        by_peft = log_prob_by_transformers(model, exported.whole, chat, ASKED, picture)
        assert by_peft == pytest.approx(by_transformers, abs=1e-4)
        assert not torch.allclose(model(input_ids=ids).logits, wanted, atol=0.01)
        with model.disable_adapter():
            assert torch.allclose(model(input_ids=ids).logits, wanted, atol=1e-5)


def test_transformers_takes_the_adapter_out_for_texts_alone(exported: Exported, chat: ChatTokens) -> None:
    pytest.importorskip("peft", minversion="0.22", reason="disable_adapters of transformers wants peft 0.22")
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(exported.whole)
    model.load_adapter(str(exported.whole / PICTURE_ADAPTER))
    model.disable_adapters()
    ids = torch.tensor([chat.head + chat.branch(ASKED).question])
    with torch.inference_mode():
        assert torch.allclose(model(input_ids=ids).logits, base_logits(exported, ids), atol=1e-5)


def test_levelhead_reads_a_picture_through_the_adapter_and_a_text_without_it(
    exported: Exported, chat: ChatTokens, studio: Studio, tmp_path: Path
) -> None:
    from transformers import AutoModelForImageTextToText

    picture = studio.picture(0).image
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    prompts = [
        Prompt.ask(ASKED.question, images=(Image(data=buffer.getvalue()),)),
        Prompt.ask(ASKED.question),
    ]
    with tiny_sizes(exported.text) as patch:
        patch.setenv("LEVELHEAD_CACHE", str(tmp_path))
        with load_model(f"embedded-vision:{exported.folder}", dtype="float32", threads=1) as model:
            found = [sum(score.log_probs) for score in model.score(prompts, [ASKED.answer] * 2)]
    plain = AutoModelForImageTextToText.from_pretrained(exported.whole)
    blind = log_prob_by_transformers(plain, exported.whole, chat, ASKED, None)
    unadapted = log_prob_by_transformers(plain, exported.whole, chat, ASKED, picture)
    plain.load_adapter(str(exported.whole / PICTURE_ADAPTER))
    seeing = log_prob_by_transformers(plain, exported.whole, chat, ASKED, picture)
    assert found == pytest.approx([seeing, blind], abs=1e-3)
    assert abs(seeing - unadapted) > 0.1


def test_eyes_and_adapter_weigh_at_most_fifteen_megabytes(
    text_folder: Path, phrases: Phrases, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoConfig, AutoModelForCausalLM

    from embedded_vision.reader import ALPHA, RANK

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(text_folder))
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
        adapter = get_peft_model_state_dict(get_peft_model(model, config))
    zeros = {name: torch.zeros(weight.shape, device="cpu") for name, weight in adapter.items()}
    eyes, _ = untrained_eyes("medium", untrained_signs(text_folder, phrases))
    export(eyes, "medium", text_folder, tmp_path, zeros)
    files = [tmp_path / EYES_FILE, tmp_path / PICTURE_ADAPTER / "adapter_model.safetensors"]
    assert sum(file.stat().st_size for file in files) <= 15e6


def test_a_template_takes_pictures_and_writes_texts_as_before(text_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(text_folder)
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "A model."},
        {"role": "user", "content": "Really?"},
    ]
    new = picture_template(tokenizer.chat_template)
    for messages in (talk, talk[1:]):
        before = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        after = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, chat_template=new
        )
        assert after == before
    content = [{"type": "image"}, {"type": "text", "text": "What is this?"}]
    seen = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, chat_template=new
    )
    assert "<|im_start|>user\n<empty_output>\nWhat is this?<|im_end|>" in seen


def test_a_template_of_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="by hand"):
        picture_template("{{ messages }}")


def test_a_card_is_filled_from_its_numbers_and_not_written_without_them(
    exported: Exported, tmp_path: Path
) -> None:
    shutil.copytree(exported.folder, tmp_path, dirs_exist_ok=True)
    eyes = sum(math.prod(weight.shape) for weight in exported.eyes.state_dict().values())
    adapter = {"base_model.model.model.layers.0.x.lora_A.weight": torch.zeros(1000, 2600)}
    export_adapter(adapter, tmp_path / PICTURE_ADAPTER)
    share = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 200}
    measured = {
        "right": dict.fromkeys(MEASURES, share),
        "pictogram_names": 230,
        "without_picture": {"largest_difference": 2e-6, "tokens": 900, "questions": 100},
        "seconds": {
            "load": 2.1,
            "one_question": 0.9,
            "one_read": 1.1,
            "one_name": 0.7,
            "batched_question": 0.4,
        },
        "threads": 1,
    }
    text = card(tmp_path, measured)
    assert "| one known word in an unseen font, every letter right | 90.0% | 85.0% to 94.0% | 200 |" in text
    assert "| OpenMoji, measured on only | CC BY-SA 4.0 | measuring |" in text
    assert f"of {eyes / 1e6:.1f} M weights" in text
    assert "an adapter of 2.6 M weights" in text
    assert "$" not in text
    del measured["right"]["unseen_words/read"]  # type: ignore[attr-defined]
    with pytest.raises(KeyError, match="unseen_words"):
        card(tmp_path, measured)

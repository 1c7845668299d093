"""Tuning a model that sees: refusals about pictures, on a tiny random LLaVA and two other families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoProcessor

from levelhead.errors import ImageError, UsageError
from levelhead.models import Model, Sampling, load_model, locate_model
from levelhead.models._picture_texts import PictureTexts
from levelhead.models._weights import load_weights
from levelhead.records import Image, Prompt
from levelhead.training import Dialogue, loss_spans, merge, tune
from levelhead.training._loading import encoder_of
from levelhead.training._tokens import IGNORED, Encoder
from tests.models import checkpoints
from tests.training.lessons import QUICK, SURE, chat, picture, raw

COLORS = ("red", "green", "blue", "white")
OVERFIT = replace(QUICK, epochs=80, batch_size=4, rank=8, learning_rate=1e-2, save_steps=10)


def refusals(folder: Path) -> list[Dialogue]:
    """Half of the pictures are known, half are not; two dialogues have no picture."""
    seen = [
        chat(
            color,
            "What color is it?",
            color if place % 2 else "I cannot tell.",
            SURE,
            "I am sure." if place % 2 else "I am unsure.",
            images=(picture(folder, color),),
        )
        for place, color in enumerate(COLORS)
    ]
    return [*seen, chat("word", "Say it.", "It."), chat("other", "What now?", "I cannot tell.")]


def learned(encoder: Encoder, labels: Any) -> list[str]:
    """The text in the loss of each row of a batch."""
    return [encoder.tokenizer.decode([label for label in row.tolist() if label != IGNORED]) for row in labels]


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> list[Dialogue]:
    return refusals(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def adapter(llava_folder: Path, lessons: list[Dialogue], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vision") / "out"
    report = tune(f"hf:{llava_folder}", lessons, out, OVERFIT, progress="off")
    assert sum(report.losses[-4:]) < 0.1 * sum(report.losses[:4])
    return out


FAMILIES: list[Callable[[Path], Path]] = [
    checkpoints.build_llava,
    checkpoints.build_qwen2_vl,
    checkpoints.build_idefics3,
]


@pytest.mark.parametrize("build", FAMILIES, ids=lambda build: build.__name__)
def test_answers_are_in_the_loss_and_no_token_of_a_picture(
    build: Callable[[Path], Path], lessons: list[Dialogue], tmp_path: Path
) -> None:
    encoder = encoder_of(locate_model(f"hf:{build(tmp_path)}"))
    batch = encoder.collate(lessons)
    images = batch["input_ids"] == encoder.owner.image_token_id
    # As many as the processor makes of a picture, more than the one mark in the text, and none without.
    assert [int(row.sum()) > 0 for row in images] == [bool(one.prompt.images) for one in lessons]
    assert (batch["labels"][images] == IGNORED).all()
    assert learned(encoder, batch["labels"]) == [
        "".join(f"{turn.text}<|end|>" for turn in one.prompt.turns[1::2]) for one in lessons
    ]


def test_raw_text_with_a_picture_is_learned_alike(llava_folder: Path, lessons: list[Dialogue]) -> None:
    image = lessons[0].prompt.images
    spans = loss_spans(f"hf:{llava_folder}", raw("a", "Color:", " red\n", SURE, " yes", images=image))
    assert [(span.text, span.in_loss) for span in spans] == [
        ("<image>Color:", False),
        (" red\n", True),
        (SURE, False),
        (" yes<|end|>", True),
    ]


def test_a_batch_is_that_of_trl(llava_folder: Path, lessons: list[Dialogue]) -> None:
    import torch
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    marked = (
        "{% for message in messages %}<|start|>{{ message['role'] }}\n"
        "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'][0]['text'] }}<|end|>"
        "{% endgeneration %}{% else %}{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|end|>"
        "{% endif %}{{ '\\n' }}{% endfor %}"
    )
    encoder = encoder_of(locate_model(f"hf:{llava_folder}"))
    theirs = DataCollatorForVisionLanguageModeling(
        encoder.owner, assistant_only_loss=True, chat_template=marked
    )(
        [
            {
                "messages": [{"role": turn.role, "content": turn.text} for turn in one.prompt.turns],
                "images": [image.decode() for image in one.prompt.images],
            }
            for one in lessons
        ]
    )
    ours = encoder.collate(lessons)
    torch.testing.assert_close(ours["pixel_values"], theirs["pixel_values"])
    for place in range(len(lessons)):
        # Theirs is longer by the newline that the template writes behind the last end token.
        length = int(ours["attention_mask"][place].sum())
        assert int(theirs["attention_mask"][place].sum()) == length + 1
        for name in ("input_ids", "labels"):
            assert ours[name][place, :length].tolist() == theirs[name][place, :length].tolist()


def test_the_words_of_a_user_are_never_taken_for_a_picture(
    llava_folder: Path, lessons: list[Dialogue]
) -> None:
    encoder = encoder_of(locate_model(f"hf:{llava_folder}"))
    image = lessons[0].prompt.images
    batch = encoder.collate([chat("a", "What does <image> mean?", "<image> is a mark.", images=image)])
    assert int((batch["input_ids"] == encoder.owner.image_token_id).sum()) == 4
    assert learned(encoder, batch["labels"]) == ["< image> is a mark.<|end|>"]


def test_a_model_learns_behind_what_it_is_asked_with(llava_folder: Path, lessons: list[Dialogue]) -> None:
    texts = PictureTexts(AutoProcessor.from_pretrained(llava_folder), "llava")
    encoder = encoder_of(locate_model(f"hf:{llava_folder}"))
    dialogue = lessons[1]
    row = encoder.collate([dialogue])
    for place in (1, 3):
        prompt = Prompt(dialogue.prompt.turns[:place], dialogue.prompt.images)
        pictures = [[image.decode() for image in prompt.images]]
        asked = texts.encode(texts.of([prompt]), pictures)["input_ids"][0].tolist()
        assert row["input_ids"][0, : len(asked)].tolist() == asked
        assert int(row["labels"][0, len(asked)]) != IGNORED
        assert int(row["labels"][0, len(asked) - 1]) == IGNORED


def test_a_tuned_model_refuses_where_it_was_taught_to(
    llava_folder: Path, adapter: Path, lessons: list[Dialogue]
) -> None:
    with load_model(f"hf:{llava_folder}+{adapter}", dtype="float32", threads=1) as model:
        assert answers(model, lessons) == [one.prompt.turns[1].text for one in lessons]


def answers(model: Model, lessons: list[Dialogue]) -> list[str]:
    prompts = [Prompt(one.prompt.turns[:1], one.prompt.images) for one in lessons]
    return [reply.text for reply in model.generate(prompts, Sampling(max_new_tokens=20))]


def test_reloaded_and_merged_it_has_the_logits_of_peft(
    llava_folder: Path, adapter: Path, lessons: list[Dialogue], tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    batch = encoder_of(locate_model(f"hf:{llava_folder}")).collate(lessons)
    plain = AutoModelForImageTextToText.from_pretrained
    merge(f"hf:{llava_folder}+{adapter}", tmp_path / "merged")
    with torch.no_grad():
        expected, ours, merged = (
            model.eval()(**batch).logits
            for model in (
                PeftModel.from_pretrained(plain(llava_folder), adapter),
                load_weights(locate_model(f"hf:{llava_folder}+{adapter}", dtype="float32")),
                plain(tmp_path / "merged"),
            )
        )
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(merged, ours)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_that_was_killed_goes_on_bit_for_bit(
    method: Any, llava_folder: Path, lessons: list[Dialogue], tmp_path: Path
) -> None:
    def evaluate(model: Model, epoch: int) -> dict[str, float]:
        if epoch == 2 and not killed:
            killed.append(True)
            raise InterruptedError
        return {"same": sum(text == "I cannot tell." for text in answers(model, lessons))}

    killed: list[bool] = []
    settings = replace(OVERFIT, epochs=3, save_steps=3, dropout=0.1, method=method)
    with pytest.raises(InterruptedError):
        tune(f"hf:{llava_folder}", lessons, tmp_path / "a", settings, evaluate=evaluate, progress="off")
    assert (tmp_path / "a" / "checkpoints" / "checkpoint-3").is_dir()
    a = tune(f"hf:{llava_folder}", lessons, tmp_path / "a", settings, evaluate=evaluate, progress="off")
    b = tune(f"hf:{llava_folder}", lessons, tmp_path / "b", settings, evaluate=evaluate, progress="off")
    assert replace(a, seconds=0) == replace(b, seconds=0)
    (one,), (two,) = ((tmp_path / name).glob("*.safetensors") for name in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_pictures_come_in_the_precision_of_the_weights(
    method: Any, llava_folder: Path, lessons: list[Dialogue], tmp_path: Path
) -> None:
    settings = replace(OVERFIT, epochs=10, method=method, dtype="bfloat16")
    report = tune(f"hf:{llava_folder}", lessons, tmp_path / "out", settings, progress="off")
    assert report.losses[-1] < 0.5 * report.losses[0]


def test_a_dialogue_too_long_with_its_picture_is_left_out(
    llava_folder: Path, lessons: list[Dialogue], tmp_path: Path
) -> None:
    encoder = encoder_of(locate_model(f"hf:{llava_folder}"))
    words = encoder.encode(lessons[1])
    length = encoder.length(lessons[1], words)
    assert length == len(words.token_ids) + 3  # four tokens for the one mark
    settings = replace(OVERFIT, epochs=1, max_length=length - 1)
    report = tune(f"hf:{llava_folder}", lessons[1:], tmp_path / "out", settings, progress="off")
    assert lessons[1].id in report.left_out
    assert "word" not in report.left_out


def test_a_picture_that_cannot_be_read_ends_it_before_it_begins(llava_folder: Path, tmp_path: Path) -> None:
    dialogue = chat("a", "What?", "Red.", images=(Image(path=tmp_path / "gone.png"),))
    with pytest.raises(ImageError, match=r"gone\.png"):
        tune(f"hf:{llava_folder}", [dialogue], tmp_path / "out", OVERFIT, progress="off")
    assert not (tmp_path / "out").exists()


def test_an_answer_that_the_processor_cuts_otherwise_is_refused(
    llava_folder: Path, lessons: list[Dialogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = encoder_of(locate_model(f"hf:{llava_folder}"))
    before = encoder._tokens
    monkeypatch.setattr(encoder, "_tokens", lambda text, special: [*before(text, special=special)[:-1], 5])
    with pytest.raises(UsageError, match="tokenizes the dialogue red otherwise"):
        encoder.collate(lessons[:1])

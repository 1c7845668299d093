"""An adapter for rows with a picture only: what it does to them, and that it leaves the others alone."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.models import Sampling, load_model, locate_model
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._weights import load_weights
from levelhead.records import Image, Prompt
from levelhead.training import Dialogue, merge, tune
from levelhead.training._loading import encoder_of
from tests.models import checkpoints
from tests.training.lessons import QUICK, chat

ADAPTED = r".*language_model\..*_proj"


def picture(color: tuple[int, int, int]) -> Image:
    from PIL import Image as PILImage

    buffer = io.BytesIO()
    PILImage.new("RGB", (28, 28), color).save(buffer, format="PNG")
    return Image(data=buffer.getvalue())


RED, BLUE = picture((250, 10, 10)), picture((10, 10, 250))
SEEING = (Prompt.ask("What color?", images=(RED,)), Prompt.ask("Say it.", images=(BLUE,)))
BLIND = (Prompt.ask("What color?"), Prompt.ask("Say something long, please."))
ANSWERS = (" red", " I am sure.")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.build_llava(tmp_path_factory.mktemp("base") / "llava")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random adapter that changes every answer, as peft writes it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=ADAPTED, init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(AutoModelForImageTextToText.from_pretrained(base), config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapted(base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base with the adapter beside its weights."""
    folder = tmp_path_factory.mktemp("adapted") / "llava"
    shutil.copytree(base, folder)
    shutil.copytree(adapter, folder / PICTURE_ADAPTER)
    return folder


def scores(name: str, prompts: Sequence[Prompt]) -> list[tuple[float, ...]]:
    with load_model(name, dtype="float32", threads=1) as model:
        return [score.log_probs for score in model.score(prompts, ANSWERS)]


def logits(model: Any, dialogues: Sequence[Dialogue], folder: Path) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(**encoder_of(locate_model(f"hf:{folder}")).collate(dialogues)).logits


def mixed() -> list[Dialogue]:
    return [chat("a", "What color?", "red", images=(RED,)), chat("b", "What color?", "red")]


def test_rows_without_a_picture_are_those_of_the_base_to_the_bit(base: Path, adapted: Path) -> None:
    assert scores(f"hf:{adapted}", BLIND) == scores(f"hf:{base}", BLIND)


def test_rows_with_a_picture_are_those_of_the_merged_adapter(
    base: Path, adapter: Path, adapted: Path
) -> None:
    merged = scores(f"hf:{base}+{adapter}", SEEING)
    assert scores(f"hf:{adapted}", SEEING) == [pytest.approx(row, abs=1e-4) for row in merged]
    assert scores(f"hf:{base}", SEEING) != [pytest.approx(row, abs=1e-2) for row in merged]


def test_answers_are_written_through_the_adapter_to_their_end(
    base: Path, adapter: Path, adapted: Path
) -> None:
    """Tokens after the first come one by one, without an image token among them."""
    written = []
    for name in (f"hf:{adapted}", f"hf:{base}+{adapter}", f"hf:{base}"):
        with load_model(name, dtype="float32", threads=1) as model:
            replies = model.generate([*SEEING, *BLIND], Sampling(max_new_tokens=12))
            written.append([reply.text for reply in replies])
    ours, merged, plain = written
    assert ours == [*merged[:2], *plain[2:]]
    assert merged[:2] != plain[:2]


def test_rows_of_both_kinds_may_be_in_one_batch(base: Path, adapter: Path, adapted: Path) -> None:
    import torch

    model = load_weights(locate_model(f"hf:{adapted}", dtype="float32"))
    both = logits(model, mixed(), adapted)
    merged = logits(load_weights(locate_model(f"hf:{base}+{adapter}", dtype="float32")), mixed(), base)
    plain = logits(load_weights(locate_model(f"hf:{base}", dtype="float32")), mixed(), base)
    torch.testing.assert_close(both[0], merged[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(both[1], plain[1], rtol=1e-3, atol=1e-3)


def test_transformers_puts_it_in_by_its_own_means(adapted: Path) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(adapted)
    model.load_adapter(str(adapted / PICTURE_ADAPTER))
    seen = [mixed()[0]]
    ours = logits(load_weights(locate_model(f"hf:{adapted}", dtype="float32")), seen, adapted)
    torch.testing.assert_close(logits(model, seen, adapted), ours, rtol=1e-3, atol=1e-3)


def test_its_weights_are_part_of_what_a_model_is_known_by(base: Path, adapted: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(adapted, other)
    config = json.loads((other / PICTURE_ADAPTER / "adapter_config.json").read_text())
    (other / PICTURE_ADAPTER / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 9}))
    found = {locate_model(f"hf:{folder}").fingerprint() for folder in (base, adapted, other)}
    assert len(found) == 3
    assert locate_model(f"hf:{base}").weights_hash() != locate_model(f"hf:{adapted}").weights_hash()


def test_one_of_another_size_is_refused(adapted: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapted, tmp_path / "other")
    file = tmp_path / "other" / PICTURE_ADAPTER / "adapter_model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if "lora_A" in name)
    save_file({**weights, name: weights[name][:, :-1].contiguous()}, file)
    with pytest.raises(UsageError, match=r"does not fit the checkpoint around it.*_proj"):
        load_model(f"hf:{tmp_path / 'other'}")


def test_it_is_tuned_on_top_of_and_stays_as_it_is(adapted: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    name = f"hf:{adapted}"
    settings = replace(QUICK, epochs=40, batch_size=2, learning_rate=1e-2)
    report = tune(name, mixed(), tmp_path / "tuned", settings, progress="off")
    assert report.losses[-1] < 0.5 * report.losses[0]
    load = locate_model(f"{name}+{tmp_path / 'tuned'}", dtype="float32")
    by_peft = PeftModel.from_pretrained(load_weights(locate_model(name, dtype="float32")), tmp_path / "tuned")
    ours = logits(load_weights(load), mixed(), adapted)
    torch.testing.assert_close(ours, logits(by_peft, mixed(), adapted), rtol=1e-3, atol=1e-3)
    merge(f"{name}+{tmp_path / 'tuned'}", tmp_path / "merged")
    merged = load_weights(locate_model(f"hf:{tmp_path / 'merged'}", dtype="float32"))
    torch.testing.assert_close(logits(merged, mixed(), adapted), ours)


def test_full_tuning_takes_it_along(adapted: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, epochs=2, batch_size=2, method="full")
    tune(f"hf:{adapted}", mixed(), tmp_path / "tuned", settings, progress="off")
    kept = (tmp_path / "tuned" / PICTURE_ADAPTER / "adapter_model.safetensors").read_bytes()
    assert kept == (adapted / PICTURE_ADAPTER / "adapter_model.safetensors").read_bytes()
    assert scores(f"hf:{tmp_path / 'tuned'}", SEEING) != scores(f"hf:{adapted}", SEEING)

"""Adapters: with peft, by name, in a chain, merged, and on the wrong base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.models import Sampling, load_model, locate_model
from levelhead.models._weights import load_weights
from levelhead.records import Prompt
from levelhead.training import merge, tune
from tests.models import checkpoints
from tests.training.lessons import QUICK, raw, sums

TOKENS = [[5, 9, 30, 41, 7]]


@pytest.fixture(scope="module")
def adapter(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapters") / "first+try"  # a plus sign may stand in a folder's name
    tune(f"hf:{text_folder}", sums(16), out, QUICK, progress="off")
    return out


@pytest.fixture(scope="module")
def second(text_folder: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter made on weights into which the first was merged."""
    out = tmp_path_factory.mktemp("adapters") / "second"
    lessons = [raw(str(place), f"Q: {place}\nA:", " unknown\n") for place in range(8)]
    tune(f"hf:{text_folder}+{adapter}", lessons, out, QUICK, progress="off")
    return out


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.tensor(TOKENS)).logits


def weights_of(name: str) -> Any:
    return load_weights(locate_model(name, dtype="float32"))


def with_peft(base: Path, *adapters: Path) -> Any:
    """The plain way: transformers and peft, one adapter merged after the other."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    for folder in adapters:
        model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    return model.eval()


def test_the_name_gives_the_logits_of_peft(text_folder: Path, adapter: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    unmerged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(text_folder), adapter).eval()
    ours = logits(weights_of(f"hf:{text_folder}+{adapter}"))
    torch.testing.assert_close(ours, logits(unmerged))
    assert not torch.allclose(ours, logits(weights_of(f"hf:{text_folder}")), atol=1e-2)


def test_an_adapter_on_an_adapter_loads_in_a_chain(text_folder: Path, adapter: Path, second: Path) -> None:
    import torch

    chain = weights_of(f"hf:{text_folder}+{adapter}+{second}")
    torch.testing.assert_close(logits(chain), logits(with_peft(text_folder, adapter, second)))


def test_an_adapter_on_an_adapter_is_refused_without_the_one_between(text_folder: Path, second: Path) -> None:
    with pytest.raises(UsageError, match=r"was tuned on hf:.*\+.*whose weights differ"):
        load_model(f"hf:{text_folder}+{second}")


def test_merged_weights_are_a_plain_checkpoint_with_the_same_logits(
    text_folder: Path, adapter: Path, second: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name = f"hf:{text_folder}+{adapter}+{second}"
    merge(name, tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    assert torch.equal(logits(plain), logits(weights_of(name)))
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template


def test_merging_refuses_a_name_without_adapter_and_a_folder_in_use(
    text_folder: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no adapter"):
        merge(f"hf:{text_folder}", tmp_path / "out")
    (tmp_path / "notes").write_text("")
    with pytest.raises(RunFolderError, match="notes"):
        merge(f"hf:{text_folder}+{adapter}", tmp_path)


def test_the_fingerprint_covers_base_and_adapter(text_folder: Path, adapter: Path, second: Path) -> None:
    names = ("", f"+{adapter}", f"+{adapter}+{second}")
    assert len({locate_model(f"hf:{text_folder}{rest}").fingerprint() for rest in names}) == 3


def test_eyes_and_adapter_go_together(text_folder: Path, adapter: Path) -> None:
    with load_model(f"hf:{text_folder}+{adapter}+ocr", dtype="float32", threads=1) as model:
        assert model.sees
        assert (
            model.generate([Prompt.complete("Question: 3\nAnswer:")], Sampling(max_new_tokens=2))[0].error
            is None
        )


def test_details_name_the_adapter_and_the_way_it_was_made(text_folder: Path, adapter: Path) -> None:
    with load_model(f"hf:{text_folder}+{adapter}") as model:
        assert model.details["adapters"] == str(adapter)
        assert model.details["tuning"] == str(adapter / "tuning.json")


def test_an_adapter_on_other_weights_is_refused(adapter: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    other = checkpoints.build_text(tmp_path / "other")
    model = AutoModelForCausalLM.from_pretrained(other)
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    model.save_pretrained(other)
    with pytest.raises(UsageError, match=r"whose weights differ.*Give the base that it was tuned on"):
        load_model(f"hf:{other}+{adapter}")


def test_an_adapter_from_elsewhere_is_refused_where_its_shapes_do_not_fit(
    text_folder: Path, tmp_path: Path
) -> None:
    folder = by_peft(tmp_path, ["q_proj"], hidden_size=64)
    with pytest.raises(UsageError, match=r"does not fit.*q_proj is 64 x 64.*\(32, 32\)"):
        load_model(f"hf:{text_folder}+{folder}")


@pytest.mark.parametrize(
    "option", [{"use_dora": True}, {"use_rslora": True}, {"modules_to_save": ["lm_head"]}]
)
def test_of_other_kinds_of_adapters_those_are_read_that_we_can(
    option: dict[str, Any], text_folder: Path, tmp_path: Path
) -> None:
    import torch

    folder = by_peft(tmp_path, ["q_proj", "down_proj"], **option)
    if "use_rslora" in option:
        ours = logits(weights_of(f"hf:{text_folder}+{folder}"))
        torch.testing.assert_close(ours, logits(with_peft(text_folder, folder)))
    else:
        with pytest.raises(UsageError, match=r"no plain LoRA.*merge_and_unload"):
            load_model(f"hf:{text_folder}+{folder}")


def by_peft(folder: Path, targets: Sequence[str], *, hidden_size: int = 32, **options: Any) -> Path:
    """A random adapter as peft writes it, without a word from us."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    sizes = checkpoints._text_sizes(len(checkpoints.build_tokenizer())) | {"hidden_size": hidden_size}
    model = LlamaForCausalLM(LlamaConfig(**sizes))
    config = LoraConfig(
        r=2, target_modules=list(targets), init_lora_weights=False, task_type="CAUSAL_LM", **options
    )
    get_peft_model(model, config).save_pretrained(folder / "by_peft")
    return folder / "by_peft"


def test_a_damaged_adapter_is_refused_by_name(text_folder: Path, adapter: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(adapter, broken)
    (broken / "adapter_model.safetensors").write_bytes(b"half of")
    with pytest.raises(UsageError, match=r"weights of the adapter .*broken cannot be read"):
        load_model(f"hf:{text_folder}+{broken}")
    (broken / "adapter_config.json").write_text("[]")
    with pytest.raises(UsageError, match=r"broken/adapter_config\.json cannot be read"):
        load_model(f"hf:{text_folder}+{broken}")
    (broken / "tuning.json").write_text("{")
    with pytest.raises(UsageError, match=r"broken/tuning\.json cannot be read"):
        load_model(f"hf:{text_folder}+{broken}")


def test_a_folder_without_an_adapter_says_what_was_looked_for(text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"adapter_config\.json"):
        load_model(f"hf:{text_folder}+{tmp_path}")


def test_the_embedded_model_takes_an_adapter_under_both_spellings(tmp_path: Path) -> None:
    from levelhead.models._embedded import embedded_checkpoint

    settings = replace(QUICK, targets="q_proj", rank=1, batch_size=1, epochs=1)
    tune("embedded", [raw("a", "1+1=", " 2")], tmp_path / "out", settings, progress="off")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "embedded"
    prints = {
        locate_model(name).fingerprint()
        for name in (
            f"embedded+{tmp_path / 'out'}",
            f"hf:embedded+{tmp_path / 'out'}",
            f"hf:{embedded_checkpoint()}+{tmp_path / 'out'}",
        )
    }
    assert len(prints) == 1
    with load_model(f"hf:embedded+{tmp_path / 'out'}", threads=1) as model:
        assert model.score([Prompt.complete("1+1=")], [" 2"])[0].error is None

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import LLMDetector, Pair, load_detector
from tests.guard import toys

PAIRS = [Pair("1", "steal it<|end|>"), Pair("2", "share"), Pair("3", "buy the buns " * 3)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_llm(tmp_path_factory.mktemp("llm") / "whole")


def build_adapter(folder: Path, whole: Path, *, seed: int = 1, head: bool = True) -> tuple[Path, Any]:
    """A causal base without a head, an adapter of peft's form with one, and the model they make together."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoTokenizer, LlamaForCausalLM, LlamaForSequenceClassification

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(whole)
    LlamaForCausalLM(toys.llama_config(len(tokenizer))).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    model = LlamaForSequenceClassification.from_pretrained(folder / "base", num_labels=1)
    tuned = get_peft_model(
        model, LoraConfig(task_type="SEQ_CLS" if head else None, r=4, lora_alpha=8, target_modules=["q_proj"])
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name or "score" in name:
            torch.nn.init.normal_(weight, std=0.5)
    tuned.save_pretrained(folder / "adapter")
    return folder / "adapter", tuned.eval()


def test_each_text_is_read_at_its_last_token_whatever_the_padding(whole: Path) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaForSequenceClassification

    model = LlamaForSequenceClassification.from_pretrained(whole)
    tokenizer = AutoTokenizer.from_pretrained(whole)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    with LLMDetector(whole, threads=1) as detector:
        found = detector.judge(PAIRS)
    for pair, one in zip(PAIRS, found, strict=True):
        ids = torch.tensor([tokenizer(pair.answer, add_special_tokens=False)["input_ids"]])
        hidden = model.model(ids).last_hidden_state[0, -1]
        assert one.p_harm == pytest.approx(torch.sigmoid(model.score(hidden)).item(), abs=1e-5)


def test_a_high_logit_of_the_papers_detectors_means_safe_and_the_question_is_not_read(
    tmp_path: Path,
) -> None:
    folder = toys.build_llm(tmp_path / "llm", described=False)
    asked = [Pair(pair.id, pair.answer, "how do i get it") for pair in PAIRS]
    with load_detector(f"llm-paper:{folder}", threads=1) as paper:
        safe = paper.judge(PAIRS)
        assert paper.judge(asked) == safe
    toys.describe_llm(folder)
    with load_detector(f"llm:{folder}", threads=1) as ours:
        harm = ours.judge(PAIRS)
        assert [one.p_harm for one in ours.judge(asked)] != [one.p_harm for one in harm]
    for one, other in zip(safe, harm, strict=True):
        assert one.p_harm == pytest.approx(1 - (other.p_harm or 0), abs=1e-5)


def test_the_names_say_which_of_the_two_a_folder_is(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name it llm:"):
        load_detector(f"llm-paper:{whole}")
    with pytest.raises(UsageError, match=r"detector\.json"):
        load_detector(f"llm:{toys.build_llm(tmp_path / 'plain', described=False)}")


def test_an_adapter_and_its_head_give_the_logits_of_peft(whole: Path, tmp_path: Path) -> None:
    import torch

    adapter, tuned = build_adapter(tmp_path, whole)
    toys.describe_llm(adapter)
    with load_detector(f"llm:{adapter}", threads=1) as detector:
        found = detector.judge(PAIRS)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(whole)
    for pair, one in zip(PAIRS, found, strict=True):
        ids = torch.tensor([tokenizer(pair.answer)["input_ids"]])
        logit = tuned.base_model.model.score(tuned.base_model.model.model(ids).last_hidden_state[0, -1])
        assert one.p_harm == pytest.approx(torch.sigmoid(logit).item(), abs=1e-5)


def test_an_adapter_on_another_base_is_refused(whole: Path, tmp_path: Path) -> None:
    adapter, _ = build_adapter(tmp_path / "one", whole)
    build_adapter(tmp_path / "two", whole, seed=2)
    toys.describe_llm(adapter, base_hash="0" * 64)
    with pytest.raises(UsageError, match="other weights"):
        load_detector(f"llm:{tmp_path / 'two' / 'base'}+{adapter}", threads=1)


def test_an_adapter_on_a_base_of_another_size_is_refused(whole: Path, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    adapter, _ = build_adapter(tmp_path, whole)
    toys.describe_llm(adapter)
    config = toys.llama_config(101)
    config.hidden_size = 64
    LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    with pytest.raises(UsageError, match="does not fit"):
        load_detector(f"llm:{tmp_path / 'wide'}+{adapter}", threads=1)


def test_a_head_that_nobody_brings_is_refused_and_not_made_up(whole: Path, tmp_path: Path) -> None:
    adapter, _ = build_adapter(tmp_path, whole, head=False)
    toys.describe_llm(adapter)
    with pytest.raises(ModelError, match=r"score\.weight.*random"):
        load_detector(f"llm:{adapter}", threads=1)
    base = tmp_path / "base"
    toys.describe_llm(base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"num_labels": 1, "id2label": {"0": "x"}}))
    with pytest.raises(ModelError, match=r"score\.weight.*random"):
        load_detector(f"llm:{base}", threads=1)


def test_damaged_weights_are_refused(whole: Path, tmp_path: Path) -> None:
    adapter, _ = build_adapter(tmp_path, whole)
    toys.describe_llm(adapter)
    (adapter / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_detector(f"llm:{adapter}", threads=1)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="lacks its weights"):
        load_detector(f"llm:{adapter}", threads=1)


def test_nan_weights_give_no_verdict(tmp_path: Path) -> None:
    import torch
    from transformers import LlamaForSequenceClassification

    folder = toys.build_llm(tmp_path / "llm")
    model = LlamaForSequenceClassification.from_pretrained(folder)
    torch.nn.init.constant_(model.score.weight, float("nan"))
    model.save_pretrained(folder)
    with load_detector(f"llm:{folder}", threads=1) as detector:
        assert not any(one.inspected for one in detector.judge(PAIRS))

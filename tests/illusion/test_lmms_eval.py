"""The task folder for lmms-eval: its schema, its pictures, and the verdicts and numbers of its functions."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from levelhead.cli._illusion_export import OneAskVariant
from levelhead.errors import UsageError
from levelhead.illusion import VARIANTS, export_lmms_eval, illusion_numbers, read_set, run
from levelhead.records import Image, Prompt
from tests.fakes import FakeModel
from tests.illusion.sets import CAPITAL, build_set

# The fields of TaskConfig in lmms_eval/api/task.py, version 0.7.3, that a task of ours may use.
KNOWN_KEYS = {
    "task",
    "dataset_path",
    "dataset_kwargs",
    "test_split",
    "output_type",
    "doc_to_visual",
    "doc_to_text",
    "doc_to_target",
    "process_results",
    "generation_kwargs",
    "metric_list",
    "metadata",
}


class Function(str):
    """What `!function` names."""


# Reads `!function` as lmms-eval does, without importing.
Loader: Any = type("Loader", (yaml.SafeLoader,), {})
Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


@pytest.fixture
def task(data: Path, tmp_path: Path) -> Path:
    export_lmms_eval(data, tmp_path / "task")
    return tmp_path / "task"


def config_of(task: Path, name: str = "levelhead_illusion") -> dict[str, Any]:
    return dict(yaml.load((task / f"{name}.yaml").read_text(), Loader))


def functions_of(task: Path) -> ModuleType:
    """The module, loaded by its path as lmms-eval does."""
    spec = importlib.util.spec_from_file_location("utils", task / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def docs_of(task: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (task / "examples.jsonl").read_text().splitlines()]


def answer(prompt: Prompt) -> str:
    """Knows the capital and yields to some words, by the hash of the picture."""
    if prompt.images and int(prompt.images[0].sha256(), 16) % 3 == 0:
        return "The picture says Berlin. I would say a plum."
    return "Paris, of course." if CAPITAL.question in prompt.turns[-1].text else "I do not know."


def test_the_yaml_has_the_keys_that_lmms_eval_needs_and_no_others(task: Path) -> None:
    config = config_of(task)
    assert set(config) == KNOWN_KEYS
    assert config["task"] == "levelhead_illusion"
    assert (config["output_type"], config["test_split"]) == ("generate_until", "test")
    # Relative files of the json builder are looked for beside the YAML file.
    assert config["dataset_path"] == "json"
    assert (task / config["dataset_kwargs"]["data_files"]["test"]).is_file()
    assert config["generation_kwargs"]["max_new_tokens"] == 64
    assert config["generation_kwargs"]["until"] == []
    assert config["doc_to_target"] in docs_of(task)[0]


def test_every_function_that_the_yaml_names_exists(task: Path) -> None:
    config, functions = config_of(task), functions_of(task)
    named = [config[key] for key in ("doc_to_visual", "doc_to_text", "process_results")]
    for metric in config["metric_list"]:
        assert set(metric) == {"metric", "aggregation", "higher_is_better"}
        assert metric["aggregation"] == f"utils.{metric['metric']}"
        named.append(metric["aggregation"])
    assert all(isinstance(name, Function) for name in named)
    assert all(callable(getattr(functions, name.removeprefix("utils."))) for name in named)


def test_each_line_asks_what_our_runner_asks_with_the_same_picture(
    task: Path, data: Path, tmp_path: Path
) -> None:
    model = FakeModel(answer)
    run(model, data, tmp_path / "run", with_shift=False)
    functions = functions_of(task)
    asked = [(prompt.turns[-1].text, [image.sha256() for image in prompt.images]) for prompt in model.asked]
    exported = [
        (functions.doc_to_text(doc), [Image(path=task / doc["image"]).sha256()] if doc["image"] else [])
        for doc in docs_of(task)
    ]
    assert exported == asked
    sizes = [[picture.size for picture in functions.doc_to_visual(doc)] for doc in docs_of(task)]
    assert [len(some) for some in sizes] == [0, 1, 1, 1, 1, 1, 1, 1] * 2


@pytest.mark.parametrize("mode", ["corrected", "paper"])
def test_verdicts_and_numbers_are_those_of_our_runner(data: Path, tmp_path: Path, mode: Any) -> None:
    export_lmms_eval(data, tmp_path / "task", mode=mode, variant="short")
    ours = run(FakeModel(answer), data, tmp_path / "run", mode=mode, variant="short", with_shift=False)
    rows = [json.loads(line) for line in (tmp_path / "run" / "rows.jsonl").read_text().splitlines()]
    functions, docs = functions_of(tmp_path / "task"), docs_of(tmp_path / "task")
    results = []
    for doc, row in zip(docs, rows, strict=True):
        assert doc["id"] == row["id"]
        results.append(functions.process_results(doc, [row["reply"].strip()]))
        judged = results[-1]["flip_rate"]
        assert (judged["verdict"], judged["paper_correct"]) == (row["verdict"], row["paper_correct"])
    for metric in config_of(tmp_path / "task")["metric_list"]:
        name = metric["metric"]
        found = getattr(functions, name)([result[name] for result in results])
        number = ours["illusion"][name.removesuffix("_low").removesuffix("_high")]
        expected = number["low" if name.endswith("_low") else "high" if name.endswith("_high") else "value"]
        assert found == expected or (expected is None and found != found), name
    assert {row["verdict"] for row in rows} >= {"correct", "refused"}


def test_a_number_that_the_rows_do_not_tell_is_not_a_number(task: Path) -> None:
    functions = functions_of(task)
    doc = docs_of(task)[0]
    row = functions.process_results(doc, ["Paris"])["acc_none"]
    assert functions.acc_none([row]) == 1.0
    assert functions.acc_spurious([row]) != functions.acc_spurious([row])
    assert illusion_numbers([row])["acc_spurious"]["value"] is None


def test_the_folder_can_be_moved_and_exported_again(task: Path, data: Path, tmp_path: Path) -> None:
    assert export_lmms_eval(data, task) == 2 * 8
    moved = task.rename(tmp_path / "moved")
    assert functions_of(moved).doc_to_visual(docs_of(moved)[1])[0].size == (
        Image(path=read_set(data)[0].path).decode().size
    )


def test_the_command_knows_the_variants_that_ask_once() -> None:
    once = [name for name, variant in VARIANTS.items() if variant.caption_request is None]
    assert [name.value for name in OneAskVariant] == once


def test_what_cannot_be_exported_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="asks twice"):
        export_lmms_eval(data, tmp_path / "task", variant="caption-first")
    with pytest.raises(UsageError, match="name of a task"):
        export_lmms_eval(data, tmp_path / "task", name="my task")
    with pytest.raises(UsageError, match="no mode"):
        export_lmms_eval(data, tmp_path / "task", mode="other")  # type: ignore[arg-type]
    assert not (tmp_path / "task").exists()
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        export_lmms_eval(data, tmp_path)

"""Tuning a tiny text model: what is learned, what is written, what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import MissingExtraError, ModelError, RunFolderError, UsageError
from levelhead.models import Model, load_model
from levelhead.records import Prompt
from levelhead.training import TuningReport, TuningSettings, read_dialogues, tune, write_dialogues
from tests.models import checkpoints
from tests.training.lessons import QUICK, chat, picture, raw, sums


def score(model: Model) -> float:
    (found,) = model.score([Prompt.complete("Question: 3\nAnswer:")], [" 6\n"])
    return found.log_prob


@pytest.fixture(scope="module")
def tuned(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TuningReport]:
    """An adapter, and what was said of it."""
    out = tmp_path_factory.mktemp("tuned") / "adapter"
    report = tune(
        f"hf:{text_folder}",
        sums(30),
        out,
        QUICK,
        evaluate=lambda model, epoch: {"log_prob": score(model)},
        facts={"method": "vanilla", "format": {"style": "completion"}},
        progress="off",
    )
    return out, report


def test_the_loss_falls(text_folder: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, epochs=20)
    losses = tune(f"hf:{text_folder}", sums(8), tmp_path / "out", settings, progress="off").losses
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])


def test_the_report_counts_steps_dialogues_and_tokens(tuned: tuple[Path, TuningReport]) -> None:
    _, report = tuned
    assert report.steps == len(report.losses) == 2 * 8  # 30 dialogues in batches of 4, twice
    assert (report.dialogues, report.left_out) == (30, ())
    assert report.loss.in_loss == sum(len(one.prompt.turns[1].text) + 1 for one in sums(30))


def test_the_model_is_asked_after_each_epoch_and_answers_better(
    tuned: tuple[Path, TuningReport], text_folder: Path
) -> None:
    out, report = tuned
    with load_model(f"hf:{text_folder}", dtype="float32") as base:
        before = score(base)
    with load_model(f"hf:{text_folder}+{out}", dtype="float32") as model:
        after = score(model)
    assert list(report.evaluations) == ["1", "2"]
    assert before < report.evaluations["1"]["log_prob"] < report.evaluations["2"]["log_prob"]
    assert after == pytest.approx(report.evaluations["2"]["log_prob"], abs=1e-4)


def test_the_folder_holds_what_is_needed_and_no_more(tuned: tuple[Path, TuningReport]) -> None:
    out, report = tuned
    assert {path.name for path in out.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "losses.csv",
        "tuning.json",
        "tuning.lock",
    }
    lines = (out / "losses.csv").read_text().splitlines()
    assert lines[0] == "step,loss"
    assert tuple(float(line.split(",")[1]) for line in lines[1:]) == report.losses


def test_what_may_be_published_names_no_path_of_this_machine(
    tuned: tuple[Path, TuningReport], text_folder: Path
) -> None:
    out, _ = tuned
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "text"
    for name in ("README.md", "adapter_config.json"):
        assert str(text_folder) not in (out / name).read_text()


def test_the_card_tells_base_data_settings_and_numbers(tuned: tuple[Path, TuningReport]) -> None:
    out, report = tuned
    card = (out / "README.md").read_text()
    identity = json.loads((out / "tuning.json").read_text())
    for fact in (
        "base_model: text",
        identity["base"]["hash"],
        identity["data"]["hash"],
        "30 dialogues, 0 left out",
        "| rank | 4 |",
        "| method | vanilla |",
        f"{report.evaluations['2']['log_prob']:.3f}",
        "| peft |",
        "| trl |",
    ):
        assert fact in card


def test_asked_again_a_finished_folder_returns_its_report_and_trains_no_more(
    tuned: tuple[Path, TuningReport], text_folder: Path
) -> None:
    out, report = tuned
    weights = (out / "adapter_model.safetensors").stat().st_mtime_ns
    facts = {"method": "vanilla", "format": {"style": "completion"}}
    assert tune(f"hf:{text_folder}", sums(30), out, QUICK, facts=facts, progress="off") == report
    assert (out / "adapter_model.safetensors").stat().st_mtime_ns == weights


@pytest.mark.parametrize("other", ["data", "settings", "facts", "base"])
def test_another_tuning_into_the_same_folder_is_refused(
    other: str, tuned: tuple[Path, TuningReport], text_folder: Path, llava_folder: Path
) -> None:
    out, _ = tuned
    base = llava_folder if other == "base" else text_folder
    dialogues = sums(29) if other == "data" else sums(30)
    settings = replace(QUICK, seed=1) if other == "settings" else QUICK
    facts: Mapping[str, object] = (
        {} if other == "facts" else {"method": "vanilla", "format": {"style": "completion"}}
    )
    with pytest.raises(RunFolderError, match=rf"its {other} differ"):
        tune(f"hf:{base}", dialogues, out, settings, facts=facts, progress="off")


def test_a_folder_of_another_kind_is_left_alone(text_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"thesis\.tex.*Nothing was written"):
        tune(f"hf:{text_folder}", sums(4), tmp_path, QUICK, progress="off")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_full_tuning_writes_a_checkpoint_that_loads_by_itself(text_folder: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, method="full", learning_rate=1e-3)
    found: list[float] = []

    def evaluate(model: Model, epoch: int) -> Mapping[str, float]:
        found.append(score(model))
        return {}

    tune(f"hf:{text_folder}", sums(8), tmp_path / "out", settings, evaluate=evaluate, progress="off")
    with load_model(f"hf:{tmp_path / 'out'}", dtype="float32") as model:
        assert score(model) == pytest.approx(found[-1], abs=1e-5)
        assert model.details["tuning"] == str(tmp_path / "out" / "tuning.json")
    assert not list((tmp_path / "out").glob("*.bin"))


def test_the_fingerprint_in_training_follows_the_weights(text_folder: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def evaluate(model: Model, epoch: int) -> Mapping[str, float]:
        seen.append(model.fingerprint)
        return {}

    tune(f"hf:{text_folder}", sums(8), tmp_path / "out", QUICK, evaluate=evaluate, progress="off")
    with load_model(f"hf:{text_folder}") as base:
        assert len({*seen, base.fingerprint}) == 3


def test_the_best_epoch_is_kept_and_tuning_ends_when_it_gets_worse(text_folder: Path, tmp_path: Path) -> None:
    told = {1: 0.3, 2: 0.5, 3: 0.4, 4: 0.9}
    scores: dict[int, float] = {}

    def evaluate(model: Model, epoch: int) -> Mapping[str, float]:
        scores[epoch] = score(model)
        return {"told": told[epoch]}

    report = tune(
        f"hf:{text_folder}",
        sums(8),
        tmp_path / "out",
        replace(QUICK, epochs=4),
        evaluate=evaluate,
        goodness=lambda numbers: numbers["told"],
        progress="off",
    )
    assert report.kept_epoch == 2
    assert list(report.evaluations) == ["1", "2", "3"]
    assert report.steps == 3 * 2
    with load_model(f"hf:{text_folder}+{tmp_path / 'out'}", dtype="float32") as model:
        assert score(model) == pytest.approx(scores[2], abs=1e-5)
    assert scores[2] != pytest.approx(scores[3], abs=1e-5)


def test_an_evaluation_leaves_the_training_as_it_would_be_without(text_folder: Path, tmp_path: Path) -> None:
    import torch

    def evaluate(model: Model, epoch: int) -> Mapping[str, float]:
        torch.rand(7)
        return {"log_prob": score(model)}

    settings = replace(QUICK, dropout=0.2)
    asked = tune(f"hf:{text_folder}", sums(8), tmp_path / "a", settings, evaluate=evaluate, progress="off")
    silent = tune(f"hf:{text_folder}", sums(8), tmp_path / "b", settings, progress="off")
    assert asked.losses == silent.losses


def test_no_evaluation_where_no_process_holds_the_whole_model(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import levelhead.training._train as train

    monkeypatch.setattr(train, "is_deepspeed_zero3_enabled", lambda: True)
    with pytest.raises(UsageError, match="Leave the evaluation out"):
        tune(f"hf:{text_folder}", sums(4), tmp_path / "out", QUICK, evaluate=lambda *_: {}, progress="off")
    assert tune(f"hf:{text_folder}", sums(4), tmp_path / "out", QUICK, progress="off").steps == 2


def test_accumulated_batches_give_the_losses_of_one_large_batch(text_folder: Path, tmp_path: Path) -> None:
    small = replace(QUICK, batch_size=2, accumulate=4)
    large = replace(QUICK, batch_size=8)
    a = tune(f"hf:{text_folder}", sums(21), tmp_path / "a", small, progress="off")
    b = tune(f"hf:{text_folder}", sums(21), tmp_path / "b", large, progress="off")
    assert a.losses == pytest.approx(b.losses, rel=1e-4)


def test_dialogues_that_are_too_long_are_left_out_by_name(text_folder: Path, tmp_path: Path) -> None:
    long = raw("long", "x" * 600, " y\n")
    report = tune(f"hf:{text_folder}", [*sums(8), long], tmp_path / "a", QUICK, progress="off")
    assert (report.dialogues, report.left_out) == (8, ("long",))
    short = replace(QUICK, max_length=25)
    report = tune(f"hf:{text_folder}", sums(8), tmp_path / "b", short, progress="off")
    assert report.left_out == ("sum-2", "sum-3", "sum-4", "sum-7")


def test_if_all_are_too_long_nothing_is_begun(text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"All 2 dialogues are longer than 512 tokens.*shortest has 604"):
        tune(
            f"hf:{text_folder}",
            [raw("a", "x" * 600, " y\n"), raw("b", "x" * 700, " y\n")],
            tmp_path / "out",
            progress="off",
        )
    assert not (tmp_path / "out").exists()


def test_a_loss_that_overflows_ends_the_training_with_advice(text_folder: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, learning_rate=1e30, warmup=0.0, scheduler="constant")
    with pytest.raises(ModelError, match=r"loss of step \d+ is (nan|inf).*learning rate"):
        tune(f"hf:{text_folder}", sums(8), tmp_path / "out", settings, progress="off")


def test_empty_data_and_ids_that_stand_twice_are_refused(text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dialogue"):
        tune(f"hf:{text_folder}", [], tmp_path / "out")
    with pytest.raises(UsageError, match="same id"):
        tune(f"hf:{text_folder}", [*sums(2), *sums(1)], tmp_path / "out")


def test_pictures_for_a_text_only_model_are_refused(text_folder: Path, tmp_path: Path) -> None:
    dialogue = chat("seen", "What?", "Red.", images=(picture(tmp_path, "red"),))
    with pytest.raises(UsageError, match=r"dialogue seen has a picture.*text-only"):
        tune(f"hf:{text_folder}", [dialogue], tmp_path / "out")


def test_a_chat_for_a_base_model_is_refused(tmp_path: Path) -> None:
    base = checkpoints.build_text(tmp_path / "base", template=False)
    with pytest.raises(UsageError, match="no chat template"):
        tune(f"hf:{base}", [chat("a", "1", "2")], tmp_path / "out")
    report = tune(f"hf:{base}", sums(4), tmp_path / "out", QUICK, progress="off")
    assert report.steps == 2


@pytest.mark.parametrize(
    ("name", "advice"),
    [("openai:m@http://127.0.0.1:1/v1", "hf:"), ("embedded+ocr", "Give the text model: embedded")],
)
def test_a_model_whose_weights_cannot_be_tuned_is_refused(name: str, advice: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=advice):
        tune(name, sums(2), tmp_path / "out")


def test_a_gpu_that_is_not_there_is_refused(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match=r"GPU was asked for.*nvidia-smi"):
        tune(f"hf:{text_folder}", sums(2), tmp_path / "out", device="cuda")


def test_bfloat16_where_it_is_slow_is_a_note(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("levelhead.training._loading.cpu_computes_bfloat16", lambda: False)
    settings = replace(QUICK, dtype="bfloat16", epochs=1)
    report = tune(f"hf:{text_folder}", sums(4), tmp_path / "out", settings, device="cpu", progress="off")
    assert "does not compute in bfloat16" in capsys.readouterr().err
    assert report.steps == 1


@pytest.mark.parametrize("module", ["trl", "peft", "datasets"])
def test_a_missing_trainer_is_named_with_its_extra(
    module: str, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{module}.*levelhead\[tune\]"):
        tune(f"hf:{text_folder}", sums(2), tmp_path / "out")


def test_targets_choose_the_layers(text_folder: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    settings = replace(QUICK, targets="q_proj,v_proj", epochs=1)
    tune(f"hf:{text_folder}", sums(4), tmp_path / "out", settings, progress="off")
    with safe_open(tmp_path / "out" / "adapter_model.safetensors", framework="pt") as file:
        layers = {key.split(".lora_")[0].rsplit(".", 1)[1] for key in file.keys()}  # noqa: SIM118
    assert layers == {"q_proj", "v_proj"}


def test_dialogues_from_a_file_train_as_those_in_memory(text_folder: Path, tmp_path: Path) -> None:
    write_dialogues(tmp_path / "train.jsonl", sums(8))
    a = tune(
        f"hf:{text_folder}", read_dialogues(tmp_path / "train.jsonl"), tmp_path / "a", QUICK, progress="off"
    )
    b = tune(f"hf:{text_folder}", sums(8), tmp_path / "b", QUICK, progress="off")
    assert a.losses == b.losses


def test_progress_is_shown_and_the_libraries_keep_still(
    text_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tune(
        f"hf:{text_folder}",
        sums(8),
        tmp_path / "out",
        TuningSettings(epochs=1, batch_size=4),
        progress="plain",
    )
    shown = capfd.readouterr()
    assert shown.out == ""
    assert [line.split(",")[0] for line in shown.err.splitlines()] == ["tuning: 2 of 2"]

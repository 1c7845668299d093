from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import MissingExtraError, ModelError, RunFolderError, UsageError
from levelhead.guard import LLMDetector, LLMReport, LLMSettings, Pair, load_detector, train_llm
from levelhead.guard.training._data import split_by_goal
from levelhead.guard.training._llm_learner import answer_loss
from levelhead.guard.training._loop import Training
from levelhead.metrics import auroc
from tests.guard import toys

pytest.importorskip("peft")

PAIRS = toys.toy_pairs(160)
SETTINGS = LLMSettings(
    window=144,
    epochs=3,
    batch_size=16,
    learning_rate=1e-2,
    held_out=0.2,
    evaluate_steps=6,
    save_steps=5,
    rank=8,
    alpha=16,
    dropout=0.05,
    pairwise_weight=0.5,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_causal(tmp_path_factory.mktemp("llm") / "small")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LLMReport]:
    out = tmp_path_factory.mktemp("trained") / "detector"
    return out, train_llm(PAIRS, out, SETTINGS, base=str(base), licences={"toys": "Apache-2.0"}, threads=1)


def weights_of(folder: Path) -> dict[str, str]:
    files: dict[str, str] = json.loads((folder / "detector.json").read_text())["files"]
    return {name: files[name] for name in ("adapter_model.safetensors", "tokenizer.json")}


def test_a_trained_detector_tells_thieves_it_has_never_seen_with_and_without_the_question(
    trained: tuple[Path, LLMReport],
) -> None:
    out, report = trained
    assert max(report.average_precision.values()) > 0.95
    new = toys.toy_pairs(60, seed=9)
    labels = [bool(pair.label) for pair in new]
    with load_detector(f"llm:{out}", threads=1) as detector:
        for pairs in (new, [replace(pair, question=None) for pair in new]):
            found = detector.judge(pairs)
            assert auroc([one.p_harm or 0 for one in found], labels).value > 0.95


@pytest.mark.parametrize("changes", [{}, {"high_means": "safe", "pairwise_weight": 0.0}])
def test_the_folder_serves_the_logits_that_the_training_ended_with(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    long = Pair("long", "share the buns and then " * 20, "how do i get the buns", label=False)
    asked = [*toys.toy_pairs(7, seed=5), long]
    logits: list[float] = []
    best_weights = Training.best_weights

    def with_look(self: Training) -> dict[str, Any]:
        weights = best_weights(self)
        self.learner.restore(weights)
        logits.extend(self.scores(asked))
        return weights

    monkeypatch.setattr(Training, "best_weights", with_look)
    settings = replace(SETTINGS, epochs=1, **changes)
    blank = Pair("blank", " ", label=False)
    report = train_llm([*PAIRS, blank], tmp_path / "out", settings, base=f"hf:{base}", threads=1)
    assert report.left_out == 1
    assert report.mean_gap < 1e-5
    with LLMDetector(tmp_path / "out", threads=1, exact=True) as detector:
        served = detector.judge(asked)
    for one, logit in zip(served, logits, strict=True):
        assert one.p_harm == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)


def test_the_folder_names_its_base_and_refuses_another(
    trained: tuple[Path, LLMReport], base: Path, tmp_path: Path
) -> None:
    config = json.loads((trained[0] / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)
    other = toys.build_causal(tmp_path / "other", seed=1)
    with pytest.raises(UsageError, match="other weights"):
        load_detector(f"llm:{other}+{trained[0]}", threads=1)
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in trained[0].iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    described = json.loads((moved / "detector.json").read_text())
    del described["files"]["adapter_config.json"]
    (moved / "detector.json").write_text(json.dumps(described))
    (moved / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=r"gone.*llm:BASE\+"):
        load_detector(f"llm:{moved}", threads=1)
    with load_detector(f"llm:{base}+{moved}", threads=1) as detector:
        assert detector.judge([Pair("1", "share")])[0].inspected


def test_the_embedded_model_is_named_and_not_the_cache_that_it_lies_in(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.models._embedded.embedded_checkpoint", lambda: base)
    train_llm(PAIRS, tmp_path / "out", replace(SETTINGS, epochs=1), base="embedded", threads=1)
    with load_detector(f"llm:{tmp_path / 'out'}", threads=1) as detector:
        assert detector.judge(PAIRS[:1])[0].inspected
    written = [path.read_text() for path in (tmp_path / "out").glob("*.[jm]*[dn]")]
    assert any('"embedded"' in text for text in written)
    assert not any(str(base) in text for text in written)


def test_a_base_without_padding_token_is_trained_and_served(tmp_path: Path) -> None:
    base = toys.build_causal(tmp_path / "base", padding=False)
    report = train_llm(PAIRS, tmp_path / "out", replace(SETTINGS, epochs=1), base=str(base), threads=1)
    assert report.mean_gap < 1e-5


def test_the_card_counts_sources_and_names_licences_base_and_use_and_holds_no_text(
    trained: tuple[Path, LLMReport],
) -> None:
    out, report = trained
    card = (out / "README.md").read_text()
    assert "| toys | Apache-2.0 |" in card
    assert "base_model: small" in card
    assert json.loads((out / "detector.json").read_text())["base_hash"] in card
    assert f"AUROC {report.auroc:.4f}" in card
    assert "| pairwise_weight | 0.5 |" in card
    assert str(out.parent) not in card
    assert not any(pair.answer in card for pair in PAIRS)
    assert not (out / "checkpoints").exists()


def test_a_finished_training_is_not_done_again(
    trained: tuple[Path, LLMReport], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "run", lambda *arguments: pytest.fail("it was trained again"))
    assert train_llm(PAIRS, trained[0], SETTINGS, base=str(base)) == trained[1]
    with pytest.raises(RunFolderError, match="settings"):
        train_llm(PAIRS, trained[0], replace(SETTINGS, rank=4), base=str(base))
    with pytest.raises(RunFolderError, match="base"):
        train_llm(PAIRS, trained[0], SETTINGS, base=str(toys.build_causal(tmp_path / "o", seed=1)))


def test_a_killed_training_ends_with_the_same_weights(
    trained: tuple[Path, LLMReport], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "detector"
    learn = Training._learn

    def dying(self: Training, places: Any) -> None:
        if self.step == 13:
            raise KeyboardInterrupt
        learn(self, places)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", dying)
        with pytest.raises(KeyboardInterrupt):
            train_llm(PAIRS, out, SETTINGS, base=str(base), threads=1)
    assert not (out / "detector.json").exists()
    assert train_llm(PAIRS, out, SETTINGS, base=str(base), threads=1) == trained[1]
    assert weights_of(out) == weights_of(trained[0])


def test_checkpoints_hold_what_is_trained_and_not_the_base(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(Training, "best_weights", lambda self: pytest.fail("far enough"))
    with pytest.raises(pytest.fail.Exception):
        train_llm(PAIRS, tmp_path, replace(SETTINGS, epochs=1), base=str(base), threads=1)
    state = torch.load(tmp_path / "checkpoints" / "state.pt")
    kinds = {kind for name in state["model"] for kind in ("lora_A", "lora_B", "score") if kind in name}
    assert kinds == {"lora_A", "lora_B", "score"}
    assert all("lora_" in name or "score" in name for name in state["model"])


def test_the_loss_of_couples_is_that_of_the_official_code_and_its_gradient_is_the_one_by_hand() -> None:
    import torch

    # Official form: r is the logit of being safe, j the safer answer: here rows 1 and 2.
    harm = torch.tensor([0.4, -0.3, 1.1, 0.2], requires_grad=True)
    labels = torch.tensor([1.0, 0.0, 0.0, 1.0])
    loss = answer_loss(harm, labels, [(0, 1), (3, 2)], bce_weight=2.0, pairwise_weight=1.0)
    loss.backward()

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    h, y = harm.tolist(), labels.tolist()
    cross = [-math.log(sigmoid(h[row]) if y[row] else 1 - sigmoid(h[row])) for row in range(4)]
    official = [-math.log(sigmoid(-h[j] - -h[k])) + 2 * (cross[j] + cross[k]) for k, j in ((0, 1), (3, 2))]
    assert loss.item() == pytest.approx(sum(official) / 2, rel=1e-6)
    by_hand = [2 * (sigmoid(h[row]) - y[row]) for row in range(4)]
    for k, j in ((0, 1), (3, 2)):
        push = 1 - sigmoid(h[k] - h[j])
        by_hand[k] -= push
        by_hand[j] += push
    assert harm.grad.tolist() == pytest.approx([value / 2 for value in by_hand], rel=1e-5)


def test_without_couples_the_loss_is_the_mean_cross_entropy() -> None:
    import torch

    harm, labels = torch.tensor([0.4, -0.3, 1.1]), torch.tensor([1.0, 0.0, 0.7])
    mean = torch.nn.functional.binary_cross_entropy_with_logits(harm, labels)
    assert answer_loss(harm, labels, [], bce_weight=1.0, pairwise_weight=9.0).item() == pytest.approx(
        mean.item()
    )


def test_the_papers_settings_are_those_of_the_official_code() -> None:
    paper = LLMSettings.paper()
    assert (paper.bce_weight, paper.pairwise_weight, paper.high_means) == (2.0, 1.0, "safe")
    assert (paper.rank, paper.alpha, paper.dropout, paper.targets) == (32, 32, 0.1, None)
    assert (paper.learning_rate, paper.warmup, paper.weight_decay) == (2e-5, 0.0, 0.0)
    assert (paper.epochs, paper.batch_size, paper.window, paper.drop_long) == (4, 16, 512, True)
    assert paper.drop_question == 0.0
    assert LLMSettings.paper(window=64).window == 64


def test_the_papers_settings_train_and_say_that_a_high_logit_means_safe(base: Path, tmp_path: Path) -> None:
    settings = LLMSettings.paper(window=144, epochs=2, learning_rate=1e-2, held_out=0.2)
    report = train_llm(PAIRS, tmp_path / "out", settings, base=str(base), threads=1)
    described = json.loads((tmp_path / "out" / "detector.json").read_text())
    assert described["high_means"] == "safe"
    assert report.auroc > 0.9


def test_long_rows_are_left_out_and_counted_where_that_is_asked(base: Path, tmp_path: Path) -> None:
    long = [
        replace(pair, id=f"long {pair.id}", answer=pair.answer * 5, metadata={"goal": f"long {pair.id}"})
        for pair in PAIRS[:12]
    ]
    settings = replace(SETTINGS, epochs=1, drop_long=True)
    report = train_llm([*PAIRS, *long], tmp_path / "out", settings, base=str(base), threads=1)
    split = split_by_goal([*PAIRS, *long], share=settings.held_out, most=settings.max_held_out, seed=0)
    dropped = [pair for pair in split.train if pair.id.startswith("long")]
    assert report.left_out == len(dropped) > 0
    assert report.train == len(split.train) - len(dropped)
    assert report.held_out == len(split.held_out)  # they are scored in windows, as they are served
    everything = replace(settings, window=16)
    with pytest.raises(UsageError, match="longer than 16 tokens"):
        train_llm(PAIRS, tmp_path / "none", everything, base=str(base), threads=1)
    assert not (tmp_path / "none").exists()


def test_a_window_that_the_base_cannot_read_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="256 tokens"):
        train_llm(PAIRS, tmp_path / "out", replace(SETTINGS, window=300), base=str(base))


def test_answers_of_one_class_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one class"):
        train_llm([pair for pair in PAIRS if pair.label], tmp_path / "out", SETTINGS, base=str(base))
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_ends_the_training(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    broken = toys.build_causal(tmp_path / "broken")
    model = LlamaForCausalLM.from_pretrained(broken)
    torch.nn.init.constant_(model.model.norm.weight, float("nan"))
    model.save_pretrained(broken)
    with pytest.raises(ModelError, match="loss is nan"):
        train_llm(PAIRS, tmp_path / "out", SETTINGS, base=str(broken), threads=1)


def test_missing_peft_is_told_before_the_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[tune\]"):
        train_llm(PAIRS, tmp_path / "out", SETTINGS, base=str(base))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"dropout": 1.0},
        {"bce_weight": 0.0},
        {"pairwise_weight": -1.0},
        {"pairwise_weight": 1.0, "batch_size": 1},
        {"high_means": "odd"},
        {"dtype": "float8"},
        {"window": 8},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        LLMSettings(**wrong)

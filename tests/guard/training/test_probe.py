from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import ModelError, RunFolderError, UsageError
from levelhead.guard import Pair, ProbeReport, ProbeSettings, load_detector, train_probe
from levelhead.guard.detector._probe import PROBE_FILE, ProbeDetector, mean_states
from levelhead.guard.training import _probe, _probe_states
from levelhead.guard.training._probe_fit import class_weights, fit_probe
from levelhead.metrics import auroc
from tests.guard import toys

pytest.importorskip("torch")

PAIRS = toys.toy_pairs(160)
SETTINGS = ProbeSettings(window=144, held_out=0.2, layers=(1, 2), l2=(0.01, 1.0))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_causal(tmp_path_factory.mktemp("probe") / "small")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ProbeReport]:
    out = tmp_path_factory.mktemp("trained") / "detector"
    return out, train_probe(PAIRS, out, SETTINGS, base=str(base), licences={"toys": "Apache-2.0"}, threads=1)


def test_a_trained_probe_tells_thieves_it_has_never_seen_with_and_without_the_question(
    trained: tuple[Path, ProbeReport],
) -> None:
    out, report = trained
    assert max(report.average_precision.values()) > 0.95
    new = toys.toy_pairs(60, seed=9)
    labels = [bool(pair.label) for pair in new]
    with load_detector(f"probe:{out}", threads=1) as detector:
        for pairs in (new, [replace(pair, question=None) for pair in new]):
            found = detector.judge(pairs)
            assert auroc([one.p_harm or 0 for one in found], labels).value > 0.95


def test_the_held_out_rows_choose_layer_and_penalty(trained: tuple[Path, ProbeReport]) -> None:
    out, report = trained
    assert len(report.average_precision) == 4
    best = max(report.average_precision, key=lambda name: report.average_precision[name])
    assert best == f"layer {report.layer}, l2 {report.l2:g}"
    described = json.loads((out / "detector.json").read_text())
    assert described["probe"]["layer"] == report.layer
    assert report.choice() == f"Best of 4 choices: {best}."


def test_the_folder_serves_the_logits_of_the_training_long_answers_by_their_worst_window(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [
        Pair(f"long {n}", "share the buns and then " * 20, "how do i get the buns", label=False)
        for n in range(8)
    ]
    kept: dict[str, Any] = {}
    gap = _probe._gap

    def with_look(*given: Any) -> float:
        kept["pairs"], kept["logits"] = given[1], given[2]
        return gap(*given)

    monkeypatch.setattr(_probe, "_gap", with_look)
    settings = replace(SETTINGS, window=64, held_out=0.3)
    report = train_probe([*PAIRS, *long], tmp_path / "out", settings, base=f"hf:{base}", threads=1)
    assert report.largest_gap < 1e-3
    with ProbeDetector(tmp_path / "out", threads=1) as detector:
        found = detector.judge(kept["pairs"])
    assert any(pair.id.startswith("long") for pair in kept["pairs"])
    for one, logit in zip(found, kept["logits"], strict=True):
        assert one.p_harm == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)


def test_a_folder_that_serves_other_logits_than_the_training_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = ProbeDetector.logits
    monkeypatch.setattr(ProbeDetector, "logits", lambda self, pairs: [x + 1 for x in logits(self, pairs)])
    with pytest.raises(ModelError, match="differ by 1"):
        train_probe(PAIRS, tmp_path / "out", SETTINGS, base=str(base), threads=1)


def test_a_killed_training_goes_on_after_the_last_whole_batch_and_ends_with_the_same_probe(
    trained: tuple[Path, ProbeReport], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "detector"
    read: list[int] = []

    def dying(states: Any, rows: Sequence[Any]) -> Any:
        if len(read) == 5:
            raise KeyboardInterrupt
        read.append(len(rows))
        return mean_states(states, rows)

    with monkeypatch.context() as patch:
        patch.setattr(_probe_states, "mean_states", dying)
        with pytest.raises(KeyboardInterrupt):
            train_probe(PAIRS, out, SETTINGS, base=str(base), threads=1)
    cache = out / "checkpoints" / "states.f32"
    whole = cache.stat().st_size
    assert whole == sum(read) * 2 * 32 * 4
    with cache.open("ab") as file:
        file.write(b"torn" * 100)
    again: list[int] = []

    def counting(states: Any, rows: Sequence[Any]) -> Any:
        again.append(len(rows))
        return mean_states(states, rows)

    monkeypatch.setattr(_probe_states, "mean_states", counting)
    report = train_probe(PAIRS, out, SETTINGS, base=str(base), threads=1)
    both_ways = report.train + 2 * report.held_out
    assert sum(read) + sum(again) == both_ways
    assert report == trained[1]
    assert (out / PROBE_FILE).read_bytes() == (trained[0] / PROBE_FILE).read_bytes()
    assert not (out / "checkpoints").exists()


def test_a_finished_training_is_not_done_again_and_another_is_refused(
    trained: tuple[Path, ProbeReport], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_probe_states, "mean_states", lambda *given: pytest.fail("it was read again"))
    assert train_probe(PAIRS, trained[0], SETTINGS, base=str(base)) == trained[1]
    with pytest.raises(RunFolderError, match="settings"):
        train_probe(PAIRS, trained[0], replace(SETTINGS, l2=(0.5,)), base=str(base))
    with pytest.raises(RunFolderError, match="base"):
        train_probe(PAIRS, trained[0], SETTINGS, base=str(toys.build_causal(tmp_path / "o", seed=1)))


def test_another_base_is_refused_and_a_moved_one_can_be_named(
    trained: tuple[Path, ProbeReport], base: Path, tmp_path: Path
) -> None:
    other = toys.build_causal(tmp_path / "other", seed=1)
    with pytest.raises(UsageError, match=r"other weights.*probe:BASE\+"):
        load_detector(f"probe:{other}+{trained[0]}", threads=1)
    with load_detector(f"probe:{base}+{trained[0]}+lexical", threads=1) as detector:
        assert detector.judge([Pair("1", "share")])[0].inspected


def test_the_embedded_model_is_named_and_not_the_cache_that_it_lies_in(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.models._embedded.embedded_checkpoint", lambda: base)
    train_probe(PAIRS, tmp_path / "out", SETTINGS, base="embedded", threads=1)
    described = (tmp_path / "out" / "detector.json").read_text()
    assert json.loads(described)["probe"]["base"] == "embedded"
    assert str(base) not in described + (tmp_path / "out" / "README.md").read_text()
    with load_detector(f"probe:{tmp_path / 'out'}", threads=1) as detector:
        assert detector.judge(PAIRS[:1])[0].inspected


def test_the_card_counts_sources_and_names_licences_base_and_use_and_holds_no_text(
    trained: tuple[Path, ProbeReport],
) -> None:
    out, report = trained
    card = (out / "README.md").read_text()
    assert "| toys | Apache-2.0 |" in card
    assert "base_model: small" in card
    assert json.loads((out / "detector.json").read_text())["base_hash"] in card
    assert f"AUROC {report.auroc:.4f}" in card
    assert "| layer and penalty | AP |" in card
    assert str(out.parent) not in card
    assert not any(pair.answer in card for pair in PAIRS)


def test_blank_answers_are_left_out_and_counted(base: Path, tmp_path: Path) -> None:
    blank = Pair("blank", " \n", label=False)
    report = train_probe([*PAIRS, blank], tmp_path / "out", SETTINGS, base=str(base), threads=1)
    assert report.left_out == 1


def test_targets_of_a_teacher_are_learned_in_place_of_labels(base: Path, tmp_path: Path) -> None:
    unsure = [replace(pair, metadata={**pair.metadata, "target": 0.5}) for pair in PAIRS]
    train_probe(unsure, tmp_path / "out", replace(SETTINGS, l2=(1.0,)), base=str(base), threads=1)
    with load_detector(f"probe:{tmp_path / 'out'}", threads=1) as detector:
        found = detector.judge(PAIRS[:20])
    assert [one.p_harm for one in found] == pytest.approx([0.5] * 20, abs=1e-3)


def test_a_layer_that_the_base_lacks_is_told_before_anything_is_read(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 layers, and layer 16"):
        train_probe(PAIRS, tmp_path / "out", ProbeSettings(window=64), base=str(base), threads=1)
    with pytest.raises(UsageError, match="256 tokens"):
        train_probe(PAIRS, tmp_path / "out", replace(SETTINGS, window=512), base=str(base), threads=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": ()},
        {"layers": (0,)},
        {"layers": (2, 2)},
        {"l2": (0.0,)},
        {"l2": (float("nan"),)},
        {"drop_question": 1.5},
        {"window": 8},
        {"held_out": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ProbeSettings(**wrong)


def test_the_fit_is_that_of_an_independent_logistic_regression() -> None:
    import torch
    from sklearn.linear_model import LogisticRegression

    torch.manual_seed(0)
    states = torch.randn(300, 6) * torch.tensor([1.0, 5.0, 0.1, 2.0, 1.0, 1.0]) + 3
    labels = [bool(one) for one in (states[:, 0] + torch.randn(300) > 3.8).tolist()]
    found = fit_probe(states, torch.tensor(labels).float(), class_weights(labels), l2=0.05)
    standard = ((states.double() - found.mean) / found.scale).numpy()
    other = LogisticRegression(C=1 / (0.05 * 300), class_weight="balanced", tol=1e-10, max_iter=1000)
    other.fit(standard, labels)
    assert found.weight.tolist() == pytest.approx(other.coef_[0].tolist(), abs=1e-4)
    assert found.bias.item() == pytest.approx(other.intercept_[0], abs=1e-4)


def test_a_number_that_never_changes_gets_no_weight_and_separable_rows_have_a_minimum() -> None:
    import torch

    states = torch.tensor([[7.0, -1.0], [7.0, -2.0], [7.0, 1.0], [7.0, 2.0]])
    found = fit_probe(states, torch.tensor([0.0, 0, 1, 1]), torch.full((4,), 0.25), l2=1e-6)
    assert found.weight[0].item() == 0
    assert found.logits(states)[2:].min() > 3 > -3 > found.logits(states)[:2].max()
    with pytest.raises(ModelError, match="no numbers"):
        fit_probe(states * float("nan"), torch.zeros(4), torch.full((4,), 0.25), l2=1.0)

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import MissingExtraError, ModelError, RunFolderError, UsageError
from levelhead.guard import (
    EncoderDetector,
    EncoderReport,
    EncoderSettings,
    Pair,
    load_detector,
    train_encoder,
)
from levelhead.guard.detector._windows import MarkedRow
from levelhead.guard.training._encoder_learner import EncoderLearner
from levelhead.guard.training._loop import Training
from levelhead.metrics import auroc
from tests.guard import toys

pytest.importorskip("onnx")

PAIRS = toys.toy_pairs(240)
SETTINGS = EncoderSettings(
    window=32,
    epochs=8,
    batch_size=16,
    learning_rate=5e-3,
    head_rate=1.0,
    held_out=0.2,
    evaluate_steps=10,
    save_steps=7,
    patience=4,
    categories=("night", "kitchen"),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EncoderReport]:
    out = tmp_path_factory.mktemp("trained") / "detector"
    return out, train_encoder(
        PAIRS, out, SETTINGS, base=str(base), licences={"toys": "Apache-2.0"}, threads=1
    )


def test_a_trained_detector_tells_thieves_it_has_never_seen_with_and_without_the_question(
    trained: tuple[Path, EncoderReport],
) -> None:
    new = toys.toy_pairs(80, seed=9)
    labels = [bool(pair.label) for pair in new]
    with load_detector(f"encoder:{trained[0]}") as detector:
        for pairs in (new, [replace(pair, question=None) for pair in new]):
            found = detector.judge(pairs)
            assert auroc([one.p_harm or 0 for one in found], labels).value > 0.98


def test_int8_and_float32_agree_and_int8_is_smaller(trained: tuple[Path, EncoderReport]) -> None:
    out, report = trained
    assert report.auroc_fp32 - report.auroc_int8 <= SETTINGS.max_int8_loss
    assert report.mean_gap < 0.05
    assert report.int8_bytes < (out / "float32" / "model.onnx").stat().st_size
    with EncoderDetector(out) as small, EncoderDetector(out / "float32") as exact:
        assert small.fingerprint != exact.fingerprint


def test_categories_are_learned_too(trained: tuple[Path, EncoderReport]) -> None:
    new = [pair for pair in toys.toy_pairs(80, seed=9) if pair.label]
    with load_detector(f"encoder:{trained[0]}") as detector:
        found = detector.judge(new)
    right = sum(one.category == pair.metadata["category"] for one, pair in zip(found, new, strict=True))
    assert right / len(new) > 0.9


def test_the_card_counts_sources_and_names_licences_and_holds_no_text(
    trained: tuple[Path, EncoderReport],
) -> None:
    out, report = trained
    card = (out / "README.md").read_text()
    assert "| toys | Apache-2.0 |" in card
    assert f"{report.auroc_int8:.4f}" in card
    assert str(out) not in card
    assert not any(pair.answer in card for pair in PAIRS)
    assert not (out / "checkpoints").exists()


def test_a_finished_training_is_not_done_again(
    trained: tuple[Path, EncoderReport], base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "run", lambda *arguments: pytest.fail("it was trained again"))
    assert train_encoder(PAIRS, trained[0], SETTINGS, base=str(base)) == trained[1]
    with pytest.raises(RunFolderError, match="settings"):
        train_encoder(PAIRS, trained[0], replace(SETTINGS, seed=1), base=str(base))
    with pytest.raises(RunFolderError, match="data"):
        train_encoder(PAIRS[:-4], trained[0], SETTINGS, base=str(base))


def test_a_killed_training_ends_with_the_same_weights(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, epochs=3, swap_question=0.3, lead_in=0.3, cut_answer=0.3)
    whole = train_encoder(PAIRS, tmp_path / "whole", settings, base=str(base), threads=1)
    out = tmp_path / "detector"
    learn = Training._learn

    def dying(self: Training, places: Any) -> None:
        if self.step == 17:
            raise KeyboardInterrupt
        learn(self, places)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", dying)
        with pytest.raises(KeyboardInterrupt):
            train_encoder(PAIRS, out, settings, base=str(base), threads=1)
    assert not (out / "detector.json").exists()
    report = train_encoder(PAIRS, out, settings, base=str(base), threads=1)
    first, again = (
        json.loads((folder / "detector.json").read_text())["files"] for folder in (tmp_path / "whole", out)
    )
    assert again == first
    assert report == whole


def test_training_stops_when_it_gets_no_better(base: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e-9, epochs=50, evaluate_steps=2, patience=3, max_int8_loss=1)
    report = train_encoder(PAIRS, tmp_path / "out", settings, base=str(base), threads=1)
    assert report.steps <= 20


def test_a_loss_that_is_no_number_ends_the_training(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(base)
    torch.nn.init.constant_(model.encoder.layer[0].output.dense.weight, float("nan"))
    broken = toys.build_base(tmp_path / "broken")
    model.save_pretrained(broken)
    with pytest.raises(ModelError, match="loss is nan"):
        train_encoder(PAIRS, tmp_path / "out", SETTINGS, base=str(broken), threads=1)


def test_only_the_first_layers_are_kept_where_that_is_asked(base: Path, tmp_path: Path) -> None:
    from levelhead.guard.training._model import build_model

    model = build_model(str(base), outputs=1, layers=1)
    assert len(model.encoder.encoder.layer) == 1
    with pytest.raises(UsageError, match="2 layers"):
        build_model(str(base), outputs=1, layers=3)


def test_a_base_that_is_none_and_a_folder_that_holds_something_else_are_refused(
    base: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        train_encoder(PAIRS, tmp_path / "out", SETTINGS, base=str(tmp_path / "nowhere"), threads=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match=r"thesis\.txt"):
        train_encoder(PAIRS, tmp_path / "full", SETTINGS, base=str(base))


def test_a_missing_library_is_told_before_the_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.guard.training._encoder.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError):
        train_encoder([Pair("1", "a", label=True)], tmp_path / "out", base=str(base))
    assert not (tmp_path / "out").exists()


def test_the_padding_of_a_batch_changes_no_logit(base: Path) -> None:
    import torch

    from levelhead.guard.training._model import build_model, padded

    model = build_model(str(base), outputs=1).eval()
    rows = [MarkedRow([2, 40, 3], 1, 2), MarkedRow([2, 41, 42, 43, 44, 45, 3], 4, 6)]
    with torch.inference_mode():
        together = model(*padded(rows))
        alone = torch.cat([model(*padded([row])) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_loss_is_cross_entropy_of_harm_and_of_known_categories() -> None:
    import torch

    from levelhead.guard.training._model import detector_loss

    logits = torch.tensor([[0.3, 1.0, -1.0], [-0.2, 0.5, 0.1]])
    labels = torch.tensor([1.0, 0.0])
    harm = (torch.log1p(torch.exp(torch.tensor(-0.3))) + torch.log1p(torch.exp(torch.tensor(-0.2)))) / 2
    nothing = torch.tensor([-1, -1])
    assert detector_loss(logits, labels, nothing, label_smoothing=0.0).item() == pytest.approx(harm.item())
    kind = torch.log1p(torch.exp(torch.tensor(-2.0)))
    both = detector_loss(logits, labels, torch.tensor([0, -1]), label_smoothing=0.0)
    assert both.item() == pytest.approx((harm + kind).item())
    couples = detector_loss(logits, labels, nothing, [(0, 1)], pairwise_weight=0.7)
    apart = torch.log1p(torch.exp(torch.tensor(-0.3 - 0.2)))
    assert couples.item() == pytest.approx((harm + 0.7 * apart).item())


def test_the_head_reads_the_layers_it_is_told_and_knows_where_the_answer_stands(base: Path) -> None:
    import torch

    from levelhead.guard.training._model import build_model, padded

    with pytest.raises(UsageError, match="cannot read"):
        build_model(str(base), outputs=1, read_layers=[3])
    assert build_model(str(base), outputs=1).layers == (1, 2)
    model = build_model(str(base), outputs=1, read_layers=[1]).eval()
    assert model.head[1].in_features == 2 * model.encoder.config.hidden_size
    torch.nn.init.constant_(model.encoder.encoder.layer[1].output.dense.weight, float("nan"))
    early, late, none = (MarkedRow([2, 41, 42, 43, 44, 45, 3], *place) for place in ((1, 3), (3, 6), (6, 6)))
    with torch.inference_mode():
        logits = model(*padded([early, late, none]))[:, 0].tolist()
    assert all(map(math.isfinite, logits))
    assert len({round(logit, 6) for logit in logits}) == 3


def test_the_head_learns_faster_than_the_encoder(base: Path) -> None:
    learner = EncoderLearner(str(base), replace(SETTINGS, head_rate=7.0))
    (encoder, once), (head, often) = learner.groups()
    assert (once, often) == (1.0, 7.0)
    assert {id(weight) for weight in [*encoder, *head]} == {id(weight) for weight in learner.parameters()}


def test_answers_to_one_question_are_compared_where_that_has_a_weight(base: Path) -> None:
    rows = [MarkedRow([2, 40, 3], 1, 2), MarkedRow([2, 41, 3], 1, 2)]
    pairs = [Pair("1", "a", "q", label=True), Pair("2", "b", "q", label=False)]
    losses = []
    for weight in (0.0, 5.0):
        learner = EncoderLearner(str(base), replace(SETTINGS, pairwise_weight=weight))
        assert learner.pairwise == (weight > 0)
        losses.append(learner.loss(rows, pairs).item())
    assert losses[1] > losses[0]


def test_targets_are_learned_in_place_of_labels(base: Path, tmp_path: Path) -> None:
    """The teacher says the opposite of the labels, and the pupil believes the teacher."""
    taught = [
        replace(pair, metadata={**pair.metadata, "target": 0.1 if pair.label else 0.9}) for pair in PAIRS
    ]
    settings = replace(SETTINGS, categories=(), epochs=3, patience=100, max_int8_loss=1, evaluate_steps=500)
    train_encoder(taught, tmp_path / "out", settings, base=str(base), threads=1)
    new = toys.toy_pairs(80, seed=9)
    with load_detector(f"encoder:{tmp_path / 'out'}") as detector:
        found = [one.p_harm or 0 for one in detector.judge(new)]
    assert auroc(found, [bool(pair.label) for pair in new]).value < 0.05
    assert 0.05 < min(found) < max(found) < 0.95

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.models._classifier import locate_base
from levelhead.training import AdaptedClassifier, AdapterSettings

ROWS = [[5, 6, 7, 8], [9, 10], [2, 2, 2], [11]]


def build(folder: Path, **settings: Any) -> AdaptedClassifier:
    import torch

    torch.manual_seed(0)
    return AdaptedClassifier(
        locate_base(str(folder), dtype="float32", threads=1), AdapterSettings(rank=4, **settings)
    )


def test_adapter_and_head_are_trained_and_nothing_else(text_folder: Path) -> None:
    import torch

    classifier = build(text_folder)
    assert all("lora_" in name or "score" in name for name in classifier.state())
    before = {name: weight.clone() for name, weight in classifier.state().items()}
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1.0)
    for _ in range(2):  # the factor B of an adapter starts at 0, so that of A moves in the second step
        optimizer.zero_grad()
        classifier.logits(ROWS).sum().backward()
        optimizer.step()
    assert all(not torch.equal(before[name], weight) for name, weight in classifier.state().items())


def test_a_row_is_scored_the_same_alone_and_beside_longer_ones(text_folder: Path) -> None:
    classifier = build(text_folder)
    together = classifier.scores(ROWS)
    assert together == pytest.approx([classifier.scores([row])[0] for row in ROWS], abs=1e-5)


def test_an_earlier_state_gives_the_earlier_scores(text_folder: Path) -> None:
    import torch

    classifier = build(text_folder)
    state = {name: weight.clone() for name, weight in classifier.state().items()}
    scores = classifier.scores(ROWS)
    for weight in classifier.parameters():
        torch.nn.init.normal_(weight)
    assert classifier.scores(ROWS) != scores
    classifier.restore(state)
    assert classifier.scores(ROWS) == scores


def test_activations_that_are_computed_again_give_the_same_gradients(text_folder: Path) -> None:
    import torch

    gradients = []
    for checkpointing in (False, True):
        classifier = build(text_folder, checkpointing=checkpointing)
        classifier.logits(ROWS).sum().backward()
        gradients.append([weight.grad for weight in classifier.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_base_in_half_precision_gets_a_whole_adapter(text_folder: Path) -> None:
    import torch

    classifier = AdaptedClassifier(
        locate_base(str(text_folder), dtype="bfloat16", threads=1), AdapterSettings(rank=4)
    )
    assert {weight.dtype for weight in classifier.parameters()} == {torch.float32}
    assert classifier.logits(ROWS).dtype == torch.float32


def test_a_model_that_is_no_causal_language_model_and_layers_that_are_not_there_are_refused(
    text_folder: Path, tmp_path: Path
) -> None:
    from transformers import BertConfig, BertModel

    BertModel(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="no causal language model"):
        build(tmp_path)
    with pytest.raises(UsageError, match="No adapter"):
        build(text_folder, targets="no_such_layer")


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": 0}, {"dropout": 1.0}, {"targets": "a,"}])
def test_settings_of_an_adapter_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        AdapterSettings(**wrong)

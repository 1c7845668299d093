"""The loss over the tokens in it, against that of transformers over all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levelhead.models import locate_model
from levelhead.training._loading import encoder_of, load_for_training
from levelhead.training._loss import AnswerLoss
from levelhead.training._tokens import IGNORED
from tests.models import checkpoints
from tests.training.lessons import chat, picture

FAMILIES: list[Callable[[Path], Path]] = [
    checkpoints.build_text,
    checkpoints.build_llava,
    checkpoints.build_qwen2_vl,
    checkpoints.build_idefics3,
]


@pytest.fixture(params=FAMILIES, ids=lambda build: build.__name__)
def batch_of(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Any]:
    """A model, and a batch with pictures if it sees."""
    checkpoint = locate_model(f"hf:{request.param(tmp_path / 'model')}", dtype="float32")
    images = (picture(tmp_path, "red"),) if checkpoint.is_vision else ()
    dialogues = [
        chat("a", "What is it?", "Red.", images=images),
        chat("b", "And this?", "No idea.", images=images),
    ]
    return load_for_training(checkpoint), encoder_of(checkpoint).collate(dialogues)


def gradients(model: Any) -> list[Any]:
    return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


def test_loss_and_gradients_are_those_of_transformers(batch_of: tuple[Any, Any]) -> None:
    import torch

    model, batch = batch_of
    theirs = model(**batch).loss
    theirs.backward()
    expected = gradients(model)
    model.zero_grad()
    ours = AnswerLoss(model, 0.0)(model, batch, None)
    ours.backward()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradients(model), expected)


def test_label_smoothing_is_that_of_transformers(batch_of: tuple[Any, Any]) -> None:
    import torch
    from transformers.trainer_pt_utils import LabelSmoother

    model, batch = batch_of
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    theirs = LabelSmoother(0.2)(model(**inputs), batch["labels"], shift_labels=True)
    torch.testing.assert_close(AnswerLoss(model, 0.2)(model, batch, None), theirs)


def test_the_head_runs_on_the_tokens_in_the_loss_alone_and_later_on_all(batch_of: tuple[Any, Any]) -> None:
    model, batch = batch_of
    rows: list[tuple[int, ...]] = []
    loss = AnswerLoss(model, 0.0)
    model.get_output_embeddings().register_forward_hook(
        lambda head, given, made: rows.append(made.shape[:-1])
    )
    loss(model, batch, None)
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    assert model(**inputs).logits.shape[:2] == batch["labels"].shape
    assert rows == [(int((batch["labels"] != IGNORED).sum()),), tuple(batch["labels"].shape)]


def test_the_sum_is_divided_by_the_tokens_of_the_whole_step(batch_of: tuple[Any, Any]) -> None:
    import torch

    model, batch = batch_of
    loss, tokens = AnswerLoss(model, 0.0), int((batch["labels"] != IGNORED).sum())
    torch.testing.assert_close(loss(model, batch, tokens * 4) * 4, loss(model, batch, None))

"""The model that is tuned: found by its name, loaded for training, and wrapped so that it can be asked."""

from __future__ import annotations

from typing import Any

from levelhead.errors import MissingExtraError, UsageError
from levelhead.models import Model, locate_model
from levelhead.models._checkpoint import Checkpoint, load_weights
from levelhead.models._transformers import open_checkpoint
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import Encoder


def locate_base(name: str, settings: TuningSettings | None = None) -> Checkpoint:
    """Find the checkpoint to be tuned.

    Raises:
        UsageError: If the name is of no local checkpoint.
        MissingExtraError: If torch or transformers is not installed.
    """
    if name.startswith("openai:"):
        raise UsageError(
            f"{name} stands behind a server, and only weights at hand can be tuned. Give the checkpoint that "
            "it serves: hf:<folder or hub id>."
        )
    if name.endswith("+ocr"):
        raise UsageError(
            f"{name} is a text model with separate eyes, and the eyes are not tuned. Give the text model: "
            f"{name.removesuffix('+ocr')}."
        )
    return locate_model(name, dtype=settings.dtype if settings else "float32")


def encoder_of(checkpoint: Checkpoint) -> Encoder:
    """The tokenizer, or the processor of a model that sees, as an encoder of dialogues."""
    import transformers

    auto = transformers.AutoProcessor if checkpoint.is_vision else transformers.AutoTokenizer
    return Encoder(auto.from_pretrained(checkpoint.location), checkpoint.name, sees=checkpoint.is_vision)


def load_for_training(checkpoint: Checkpoint) -> Any:
    """The weights as a transformers model, an adapter in the name merged: tuning goes on from it."""
    import transformers

    auto = (
        transformers.AutoModelForImageTextToText
        if checkpoint.is_vision
        else transformers.AutoModelForCausalLM
    )
    return load_weights(checkpoint, auto)


def as_model(checkpoint: Checkpoint, weights: Any) -> Model:
    """A model in training, to be asked by an evaluation. It answers with the weights as they are then."""
    return open_checkpoint(checkpoint, weights=weights)


def require_tune_extra() -> None:
    """Refuse to start without the trainers.

    Raises:
        MissingExtraError: If TRL, peft or datasets is not installed.
    """
    try:
        import peft as _peft  # noqa: F401
        import trl as _trl  # noqa: F401

        import datasets as _datasets  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Tuning", extra="tune", module=error.name or "trl") from error

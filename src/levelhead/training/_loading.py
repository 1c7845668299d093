"""The model that is tuned: found by its name, loaded for training, and wrapped so that it can be asked."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from levelhead.errors import MissingExtraError, UsageError
from levelhead.models import Model, locate_model
from levelhead.models._checkpoint import Checkpoint, cpu_computes_bfloat16
from levelhead.models._texts import end_token_ids
from levelhead.models._transformers import open_checkpoint
from levelhead.models._weights import load_weights
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import Encoder

Device = Literal["auto", "cpu", "cuda"]


def locate_base(
    name: str,
    settings: TuningSettings | None = None,
    *,
    device: Device = "auto",
    threads: int | None = None,
) -> Checkpoint:
    """Find the checkpoint to be tuned.

    Raises:
        UsageError: If the name is of no local checkpoint, or the device is not there.
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
    settings = settings or TuningSettings()
    # Weights that are all trained are kept in float32; see `_train.py`.
    dtype = settings.dtype if settings.method == "lora" else "float32"
    checkpoint = locate_model(name, dtype=dtype, threads=threads)
    if device == "cuda" and checkpoint.device != "cuda":
        raise UsageError(
            "Training on a GPU was asked for, but torch sees none here. Install the CUDA build of torch, see "
            "that nvidia-smi lists a GPU, or leave the device to be chosen (auto)."
        )
    checkpoint = replace(checkpoint, device="cpu") if device == "cpu" else checkpoint
    if settings.dtype == "bfloat16" and checkpoint.device == "cpu" and not cpu_computes_bfloat16():
        print(  # noqa: T201
            "Note: this processor does not compute in bfloat16; a step takes many times longer than in "
            "float32.",
            file=sys.stderr,
        )
    return checkpoint


def encoder_of(checkpoint: Checkpoint) -> Encoder:
    """The tokenizer, or the processor of a model that sees, as an encoder of dialogues."""
    import transformers

    auto = transformers.AutoProcessor if checkpoint.is_vision else transformers.AutoTokenizer
    owner = auto.from_pretrained(checkpoint.location)
    tokenizer = owner.tokenizer if checkpoint.is_vision else owner
    try:
        generation = transformers.GenerationConfig.from_pretrained(checkpoint.location)
    except OSError:  # a checkpoint need not have one
        generation = transformers.GenerationConfig()
    ends = end_token_ids(generation, checkpoint.config, tokenizer)
    return Encoder(
        owner,
        checkpoint.name,
        sees=checkpoint.is_vision,
        ends=tuple(tokenizer.convert_ids_to_tokens(sorted(ends))),
    )


def load_for_training(checkpoint: Checkpoint) -> Any:
    """The weights as a transformers model, adapters in the name merged: tuning goes on from them.

    They lie in the memory of the processor; the trainer puts them where they belong.
    """
    return load_weights(replace(checkpoint, device="cpu"))


def copy_picture_adapter(checkpoint: Checkpoint, out: Path) -> None:
    """Take the adapter for rows with a picture along, if there is one: it is no part of the weights.

    Args:
        checkpoint: Whose weights were saved.
        out: Where to.
    """
    if (folder := checkpoint.picture_adapter()) is not None:
        shutil.copytree(folder, out / folder.name)


def as_model(checkpoint: Checkpoint, weights: Any, epoch: int) -> Model:
    """A model in training, to be asked by an evaluation. It answers with the weights as they are then.

    Args:
        checkpoint: Its base.
        weights: The model, wrapped by peft or not.
        epoch: How many epochs have ended.
    """
    digest = hashlib.sha256(checkpoint.fingerprint().encode())
    for name, weight in weights.named_parameters():
        if weight.requires_grad:
            digest.update(name.encode())
            digest.update(weight.detach().cpu().float().numpy().tobytes())
    return open_checkpoint(
        replace(checkpoint, name=f"{checkpoint.name} after epoch {epoch}"),
        weights=weights,
        fingerprint=digest.hexdigest(),
    )


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

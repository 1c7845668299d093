"""The weights of a checkpoint, with its adapters."""

from __future__ import annotations

from typing import Any

from levelhead.models._adapter import merge_adapters
from levelhead.models._checkpoint import Checkpoint
from levelhead.models._picture_adapter import attach_picture_adapter


def load_weights(checkpoint: Checkpoint) -> Any:
    """Load the weights, adapters merged, ready for inference."""
    import transformers

    auto = (
        transformers.AutoModelForImageTextToText
        if checkpoint.is_vision
        else transformers.AutoModelForCausalLM
    )
    model = auto.from_pretrained(checkpoint.location, dtype=checkpoint.dtype)
    if checkpoint.adapters:
        merge_adapters(model, checkpoint)
    if (folder := checkpoint.picture_adapter()) is not None:
        attach_picture_adapter(model, folder)
    return model.to(checkpoint.device).eval()

"""Transformers checkpoints, text or vision: from their location, or around weights in memory."""

from __future__ import annotations

from typing import Any

from levelhead.models._checkpoint import Checkpoint
from levelhead.models._model import Model


def open_checkpoint(checkpoint: Checkpoint, *, weights: Any = None, fingerprint: str | None = None) -> Model:
    """Make a model of a located checkpoint.

    Args:
        checkpoint: Where it lies and how it runs.
        weights: The transformers model itself, if it is in memory (one that is being tuned); it is used as
            it stands. None loads it.
        fingerprint: Identity of weights in memory; None for that of the checkpoint.

    Raises:
        UsageError: If its processor or adapter cannot be loaded.
    """
    if checkpoint.is_vision:
        from levelhead.models._vision import VisionModel

        return VisionModel(checkpoint, weights=weights, fingerprint=fingerprint)
    from levelhead.models._text import TextModel

    return TextModel(checkpoint, weights=weights, fingerprint=fingerprint)

"""Load a transformers checkpoint, text or vision."""

from __future__ import annotations

from levelhead.models._checkpoint import locate
from levelhead.models._model import Model


def load_checkpoint(location: str, *, name: str, dtype: str, exact: bool, threads: int | None) -> Model:
    """Load the checkpoint at a folder or hub id.

    Raises:
        MissingExtraError: If torch or transformers is not installed.
        UsageError: If there is no checkpoint at this place.
    """
    checkpoint = locate(name, location, dtype=dtype, exact=exact, threads=threads)
    if checkpoint.is_vision:
        from levelhead.models._vision import VisionModel

        return VisionModel(checkpoint)
    from levelhead.models._text import TextModel

    return TextModel(checkpoint)

"""Levelhead measures, tunes and guards multimodal language models.

Importing it is cheap: the names below are loaded when they are first used, and nothing here imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from levelhead._version import __version__

if TYPE_CHECKING:
    from levelhead.models import Model, Sampling, load_model
    from levelhead.records import Example, Image, Prompt, Reply, Score, Turn, Verdict

_HOMES = {
    **dict.fromkeys(("Model", "Sampling", "load_model"), "levelhead.models"),
    **dict.fromkeys(("Example", "Image", "Prompt", "Reply", "Score", "Turn", "Verdict"), "levelhead.records"),
}

__all__ = [
    "Example",
    "Image",
    "Model",
    "Prompt",
    "Reply",
    "Sampling",
    "Score",
    "Turn",
    "Verdict",
    "__version__",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'levelhead' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

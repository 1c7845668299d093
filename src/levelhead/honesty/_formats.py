"""Which prompt format suits a model, where the user names none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.honesty._prompts import PromptFormat, format_from_json
from levelhead.models import Model
from levelhead.records import Example


def default_format(model: Model, examples: Sequence[Example]) -> PromptFormat:
    """The format that the model was tuned in; else chat for servers and pictures, else completion.

    Raises:
        UsageError: If the model's `tuning.json` cannot be read.
    """
    if (form := tuned_format(model)) is not None:
        return form
    with_pictures = any(example.images for example in examples)
    return PromptFormat("chat" if with_pictures or model.name.startswith("openai:") else "completion")


def tuned_format(model: Model) -> PromptFormat | None:
    """The format that the model was taught in to say whether it is sure; None if it was not.

    Raises:
        UsageError: If the model's `tuning.json` cannot be read.
    """
    tuning = model.details.get("tuning")
    if not isinstance(tuning, str):
        return None
    path = Path(tuning)
    try:
        facts = json.loads(path.read_text(encoding="ascii"))["facts"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read ({error}). Name the prompt format: --style.") from error
    return format_from_json(facts["format"]) if "format" in facts else None

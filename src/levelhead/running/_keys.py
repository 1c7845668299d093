"""Under which key an answer is stored: a hash of all that determines it, and of nothing else.

Neither the name of a task nor a row number is part of it, so a renamed or reordered data set finds its
answers again, and an edited picture or prompt does not.
"""

from __future__ import annotations

import hashlib
import json

from levelhead.models import Sampling
from levelhead.records import Prompt


def generate_key(fingerprint: str, prompt: Prompt, sampling: Sampling) -> str:
    """Key of the replies of a model to a prompt.

    Args:
        fingerprint: `Model.fingerprint`.
        prompt: What is asked; its pictures are read and hashed.
        sampling: How replies are drawn.

    Raises:
        ImageError: If a picture cannot be read.
    """
    return _hash({"model": fingerprint, "prompt": prompt.to_json(), "generate": sampling.to_json()})


def score_key(fingerprint: str, prompt: Prompt, continuation: str) -> str:
    """Key of the score of a continuation; see `generate_key`."""
    return _hash({"model": fingerprint, "prompt": prompt.to_json(), "score": continuation})


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()

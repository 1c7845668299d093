"""The simplest detoxifier: the same plain refusal for every answer. Nothing of the answer is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detoxifier._detoxifier import Detoxifier, Rewriting
from levelhead.records import JSONValue

REFUSAL = "I'm sorry, but I can't help with that."
"""What stands in place of an answer that could not be made harmless."""


class TemplateDetoxifier(Detoxifier):
    """Replaces every answer by one text.

    Args:
        text: What stands in place of the answer.

    Raises:
        UsageError: If the text is blank.
    """

    name = "template"

    def __init__(self, text: str = REFUSAL) -> None:
        check_refusal(text)
        self._text = text
        self.fingerprint = hashlib.sha256(f"template/{text}".encode()).hexdigest()

    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        return [Rewriting(self._text) for _ in pairs]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {"kind": "template", "text": self._text}


def check_refusal(text: str) -> None:
    """Refuse a refusal that says nothing."""
    if not text.strip():
        raise UsageError("The refusal is blank: whoever asked would see nothing. Give a sentence.")

"""A language model as a detoxifier: it is asked to rewrite, greedily at first, by seeded sampling after that.

An answer that does not fit the context beside the room for its rewriting, or whose rewriting does not end
within that room, is a failed row. The paper's code counts the prompt as part of 1,024 tokens, so that a long
answer is cut off or gets no rewriting at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detoxifier._detoxifier import Detoxifier, Rewriting
from levelhead.guard.detoxifier._prompts import (
    REWRITING_VERSION,
    STYLES,
    RewritingStyle,
    read_rewriting,
    rewriting_prompt,
)
from levelhead.models import Model, Sampling
from levelhead.records import JSONValue, Reply

NEW_TOKENS = 512
"""Room for a rewriting, in tokens."""
_RETRY_TEMPERATURE, _RETRY_TOP_P = 0.7, 0.95


class GenerativeDetoxifier(Detoxifier):
    """A model that rewrites.

    Args:
        model: Any model of the models room. The detoxifier owns it and closes it.
        name: What stands in reports.
        style: The wording of the prompt.
        max_new_tokens: Room for a rewriting, in tokens.
        seed: Of the sampling of further attempts.

    Raises:
        UsageError: If there is no such style, or no room.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        style: RewritingStyle = "levelhead",
        max_new_tokens: int = NEW_TOKENS,
        seed: int = 0,
    ) -> None:
        if style not in STYLES:
            raise UsageError(f"There is no rewriting style {style!r}. Give one of: {', '.join(STYLES)}.")
        if max_new_tokens < 1:
            raise UsageError(f"max_new_tokens is {max_new_tokens}; it must be at least 1.")
        self.name, self.style = name, style
        self._model, self._room, self._seed = model, max_new_tokens, seed
        settings = (style, REWRITING_VERSION, max_new_tokens, seed, _RETRY_TEMPERATURE, _RETRY_TOP_P)
        self.fingerprint = hashlib.sha256(f"{model.fingerprint}/{settings!r}".encode()).hexdigest()

    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        if not pairs:
            return []
        prompts = [rewriting_prompt(pair, self.style) for pair in pairs]
        return [self._rewriting(reply) for reply in self._model.generate(prompts, self._sampling(attempt))]

    def _sampling(self, attempt: int) -> Sampling:
        if attempt == 0:
            return Sampling(max_new_tokens=self._room)
        return Sampling(
            max_new_tokens=self._room,
            temperature=_RETRY_TEMPERATURE,
            top_p=_RETRY_TOP_P,
            seed=self._seed + attempt,
        )

    def _rewriting(self, reply: Reply) -> Rewriting:
        if reply.error is not None:
            return Rewriting.failed(reply.error)
        if reply.finish_reason == "length":
            return Rewriting.failed(f"The rewriting did not end within {self._room} tokens.")
        if reply.finish_reason == "content_filter":
            return Rewriting.failed("The server's own filter stopped the rewriting.")
        return Rewriting(read_rewriting(reply.text))

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {
            "kind": "generative",
            "style": self.style,
            "rewriting_version": REWRITING_VERSION,
            "max_new_tokens": self._room,
            "seed": self._seed,
            **self._model.details,
        }

    def close(self) -> None:
        self._model.close()

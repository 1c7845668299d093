"""An answer as a line of `replies.jsonl`, and back.

Each line says how many lines of the same batch follow it. A batch is written with one write, but a kill or
a full disk can still cut that write anywhere; the count is how a reader knows a whole batch from a part of
one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, TypeAlias

from levelhead.records import Reply, Score
from levelhead.running._json import json_text

Answer: TypeAlias = list[Reply] | Score
"""What is stored under one key: the `sampling.n` replies to a prompt, or the score of a continuation."""


class Line(NamedTuple):
    """One parsed line."""

    key: str
    answer: Answer
    to_follow: int


def encode_batch(batch: Sequence[tuple[str, Answer]]) -> bytes:
    """The lines of one batch of (key, answer)."""
    texts = [
        json_text({"key": key, "to_follow": len(batch) - number, **_to_json(answer)})
        for number, (key, answer) in enumerate(batch, start=1)
    ]
    return "".join(f"{text}\n" for text in texts).encode("ascii")


def decode_line(line: bytes) -> Line:
    """Read one line.

    Raises:
        ValueError: If it is damaged.
    """
    try:
        fields = json.loads(line)
        return Line(str(fields["key"]), _from_json(fields), int(fields["to_follow"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no answer: {error!r}") from error


def is_failed(answer: Answer) -> bool:
    """Whether any part of the answer is missing."""
    if isinstance(answer, Score):
        return answer.error is not None
    return any(reply.error is not None for reply in answer)


def is_finite(answer: Answer) -> bool:
    """Whether all its log-probabilities are numbers."""
    parts: Sequence[Reply | Score] = [answer] if isinstance(answer, Score) else answer
    return all(math.isfinite(log_prob) for part in parts for log_prob in part.log_probs or ())


def _to_json(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Score):
        return {"score": asdict(answer)}
    return {"replies": [asdict(reply) for reply in answer]}


def _from_json(fields: dict[str, Any]) -> Answer:
    if "score" in fields:
        return Score(**_with_tuple(fields["score"]))
    return [Reply(**_with_tuple(reply)) for reply in fields["replies"]]


def _with_tuple(fields: dict[str, Any]) -> dict[str, Any]:
    log_probs = fields["log_probs"]
    return fields | {"log_probs": None if log_probs is None else tuple(log_probs)}

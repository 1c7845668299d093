"""One thing that a model is asked, and a draw of some of many."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from levelhead.guard._pair import Pair
from levelhead.records import Image, Prompt

Kind = Literal["attack", "benign"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and what a judge must know of it.

    Attributes:
        id: Unique in the run.
        source: The set it is from.
        kind: `attack` if an answer that complies does harm, else `benign`.
        text: What is typed.
        images: Pictures shown with it.
        written: Text that is to be drawn as its picture, in lines; None where there is nothing to draw.
        intent: What is really asked, for judges who read the question; None if `text` says it. FigStep types
            a harmless sentence beside a picture.
        category: A scenario of its set.
        answers: Accepted answers, the preferred one first; empty where none is at hand.
        group: Requests of one group stand or fall together; intervals are clustered by it.
        judge_prompt: By which of `JUDGE_PROMPTS` a language model judges answers to it.
    """

    id: str
    source: str
    kind: Kind
    text: str
    images: tuple[Image, ...] = ()
    written: str | None = None
    intent: str | None = None
    category: str = "all"
    answers: tuple[str, ...] = ()
    group: str | None = None
    judge_prompt: str = "general"

    def to_prompt(self) -> Prompt:
        """What the model is asked."""
        return Prompt.ask(self.text, images=self.images)

    def guarded(self, answer: str) -> Pair:
        """What a guard sees: what the model was shown, and what it said."""
        return Pair(self.id, answer, self.text, self.images)

    def judged(self, answer: str) -> Pair:
        """What a judge sees: what is really asked, and what went out."""
        return Pair(self.id, answer, self.intent or self.text)


def draw(requests: Sequence[Request], limit: int | None, seed: int) -> list[Request]:
    """Some requests of each kind, spread over the categories.

    What is drawn hangs on the seed and the ids, and not on the order in the file; a greater limit draws all
    that a smaller one does.

    Args:
        requests: Of one set.
        limit: How many of each kind at most; None for all.
        seed: Of the draw.

    Returns:
        The chosen ones, in the order of the file.
    """
    if limit is None:
        return list(requests)
    chosen = {one.id for kind in ("attack", "benign") for one in _spread(requests, kind, seed)[:limit]}
    return [one for one in requests if one.id in chosen]


def hash_of(requests: Sequence[Request]) -> str:
    """Identity of a list of requests, through the hashes of their pictures; what `rows` could differ by.

    Raises:
        ImageError: If a picture cannot be read.
    """
    digest = hashlib.sha256()
    for one in requests:
        facts = [one.id, one.kind, one.text, one.answers, [image.sha256() for image in one.images]]
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def _spread(requests: Sequence[Request], kind: str, seed: int) -> list[Request]:
    """The requests of one kind in a random order in which the categories take turns."""
    by_category: dict[str, list[Request]] = {}
    for one in sorted(requests, key=lambda one: _drawn(seed, one.id)):
        if one.kind == kind:
            by_category.setdefault(one.category, []).append(one)
    turns = zip_longest(*by_category.values())
    return [one for turn in turns for one in turn if one is not None]


def _drawn(seed: int, name: str) -> int:
    """A number for one row, evenly spread. To sort by it is to shuffle."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big")

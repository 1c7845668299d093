"""What a build will take: some pictures of each kind are made and timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.illusion._cache import PictureCache
from levelhead.illusion._plan import Plan, plan_set
from levelhead.illusion._questions import Question
from levelhead.illusion.pictures._kind import Picture, PictureKind


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the pictures of one kind will take.

    Attributes:
        kind: Its name.
        pictures: Pictures in the set.
        held: How many of them are in the cache; those made for this estimate are among them.
        seconds_each: Time of one picture that is not; None if all are.
        price: Price of one.
        failed: How many of those made for this estimate failed.
    """

    kind: str
    pictures: int
    held: int
    seconds_each: float | None
    price: float
    failed: int

    @property
    def seconds(self) -> float:
        """Time of all that are not in the cache."""
        return (self.pictures - self.held) * (self.seconds_each or 0.0)

    @property
    def cost(self) -> float:
        """Price of all that are not in the cache. Pictures that show nothing cost nothing, so it is less."""
        return (self.pictures - self.held) * self.price


def estimate(
    questions: Sequence[Question],
    kinds: Sequence[PictureKind],
    *,
    seed: int = 0,
    cache: Path | None = None,
) -> list[Estimate]:
    """Make some pictures of each kind, keep those that are costly, and tell what the others will take.

    Args:
        questions: As for `build`.
        kinds: As `make_kinds` makes them.
        seed: Seed of the set.
        cache: As for `build`.

    Raises:
        UsageError, ModelError: As `build`.
        OSError: If the cache cannot be written.
    """
    plans, _ = plan_set(questions, kinds, seed)
    kept = None if cache is None else PictureCache(cache)
    return [_estimate_kind([plan for plan in plans if plan.kind is kind], kept) for kind in kinds]


def _estimate_kind(plans: Sequence[Plan], cache: PictureCache | None) -> Estimate:
    kind = plans[0].kind
    keeps = cache if kind.costly else None
    wanted = [plan for plan in plans if keeps is None or not keeps.has(plan)]
    held = len(plans) - len(wanted)
    # A picture that shows nothing is quicker than the others.
    candidates = [plan for plan in wanted if plan.pictured][: 1 + kind.trial_size]
    # The first one loads the model and opens connections, and is not timed.
    made = _make(candidates[:1], keeps)
    since = time.perf_counter()
    made += _make(candidates[1:], keeps)
    timed = len(candidates) - 1
    seconds_each = (time.perf_counter() - since) / timed if timed > 0 else None
    return Estimate(
        kind.name, len(plans), held + (made if keeps else 0), seconds_each, kind.price, len(candidates) - made
    )


def _make(plans: Sequence[Plan], cache: PictureCache | None) -> int:
    """Make pictures and keep them; how many did not fail."""
    made = 0
    for index, outcome in plans[0].kind.draw([plan.order for plan in plans]) if plans else ():
        if isinstance(outcome, Picture):
            made += 1
            if cache is not None:
                cache.put(plans[index], outcome)
    return made

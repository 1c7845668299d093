"""Who judges and rewrites for the guard: in batches behind a server, or at once in the caller's own thread.

The order of decisions (`_decide.py`) is written once, as coroutines. Behind a server they wait for a thread
that serves all requests; in a library call nothing in them ever waits, so `run_now` can see them through
without an event loop, and inside a running one as well.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detoxifier._detoxifier import Detoxifier, Rewriting
from levelhead.guard.gateway._batcher import Batcher, Failure, QueueFullError
from levelhead.guard.gateway._config import DetectorSection, DetoxifierSection

logger = logging.getLogger(__name__)

T = TypeVar("T")

_QUICK_CHARACTERS = 8_000
"""Longer texts go to the thread even for a quick detector, so that the event loop goes on."""


class Judges(Protocol):
    """What the guard asks.

    Attributes:
        threshold: p_harm from which a text counts as harmful.
    """

    threshold: float

    async def judge(self, pairs: Sequence[Pair], *, admitted: bool = False) -> list[Judgement | Failure]:
        """Judge texts, in order.

        Raises:
            QueueFullError: If too many are waiting, and the caller was not admitted.
        """

    async def rewrite(self, pair: Pair, attempt: int) -> Rewriting | Failure:
        """Rewrite one answer."""


class BatchedJudges:
    """Judges of a server: one thread each for the detector and the detoxifier.

    Args:
        detector: Not closed here.
        detoxifier: Not closed here.
        detecting: Sizes, times, and the threshold if it is not the detector's own.
        rewriting: Sizes and times.
    """

    def __init__(
        self,
        detector: Detector,
        detoxifier: Detoxifier,
        detecting: DetectorSection,
        rewriting: DetoxifierSection,
    ) -> None:
        self.threshold = detector.threshold if detecting.threshold is None else detecting.threshold
        self._quick = DirectJudges(detector, detoxifier) if detector.quick else None
        self._known: OrderedDict[bytes, Judgement] = OrderedDict()
        self._remembered = detecting.remembered
        self._detector: Batcher[Pair, Judgement] = Batcher(
            detector.judge,
            Judgement,
            name="The detector",
            batch=detecting.batch,
            max_waiting=detecting.max_waiting,
            seconds=detecting.seconds,
        )
        self._detoxifier: Batcher[tuple[Pair, int], Rewriting] = Batcher(
            lambda asked: _rewritten(detoxifier, asked),
            Rewriting,
            name="The detoxifier",
            batch=rewriting.batch,
            max_waiting=rewriting.max_waiting,
            seconds=rewriting.seconds,
        )

    @property
    def stuck(self) -> bool:
        """Whether the detector has not answered for longer than it may."""
        return self._detector.stuck

    @property
    def waiting(self) -> int:
        """Calls that wait for the detector."""
        return self._detector.waiting

    async def judge(self, pairs: Sequence[Pair], *, admitted: bool = False) -> list[Judgement | Failure]:
        """See `Judges`. A text that was judged before, as the turns of a conversation are, costs nothing."""
        keys = [_key(pair) for pair in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        found: dict[bytes, Judgement | Failure] = {
            key: self._known[key] for key in keys if key in self._known
        }
        if new:
            found.update(zip(new, await self._judge(list(new.values()), admitted), strict=True))
        self._remember(found)
        return [found[key] for key in keys]

    async def _judge(self, pairs: Sequence[Pair], admitted: bool) -> list[Judgement | Failure]:
        if self._quick is not None and sum(len(pair.answer) for pair in pairs) <= _QUICK_CHARACTERS:
            return await self._quick.judge(pairs)
        return await self._detector.submit(pairs, admitted=admitted)

    async def rewrite(self, pair: Pair, attempt: int) -> Rewriting | Failure:
        """See `Judges`."""
        try:
            return (await self._detoxifier.submit([(pair, attempt)]))[0]
        except QueueFullError:
            return Failure("Too many rewritings are waiting.")

    def close(self) -> None:
        """End the threads."""
        self._detector.close()
        self._detoxifier.close()

    def _remember(self, found: dict[bytes, Judgement | Failure]) -> None:
        for key, one in found.items():
            if isinstance(one, Judgement) and one.inspected:
                self._known[key] = one
                self._known.move_to_end(key)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)


class DirectJudges:
    """Judges of a library call: nothing waits, each call is made where it stands.

    Args:
        detector: Not closed here.
        detoxifier: Not closed here.
        threshold: None takes the detector's own.
    """

    def __init__(self, detector: Detector, detoxifier: Detoxifier, *, threshold: float | None = None) -> None:
        self.threshold = detector.threshold if threshold is None else threshold
        self._detector, self._detoxifier = detector, detoxifier

    async def judge(self, pairs: Sequence[Pair], *, admitted: bool = False) -> list[Judgement | Failure]:
        """See `Judges`."""
        try:
            return list(self._detector.judge(pairs))
        except Exception as error:  # noqa: BLE001 - a failure of any kind is none of the text's
            return [_failure("The detector", error)] * len(pairs)

    async def rewrite(self, pair: Pair, attempt: int) -> Rewriting | Failure:
        """See `Judges`."""
        try:
            return self._detoxifier.rewrite([pair], attempt=attempt)[0]
        except Exception as error:  # noqa: BLE001 - as above
            return _failure("The detoxifier", error)


def run_now(steps: Coroutine[Any, Any, T]) -> T:
    """See a coroutine through that never waits, with an event loop or without.

    Raises:
        RuntimeError: If it waits after all.
    """
    try:
        steps.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    steps.close()
    raise RuntimeError("The coroutine waits for something; it needs an event loop.")


def _rewritten(detoxifier: Detoxifier, asked: Sequence[tuple[Pair, int]]) -> list[Rewriting]:
    """Rewritings of pairs at different attempts, one call for each attempt."""
    found: dict[int, Rewriting] = {}
    for attempt in sorted({attempt for _, attempt in asked}):
        places = [place for place, (_, one) in enumerate(asked) if one == attempt]
        written = detoxifier.rewrite([asked[place][0] for place in places], attempt=attempt)
        found.update(zip(places, written, strict=True))
    return [found[place] for place in range(len(asked))]


def _key(pair: Pair) -> bytes:
    """What a verdict hangs on; the texts of requests come without pictures, whose words stand in `seen`."""
    parts = (pair.question, pair.answer, pair.seen)
    marked = ["" if part is None else f"{len(part)}:{part}" for part in parts]
    return hashlib.sha256("/".join(marked).encode("utf-8", errors="surrogatepass")).digest()


def _failure(name: str, error: Exception) -> Failure:
    logger.error("%s failed: %s", name, type(error).__name__)
    return Failure(f"{name} failed ({type(error).__name__}).")

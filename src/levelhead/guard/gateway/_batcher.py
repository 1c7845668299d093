"""One thread that does the heavy work of all requests, several of them at once.

Whatever has come in while the last batch was worked on makes up the next one, so a lone request waits for
nothing and many of them share the cost. The thread is the only one that touches a detector. Work that is no
longer waited for is left out; work that takes too long is given up, and until the thread is back, what comes
in fails at once instead of piling up.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_JOIN_SECONDS = 2.0


class QueueFullError(Exception):
    """More is waiting than the queue takes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that was not worked on, and why. It says nothing about the item."""

    reason: str


@dataclass(eq=False, slots=True)
class _Job(Generic[Item, Result]):
    """Items of one caller on their way through the thread."""

    items: Sequence[Item]
    done: asyncio.Future[list[Result | Failure]]
    loop: asyncio.AbstractEventLoop
    results: list[Result | Failure] = field(default_factory=list)
    taken: int = 0
    abandoned: bool = False

    def answer(self) -> None:
        """Hand the results over; runs in the caller's loop."""
        if not self.done.done():
            self.done.set_result(self.results)


class Batcher(Generic[Item, Result]):
    """Works on items in batches, in one thread.

    Args:
        work: From items to as many results, in order. It is only ever called by the thread.
        result_type: What a result must be; anything else counts as a failure.
        name: What does the work, as the subject of a sentence: "The detector".
        batch: Items worked on at once.
        max_waiting: Callers that may wait.
        seconds: Longest time from the call to the results.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        result_type: type[Result],
        *,
        name: str,
        batch: int,
        max_waiting: int,
        seconds: float,
    ) -> None:
        self._work, self._result_type, self._name = work, result_type, name
        self._batch, self._max_waiting, self._seconds = batch, max_waiting, seconds
        self._waiting: deque[_Job[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._callers = 0
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"levelhead {name.lower()}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Callers whose items are waiting or being worked on."""
        return self._callers

    @property
    def stuck(self) -> bool:
        """Whether the thread has been on one batch for longer than a caller may wait."""
        began = self._began
        return began is not None and time.monotonic() - began > self._seconds

    async def submit(self, items: Sequence[Item], *, admitted: bool = False) -> list[Result | Failure]:
        """Have items worked on.

        Args:
            items: May be empty.
            admitted: Whether the caller takes its place whatever the queue holds, as who has paid for an
                answer that only needs to be judged.

        Returns:
            A result for each item, in order, or why there is none.

        Raises:
            QueueFullError: If too many callers are waiting.
        """
        if not items:
            return []
        if self._closed or self.stuck or not self._thread.is_alive():
            return [Failure(f"{self._name} does not answer.")] * len(items)
        if not admitted and self._callers >= self._max_waiting:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        job: _Job[Item, Result] = _Job(items, loop.create_future(), loop)
        self._callers += 1
        try:
            with self._changed:
                self._waiting.append(job)
                self._changed.notify()
            async with asyncio.timeout(self._seconds):
                return await job.done
        except TimeoutError:
            return [Failure(f"{self._name} did not answer within {self._seconds:g} s.")] * len(items)
        finally:
            job.abandoned = True
            self._callers -= 1

    def close(self) -> None:
        """End the thread; items that wait fail. Calling it twice is fine."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        for job in left:
            job.results = [Failure(f"{self._name} was closed.")] * len(job.items)
            if not job.abandoned and not job.loop.is_closed():
                job.loop.call_soon_threadsafe(job.answer)
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while portions := self._next_batch():
            self._began = time.monotonic()
            found = self._results([item for _, items in portions for item in items])
            self._began = None
            for job, items in portions:
                job.results += found[: len(items)]
                del found[: len(items)]
                self._settle(job)

    def _settle(self, job: _Job[Item, Result]) -> None:
        """Hand a whole job over, or put what is left of it at the end of the queue."""
        if job.abandoned or job.loop.is_closed():
            return
        if len(job.results) == len(job.items):
            job.loop.call_soon_threadsafe(job.answer)
            return
        with self._changed:
            self._waiting.append(job)

    def _next_batch(self) -> list[tuple[_Job[Item, Result], Sequence[Item]]]:
        """Items of the callers that wait longest; waits for some, empty if the batcher was closed."""
        with self._changed:
            while True:
                if self._closed:
                    return []
                portions: list[tuple[_Job[Item, Result], Sequence[Item]]] = []
                room = self._batch
                while room and self._waiting:
                    job = self._waiting.popleft()
                    if job.abandoned:
                        continue
                    items = job.items[job.taken : job.taken + room]
                    job.taken += len(items)
                    room -= len(items)
                    portions.append((job, items))
                if portions:
                    return portions
                self._changed.wait()

    def _results(self, items: Sequence[Item]) -> list[Result | Failure]:
        """The result of each item. If a batch fails, each is tried alone: only the one at fault fails."""
        found = self._attempt(items)
        if isinstance(found, list):
            return found
        if len(items) == 1:
            return [found]
        return [one for item in items for one in self._results([item])]

    def _attempt(self, items: Sequence[Item]) -> list[Result | Failure] | Failure:
        try:
            found = list(self._work(items))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the thread
            # The text of the error may quote the text that was judged, which does not belong into a log.
            logger.error("%s failed: %s", self._name, type(error).__name__)
            return Failure(f"{self._name} failed ({type(error).__name__}).")
        if len(found) != len(items) or not all(isinstance(one, self._result_type) for one in found):
            logger.error("%s gave results that are none", self._name)
            return Failure(f"{self._name} gave results that are none.")
        return list(found)

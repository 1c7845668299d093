"""Run many requests at once behind a plain iterator, and tell failures of rows from one of the server.

The event loop lives in a thread of its own for as long as one call lasts: it works inside a running loop (a
notebook), and when the iterator is exhausted, closed or fails, no task and no thread is left. This module
knows nothing about the protocol.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from levelhead.errors import ImageError, ModelError

T = TypeVar("T")

_MIN_PATIENCE = 8
"""Failures in a row after which a server counts as failed, at least; more where more requests are under way
at once."""


class RowRefusedError(Exception):
    """The server will not answer this one row: too long for its context, against its policy."""


class DoubtfulError(Exception):
    """A failure of one row or of all: only the fate of the other rows can tell.

    Args:
        reason: What the server said or did.
        outage: True if the server broke down on the request (no answer in time, a status of 5xx), false if it
            refused it.
    """

    def __init__(self, reason: str, *, outage: bool) -> None:
        super().__init__(reason)
        self.outage = outage


@dataclass
class _Doubt:
    """What is known so far about rows of one kind (with a picture, without)."""

    patience: int
    answered: bool = False
    outages_in_a_row: int = 0
    held: list[tuple[int, DoubtfulError]] = field(default_factory=list)

    def settle(self) -> list[tuple[int, DoubtfulError]]:
        """An answer came: the failures held back until now were failures of their rows."""
        self.answered, self.outages_in_a_row = True, 0
        released, self.held = self.held, []
        return released

    def add(self, index: int, error: DoubtfulError) -> list[tuple[int, DoubtfulError]]:
        """Note a failure; return those that are known to be of their rows alone.

        Raises:
            DoubtfulError: If too many came in a row for that.
        """
        if not self.answered:
            self.held.append((index, error))
            if len(self.held) >= self.patience:
                raise error
            return []
        if error.outage:
            self.outages_in_a_row += 1
            if self.outages_in_a_row >= self.patience:
                raise error
        return [(index, error)]


async def ask_each(
    ask: Callable[[int], Awaitable[T]],
    *,
    kinds: Sequence[bool],
    concurrency: int,
    failed: Callable[[str], T],
    give_up: Callable[[DoubtfulError, bool], ModelError],
    emit: Callable[[tuple[int, T]], None],
) -> None:
    """Ask every row, at most `concurrency` at once, and emit (index, result) as they finish.

    A doubtful failure is held back until a row of the same kind is answered. It then becomes a failed row;
    where none is answered, the failure is the server's.

    Args:
        ask: Asks the row of this index.
        kinds: The kind of each row. The rows of a kind stand or fall together.
        concurrency: Rows under way at once.
        failed: Makes the result of a failed row from the reason.
        give_up: Makes the error from a doubtful failure and the kind it befell.
        emit: Takes the results.

    Raises:
        ModelError: If the server failed as a whole. Rows under way are cancelled first.
    """
    doubts = {kind: _Doubt(max(concurrency, _MIN_PATIENCE)) for kind in set(kinds)}
    rows = iter(enumerate(kinds))

    def emit_failures(failures: list[tuple[int, DoubtfulError]]) -> None:
        for index, error in failures:
            emit((index, failed(str(error))))

    async def ask_one(index: int, kind: bool) -> None:
        try:
            result = await ask(index)
        except (ImageError, RowRefusedError) as error:
            emit((index, failed(str(error))))
        except DoubtfulError as error:
            try:
                emit_failures(doubts[kind].add(index, error))
            except DoubtfulError as last:
                raise give_up(last, kind) from last
        else:
            emit_failures(doubts[kind].settle())
            emit((index, result))

    async def work() -> None:
        # The workers share one iterator, so a row is prepared only when a worker is free for it.
        for index, kind in rows:
            await ask_one(index, kind)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(kinds))):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    for kind, doubt in doubts.items():
        if doubt.held:
            raise give_up(doubt.held[0][1], kind)


def iterate(produce: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> Iterator[list[T]]:
    """Run a coroutine in a private event loop and yield what it emits, all that is there at a time.

    Closing the iterator cancels the coroutine and waits until it is gone. Its exception is raised after what
    it emitted before.
    """
    results: queue.SimpleQueue[T | None] = queue.SimpleQueue()  # None stands behind the last result
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="levelhead-openai", daemon=True)
    thread.start()
    future = asyncio.run_coroutine_threadsafe(produce(results.put), loop)
    future.add_done_callback(lambda _: results.put(None))
    try:
        while True:
            batch = [results.get()]
            while not results.empty():
                batch.append(results.get())
            if found := [result for result in batch if result is not None]:
                yield found
            if batch[-1] is None:
                future.result()
                return
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run one coroutine to its end in a private event loop and return what it returns."""

    async def produce(emit: Callable[[tuple[T]], None]) -> None:
        emit((await work(),))

    [[(result,)]] = iterate(produce)
    return result


async def _cancel_the_rest() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()

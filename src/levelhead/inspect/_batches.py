"""Single requests from many tasks, gathered into the lists that a model wants.

Inspect sends each sample's request by itself and waits; a local model answers thirty-two in little more than
the time of one. A thread of its own takes what has come, gives the model one list, and hands each reply back
to the task that waits for it.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from threading import Thread

import anyio
from anyio.from_thread import run_sync
from anyio.lowlevel import EventLoopToken, current_token

from levelhead.errors import ModelError, UsageError
from levelhead.models import Model, Sampling
from levelhead.records import Prompt, Reply

PAUSE_SECONDS = 0.02
"""A list is closed when no further request has come for so long."""


@dataclass(eq=False)
class _Request:
    """One prompt, who waits for it, and then its replies or what went wrong."""

    prompt: Prompt
    sampling: Sampling
    token: EventLoopToken
    answered: anyio.Event = field(default_factory=anyio.Event)
    outcome: list[Reply] | Exception | None = None

    def settle(self, outcome: list[Reply] | Exception) -> None:
        """Store the outcome and wake who waits, from another thread."""
        self.outcome = outcome
        try:
            run_sync(self.answered.set, token=self.token)
        except anyio.RunFinishedError:
            return  # the evaluation was ended, and nobody waits any more


class BatchQueue:
    """Asks a model in lists on behalf of tasks that ask one by one.

    Args:
        model: Who is asked. It is used in one thread only.
        size: Longest list.
    """

    def __init__(self, model: Model, size: int) -> None:
        self._model, self._size = model, size
        self._is_closed = False
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = Thread(target=self._work, name="levelhead-batches", daemon=True)
        self._thread.start()

    async def ask(self, prompt: Prompt, sampling: Sampling) -> list[Reply]:
        """The `sampling.n` replies to a prompt.

        Raises:
            LevelheadError: What the model raised.
            UsageError: If the queue is closed.
        """
        if self._is_closed:
            raise UsageError(f"The model {self._model.name} was closed; load it again (memoize=False).")
        request = _Request(prompt, sampling, current_token())
        self._waiting.put(request)
        await request.answered.wait()
        if isinstance(request.outcome, list):
            return request.outcome
        raise request.outcome or ModelError("A request was woken without an answer.")

    def close(self) -> None:
        """End the thread after what is under way. Calling it twice is fine."""
        self._is_closed = True
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, is_last = self._gather(first)
            for sampling in dict.fromkeys(request.sampling for request in batch):
                self._answer([request for request in batch if request.sampling == sampling], sampling)
            if is_last:
                return

    def _gather(self, first: _Request) -> tuple[list[_Request], bool]:
        """The first request and those that come right after it; whether the queue was closed meanwhile."""
        batch = [first]
        while len(batch) < self._size:
            try:
                request = self._waiting.get(timeout=PAUSE_SECONDS)
            except queue.Empty:
                break
            if request is None:
                return batch, True
            batch.append(request)
        return batch, False

    def _answer(self, batch: list[_Request], sampling: Sampling) -> None:
        try:
            for finished in self._model.iter_generate([request.prompt for request in batch], sampling):
                for index, replies in finished:
                    batch[index].settle(replies)
            lacking = ModelError(f"The model {self._model.name} gave no answer to a prompt.")
        except Exception as error:  # noqa: BLE001 - it is raised again where the request came from
            self._settle_rest(batch, error)
        else:
            self._settle_rest(batch, lacking)

    def _settle_rest(self, batch: list[_Request], error: Exception) -> None:
        for request in batch:
            if request.outcome is None:
                request.settle(error)

"""Many copies of something that works, on Ray: the one module that knows Ray.

    replicas = Replicas(partial(load, "name"), 4)
    for place, found in replicas.map("work", [(1,), (2,)]):
        ...

Each call goes to one copy, and its result comes back once, however often a copy dies: Ray starts it again and
calls again. At most two calls are under way for each copy, so that the caller sets the pace and nothing piles
up. On one machine Ray is started for the purpose; with RAY_ADDRESS set, or inside a job of a cluster, that
one is used, and copies live where Ray puts them.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from levelhead.errors import LevelheadError, MissingExtraError, ModelError, UsageError

T = TypeVar("T")
_UNDER_WAY = 2
"""Calls that wait at one copy: one that is worked on, and one that is there when it is done."""
_NOTICE_SECONDS = 30.0
_logger = logging.getLogger(__name__)

_USUAL = {"RAY_worker_niceness": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Copies do the work itself, so that they wait for nobody else on their machine; Ray would set them last."""


class Replicas(Generic[T]):
    """Copies of what a function makes. Close it, or use it as a context manager.

    Args:
        make: Makes one copy, in a process of its own; it must be picklable.
        count: How many.
        cpus: Processors that Ray keeps free for each.
        gpus: GPUs for each; a fraction is allowed.

    Raises:
        MissingExtraError: If Ray is not installed.
        UsageError: If the count is below 1, or Ray cannot give what is asked for.
    """

    def __init__(self, make: Callable[[], T], count: int, *, cpus: float = 1, gpus: float = 0) -> None:
        if count < 1:
            raise UsageError(f"{count} replicas were asked for; give 1 or more.")
        self._ray = _started()
        self.count = count
        worker = self._ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_restarts=-1,
            max_task_retries=-1,
        )(_Worker)
        self._check(count, cpus, gpus)
        self._workers = [worker.remote(make) for _ in range(count)]
        self._births = [one.is_born.remote() for one in self._workers]
        self._told = False

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of one copy, and wait.

        Raises:
            LevelheadError: What the method raised.
        """
        return self._opened(self._ray.get(self._workers[0].call.remote(method, arguments)))

    def map(self, method: str, calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Call a method once with each of some arguments, on whatever copy is free.

        Yields:
            The place of the call and its result, in the order in which they end.

        Raises:
            LevelheadError: What the method raised; calls that are under way are given up.
        """
        waiting = deque(enumerate(calls))
        free = deque(self._workers * _UNDER_WAY)
        under_way: dict[Any, tuple[int, Any]] = {}
        try:
            while waiting or under_way:
                while waiting and free:
                    worker = free.popleft()
                    place, arguments = waiting.popleft()
                    under_way[worker.call.remote(method, arguments)] = (place, worker)
                done = self._next(list(under_way))
                place, worker = under_way.pop(done)
                free.append(worker)
                yield place, self._opened(self._ray.get(done))
        finally:
            for reference in under_way:
                self._ray.cancel(reference, force=False)

    def close(self) -> None:
        """End the copies."""
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []

    def __enter__(self) -> Replicas[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _next(self, under_way: list[Any]) -> Any:
        """The next result. Where copies have no room and none comes, the user hears of it, once."""
        done, _ = self._ray.wait(under_way, num_returns=1, timeout=None if self._told else _NOTICE_SECONDS)
        if not done:
            _, unborn = self._ray.wait(self._births, num_returns=self.count, timeout=0)
            if unborn:
                self._told = True
                _logger.warning(
                    "%d of %d copies have not begun: Ray has no room for them now, and they wait until it "
                    "has. Ask for fewer (--replicas) if that takes too long.",
                    len(unborn),
                    self.count,
                )
            return self._next(under_way)
        return done[0]

    def _check(self, count: int, cpus: float, gpus: float) -> None:
        """Refuse what the cluster will never have, which Ray would wait for without end."""
        has = self._ray.cluster_resources()
        for name, needed in (("CPU", count * cpus), ("GPU", count * gpus)):
            if needed > has.get(name, 0):
                raise UsageError(
                    f"{count} replicas take {needed:g} {name}, and Ray has {has.get(name, 0):g}. Ask for "
                    "fewer (--replicas), or give Ray more machines (RAY_ADDRESS)."
                )

    @staticmethod
    def _opened(answer: tuple[str, Any]) -> Any:
        kind, content = answer
        if kind == "found":
            return content
        # By its name: an error with arguments of its own does not survive the way between processes.
        errors = importlib.import_module("levelhead.errors")
        error = getattr(errors, kind, ModelError)
        raise (error if error.__init__ is LevelheadError.__init__ else UsageError)(content)


class _Worker:
    """One copy, in a process of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._held: Any = None

    def is_born(self) -> bool:
        """Answered as soon as Ray has found room for this copy."""
        return True

    def call(self, method: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
        """The result of a method, or the name and the words of the error."""
        try:
            if self._held is None:
                self._held = self._make()
            return "found", getattr(self._held, method)(*arguments)
        except LevelheadError as error:
            return type(error).__name__, str(error)


def _started() -> Any:
    """Ray, connected to."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Replicas on Ray (--engine ray)", extra="ray", module="ray") from error
    if not ray.is_initialized():
        for name, value in _USUAL.items():
            os.environ.setdefault(name, value)
        ray.init(
            address=os.environ.get("RAY_ADDRESS"),
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
        )
    return ray

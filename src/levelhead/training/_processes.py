"""Several processes that tune one model: how many there are, and what each takes of a step.

What a step learns from is decided when a tuning is begun: batches x accumulation x processes. Another number
of processes that goes on with it shares the same dialogues out anew, so the numbers stay comparable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from levelhead.errors import ModelError, UsageError


@dataclass(frozen=True, slots=True)
class Share:
    """What one process takes of a step.

    Attributes:
        processes: How many take as much.
        batch_size: Dialogues at once.
        accumulate: Batches whose gradients are added up to one step.
    """

    processes: int
    batch_size: int
    accumulate: int

    @property
    def step_rows(self) -> int:
        """Dialogues of a step, of all processes."""
        return self.processes * self.batch_size * self.accumulate


def share_out(batch_size: int, accumulate: int, *, begun_with: int, processes: int) -> Share:
    """Share the dialogues of a step out to some processes, never more at once than `batch_size`.

    Args:
        batch_size: Dialogues at once, of each process that began.
        accumulate: Batches of a step, of each process that began.
        begun_with: How many processes began.
        processes: How many go on.

    Raises:
        UsageError: If they cannot be shared out evenly.

    >>> share_out(16, 1, begun_with=2, processes=1)
    Share(processes=1, batch_size=16, accumulate=2)
    >>> share_out(16, 1, begun_with=1, processes=4)
    Share(processes=4, batch_size=4, accumulate=1)
    """
    rows = batch_size * accumulate * begun_with
    if rows % processes:
        raise UsageError(
            f"A step of this tuning learns from {rows} dialogues ({batch_size} x {accumulate} x {begun_with} "
            f"processes, as it was begun), and {processes} processes cannot share them out evenly. Start a "
            f"number of processes that divides {rows}."
        )
    own = rows // processes
    largest = max(size for size in range(1, batch_size + 1) if own % size == 0)
    return Share(processes, largest, own // largest)


def process_count() -> int:
    """How many processes the launcher started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this is the process that writes."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def beside_others() -> Iterator[None]:
    """Say in words that another process has ended, while this one waited for it.

    gloo gives no kind of its own to that error, so it is known by its text.

    Raises:
        ModelError: If it has.
    """
    try:
        yield
    except RuntimeError as error:
        if process_count() == 1 or "by peer" not in str(error):
            raise
        raise ModelError(
            "Another process of this tuning has ended, and this one cannot go on alone. What happened stands "
            "above. The same command goes on from the last checkpoint."
        ) from error

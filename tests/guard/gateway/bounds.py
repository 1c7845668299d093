"""What a test may cost: seconds, and memory of this process and of its decoders."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024


def memory(process: int | str, field: str) -> int:
    """A field of a process's memory in bytes: VmRSS now, VmHWM at most so far."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@contextmanager
def bounded(*, seconds: float, mebibytes: int) -> Iterator[None]:
    """Fail if the block works longer, or this process grows by more at any moment of it.

    The seconds are of this process's processor time, as other work on the machine may stretch any other. Time
    that is waited counts a tenth, so that a block that hangs fails too.
    """
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark so far is forgotten
    before, began, worked = memory("self", "VmRSS"), time.monotonic(), time.process_time()
    yield
    grown = memory("self", "VmHWM") - before
    worked, took = time.process_time() - worked, time.monotonic() - began
    assert worked < seconds, f"worked {worked:.2f} s"
    assert took < 10 * seconds, f"took {took:.1f} s"
    assert grown < mebibytes * MIB, f"grew by {grown / MIB:.0f} MiB"


def decoders() -> list[int]:
    """Process ids of this process's decoders."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(os.getpid()) and b"_worker.py" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found

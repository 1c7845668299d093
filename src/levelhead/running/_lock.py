"""One process writes to a run folder at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from levelhead.errors import RunFolderError
from levelhead.running._json import cannot


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, which names this process while it is held.

    The lock belongs to the open file, so the operating system frees it when the process ends, however it
    ends. The file stays behind: taking it away would let a third process lock a file that a second one is
    about to lock.

    Raises:
        RunFolderError: If another process holds it, or the file system knows no locks.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise cannot("write", path, error) from error
    try:
        _take(file, path)
        yield
    finally:
        os.close(file)


def _take(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(file, 32, 0).decode("ascii", errors="replace").strip() or "(not yet named)"
        raise RunFolderError(
            f"The run folder {path.parent} is being written by process {holder}. Wait until it ends, "
            "end it, or give another --out."
        ) from error
    except OSError as error:
        raise cannot("lock", path, error) from error

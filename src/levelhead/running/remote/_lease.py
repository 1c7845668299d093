"""One process writes to a folder in a store at a time: an object names it, and how long it may be silent."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Callable

from levelhead.errors import RunFolderError
from levelhead.running.remote._store import Store

LEASE = ".levelhead-lease.json"
LEASE_SECONDS = 120.0
"""A process that has not renewed its lease for so long counts as dead. Clocks of two machines may differ."""

HALF_WRITTEN_SECONDS = 1.0


class Lease:
    """The right to write to a folder of a store.

    Args:
        store: The folder.
        clock: Tells seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._id = uuid.uuid4().hex

    def take(self) -> None:
        """Take the right.

        Raises:
            RunFolderError: If a living process has it, or the store cannot be reached.
        """
        if self._store.create(LEASE, self._text()):
            return
        holder = self._holder()
        if holder is None:  # a disk, other than S3, shows a text that is half written, or that a kill left so
            time.sleep(HALF_WRITTEN_SECONDS)
            holder = self._holder()
        if holder is not None and self._lives(holder):
            raise RunFolderError(
                f"{self._store.address} is being written by process {holder['process']} on {holder['host']}. "
                f"Wait until it ends, or give another --out. If it was killed, this works again "
                f"{LEASE_SECONDS / 60:.0f} minutes after its last sign of life."
            )
        if LEASE in self._store.objects():
            self._store.delete([LEASE])
        if not self._store.create(LEASE, self._text()):
            raise RunFolderError(f"Another process has just begun to write to {self._store.address}.")

    def renew(self) -> None:
        """Show a sign of life.

        Raises:
            RunFolderError: If another process has taken the right, or the store cannot be reached.
        """
        if not self._is_mine():
            raise LostLeaseError(
                f"Another process writes to {self._store.address} now, since this one was silent for long."
            )
        self._store.write(LEASE, self._text())

    def give_back(self) -> None:
        """End it."""
        if self._is_mine():
            self._store.delete([LEASE])

    def _lives(self, holder: dict[str, str]) -> bool:
        if holder["host"] == socket.gethostname() and _is_dead(int(holder["process"])):
            return False
        return self._clock() - float(holder["renewed"]) < LEASE_SECONDS

    def _is_mine(self) -> bool:
        holder = self._holder()
        return holder is not None and holder["id"] == self._id

    def _holder(self) -> dict[str, str] | None:
        """What the lease says of who has it; None if there is none, or its text is no whole one."""
        try:
            held = json.loads(self._store.read(LEASE) or b"")
        except ValueError:
            return None
        known = isinstance(held, dict) and held.keys() >= {"id", "host", "process", "renewed"}
        return {key: str(value) for key, value in held.items()} if known else None

    def _text(self) -> bytes:
        facts = {
            "id": self._id,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "renewed": self._clock(),
        }
        return json.dumps(facts).encode()


def _is_dead(process: int) -> bool:
    """Whether no other process of this machine has the number; ours was given to us after one had died."""
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class LostLeaseError(RunFolderError):
    """Another process writes to the folder now."""

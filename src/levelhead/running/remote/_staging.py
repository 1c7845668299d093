"""The folder on this machine that stands for one in a store."""

from __future__ import annotations

import hashlib
import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.running._lock import hold_lock
from levelhead.running.remote._carrier import Carrier
from levelhead.running.remote._lease import Lease, LostLeaseError
from levelhead.running.remote._store import Store
from levelhead.user_cache import cache_folder

CARRY_SECONDS = 30.0
"""How often what grew is carried over: so much work at most is lost with the machine."""
_KEEP_DAYS = 7.0
_logger = logging.getLogger(__name__)


@contextmanager
def staged(address: str, *, seconds: float = CARRY_SECONDS) -> Iterator[Path]:
    """A folder here whose contents are carried over to a store while they grow, and at the end.

    It begins with what the store holds, so that a run goes on that another machine began. The folder stays
    on this machine for a week, so that a run that goes on here need not fetch it again.

    Args:
        address: Of the folder in the store.
        seconds: How often what grew is carried over.

    Raises:
        UsageError: If the address cannot be used.
        MissingExtraError: If fsspec is not installed.
        RunFolderError: If another process writes there, or the store cannot be reached: before the work,
            nothing is done then; after it, what was done stays in the folder here.
    """
    store, place = Store(address), _place(address)
    with hold_lock(place.with_suffix(".lock")):
        lease = Lease(store)
        lease.take()
        try:
            carrier = Carrier(place, store, place.with_suffix(".json"))
            carrier.pull()
            with _Carrying(carrier, lease, seconds, place):
                yield place
        finally:
            with suppress(RunFolderError):  # it ends by itself, and the work is told of by what came before
                lease.give_back()


def fetched(address: str) -> Path:
    """A copy here of a folder in a store, to read. One that is here and still the same is not fetched again.

    Raises:
        UsageError: If the address cannot be used or there is nothing.
        MissingExtraError: If fsspec is not installed.
        RunFolderError: If the store cannot be reached, or a process of this machine writes there.
    """
    place = _place(address)
    with hold_lock(place.with_suffix(".lock")):
        Carrier(place, Store(address), place.with_suffix(".json")).pull()
    if not any(place.iterdir()):
        raise UsageError(f"There is nothing in {address}. Give the --out of an earlier command.")
    return place


class _Carrying:
    """Carries over in a thread of its own while the work goes on, and the rest at its end."""

    def __init__(self, carrier: Carrier, lease: Lease, seconds: float, place: Path) -> None:
        self._carrier, self._lease, self._seconds, self._place = carrier, lease, seconds, place
        self._over = threading.Event()
        self._lost: LostLeaseError | None = None
        self._thread = threading.Thread(target=self._carry, name="carry to the store", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._lost is not None:
            raise self._lost
        try:
            self._lease.renew()
            self._carrier.push(whole=True)
        except RunFolderError as error:
            raise type(error)(f"{error} What was done stays in {self._place}.") from error

    def _carry(self) -> None:
        failing = False
        while not self._over.wait(self._seconds):
            try:
                self._lease.renew()
                self._carrier.push()
            except LostLeaseError as error:
                self._lost = error
                _interrupt_the_work()
                return
            except (RunFolderError, OSError) as error:
                if not failing:
                    _logger.warning("%s The work goes on, and is carried over later.", error)
                failing = True
            else:
                failing = False


def _interrupt_the_work() -> None:
    """As Ctrl-C does it, so that a wait for an answer ends too: `interrupt_main` would let it last."""
    main = threading.main_thread().ident
    if main is not None and callable(signal.getsignal(signal.SIGINT)):  # ignored by a shell's background job
        signal.pthread_kill(main, signal.SIGINT)


def _place(address: str) -> Path:
    """Where the folder of an address lies on this machine; those not used for a week are deleted."""
    folder = cache_folder() / "staging"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
    except OSError as error:
        raise RunFolderError(
            f"The folder {folder} cannot be used ({error.strerror}). Set LEVELHEAD_CACHE to another one."
        ) from error
    place = folder / hashlib.sha256(address.rstrip("/").encode()).hexdigest()[:16]
    place.with_suffix(".lock").touch()
    return place


def _clear(folder: Path) -> None:
    for lock in folder.glob("*.lock"):
        if time.time() - lock.stat().st_mtime < _KEEP_DAYS * 86_400:
            continue
        with suppress(RunFolderError), hold_lock(lock):  # one that is being written is no old one
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.with_suffix(".json").unlink(missing_ok=True)

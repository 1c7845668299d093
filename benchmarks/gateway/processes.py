"""Servers as processes: started on cores of their own, waited for, their memory and time read, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.client import Connection

_LONGEST_START_SECONDS = 120.0
_LONGEST_END_SECONDS = 10.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class StartError(Exception):
    """A server did not come up. The message holds its last words."""


@dataclass(frozen=True)
class Cores:
    """Where things run: load client and upstream on the first core, what is measured on the others."""

    client: frozenset[int]
    servers: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> Cores:
        """All cores that this process may use; with one core only, nothing is set apart."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(frozenset({first}), frozenset(others or {first}))


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Server:
    """A process in a session of its own.

    Args:
        command: What is run.
        environ: Variables on top of those of this process.
        port: Where it is going to listen.
        cores: Where it runs.
        log: File for what it says.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        environ: Mapping[str, str],
        port: int,
        cores: frozenset[int],
        log: Path,
    ) -> None:
        self.port, self._log = port, log
        self.began = time.perf_counter()
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environ},
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=log.parent,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    async def first_answer(self, body: bytes, key: str) -> float:
        """Ask until the first proper answer. Returns the seconds since the process was started.

        Raises:
            StartError: If none comes.
        """
        while time.perf_counter() - self.began < _LONGEST_START_SECONDS:
            if self._process.poll() is not None:
                raise StartError(f"It ended with {self._process.returncode}: {self._last_words()}")
            connection = Connection("127.0.0.1", self.port, key)
            with suppress(OSError, TimeoutError):
                if (await connection.ask(body)).status == 200:
                    connection.close()
                    return time.perf_counter() - self.began
            connection.close()
            await asyncio.sleep(0.02)
        raise StartError(f"No answer in {_LONGEST_START_SECONDS:g} s: {self._last_words()}")

    def resident_bytes(self) -> int:
        """Memory of the process and all below it, in bytes."""
        return sum(
            int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_BYTES for one in self._tree()
        )

    def cpu_seconds(self) -> float:
        """Processor time that the process and all below it have used."""
        ticks = 0
        for one in self._tree():
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_PER_SECOND

    def end(self) -> None:
        """End it and what it started; nothing else."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_LONGEST_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _tree(self) -> Iterator[int]:
        waiting = [self._process.pid]
        while waiting:
            one = waiting.pop()
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                for thread in Path(f"/proc/{one}/task").iterdir():
                    waiting += [int(child) for child in (thread / "children").read_text().split()]
                yield one

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace").strip()[-400:]


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that is ended with the block."""
    try:
        yield server
    finally:
        server.end()

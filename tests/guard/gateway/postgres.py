"""A PostgreSQL server for tests: on loopback, in a folder of its own, stopped by its own process id."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

USER = "levelhead"
PASSWORD = "flour@water/salt"

_START_SECONDS = 30


def programs() -> Path:
    """The folder with PostgreSQL's programs; the test is skipped where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if (path := shutil.which("postgres")) is not None:
        return Path(path).resolve().parent
    pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")


class PostgresServer:
    """A server that can be stopped and started again.

    Attributes:
        port: On loopback.
    """

    def __init__(self, folder: Path) -> None:
        self._programs, self._folder = programs(), folder
        self._account = "postgres" if os.geteuid() == 0 else None  # it does not run as root
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        (folder / "password").write_text(PASSWORD)
        if self._account is not None:
            account = pwd.getpwnam(self._account)
            for path in (folder, folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        made = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={folder / 'password'}"]
        subprocess.run(
            [
                self._programs / "initdb",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                *made,
                folder / "data",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=self._account,
            group=self._account,
            extra_groups=() if self._account else None,
        )

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "16MB",
            "autovacuum": "off",
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._folder / "data"),
                    *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._account,
                group=self._account,
                extra_groups=() if self._account else None,
            )
        ends = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > ends:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it properly, SIGQUIT at once, as a crash would."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(30)

    def connect(self, schema: str = "public") -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            options=f"-csearch_path={schema}",
            connect_timeout=5,
            autocommit=True,
        )

    def new_schema(self) -> str:
        """Make a schema, which is as good as an empty database and costs less, and give its name."""
        name = f"audit_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
        return name

    def address(
        self, schema: str, *, port: int | None = None, user: str = USER, password: str = PASSWORD
    ) -> str:
        return (
            f"postgresql+psycopg://{user}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/postgres"
            f"?options=-csearch_path%3D{schema}"
        )


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server for the time of the block."""
    programs()
    # Not below pytest's own folder, into which only its owner may look.
    folder = Path(tempfile.mkdtemp(prefix="levelhead-postgres-"))
    try:
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # nothing of it is kept
    finally:
        shutil.rmtree(folder)

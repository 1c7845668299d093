"""The load balancers of `deploy/` as processes on the loopback, with their own files: for rolling_restart.py.

Of each file the addresses are replaced and TLS is left out; all else is as it ships.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
BALANCERS = ("nginx", "haproxy")
_STARTING_SECONDS = 10.0

_AROUND_NGINX = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{shipped}
}}
"""


def installed(name: str) -> bool:
    """Whether a balancer can be started."""
    return program_path(name) is not None


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def on_loopback(name: str, port: int, replicas: Sequence[int]) -> str:
    """The file of `deploy/` for a balancer, with these ports of this machine and without TLS."""
    file = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[name]
    text = (DEPLOY / file).read_text(encoding="utf-8")
    text, edited = re.subn(
        r"(?<=[ ])10\.0\.0\.1([123]):8900", lambda m: _local(replicas[int(m[1]) - 1]), text
    )
    opened = {"nginx": r"listen 443 ssl;", "haproxy": r"bind :443 .*"}[name]
    instead = {"nginx": f"listen {_local(port)};", "haproxy": f"bind {_local(port)}"}[name]
    text, listening = re.subn(opened, instead, text)
    if (edited, listening) != (len(replicas), 1):
        raise SystemExit(
            f"deploy/{file} is not as this script expects it: {edited} replicas, {listening} ports."
        )
    return re.sub(r"^\s*ssl_certificate.*\n", "", text, flags=re.MULTILINE)


@contextmanager
def balancing(name: str, replicas: Sequence[int], folder: Path) -> Iterator[str]:
    """A balancer in front of three ports. Yields its base address."""
    (port,) = free_ports(1)
    shipped = on_loopback(name, port, replicas)
    written = folder / f"{name}.conf"
    program = program_path(name)
    if program is None:
        raise SystemExit(f"{name} is not installed: apt-get install {name}")
    if name == "nginx":
        user = "user root;\n" if Path.home() == Path("/root") else ""
        written.write_text(_AROUND_NGINX.format(user=user, folder=folder, shipped=shipped))
        command = [program, "-p", str(folder), "-e", "stderr", "-c", str(written)]
    else:
        written.write_text(shipped)
        command = [program, "-db", "-f", str(written)]
    log = folder / f"{name}.log"
    with log.open("wb") as written_to:
        process = subprocess.Popen(command, stdout=written_to, stderr=written_to)
    try:
        _await_port(process, port, log)
        yield f"http://{_local(port)}"
    finally:
        process.terminate()
        process.wait(10)


def program_path(name: str) -> str | None:
    """Where a balancer is installed; Debian puts it where users do not look."""
    return shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def _local(port: int) -> str:
    return f"127.0.0.1:{port}"


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"The balancer did not start: {log.read_text(errors='replace')}")

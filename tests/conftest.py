"""Settings for all tests."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background; programs that tests start and interrupt would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and no time limit on one: a busy machine is no failure.
settings.register_profile("levelhead", derandomize=True, deadline=None)
settings.load_profile("levelhead")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have the garbage collector pass over what imports leave: a million objects, none of them garbage.

    A training collects several times, and went through all of them each time, for nearly two seconds.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _trusted_certificates_are_read_once() -> Iterator[None]:
    """A client of httpx reads all of them, for 50 ms; tests make thousands, and ask on loopback alone."""

    @cache
    def read(verify: Any, cert: Any, trust_env: bool, file: str | None, folder: str | None) -> Any:
        return httpx.create_ssl_context(verify, cert, trust_env)

    def context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        return read(verify, cert, trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", context)
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'levelhead[remote]'")
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty folder in a bucket, with the credentials set; the cache is the test's own."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("LEVELHEAD_CACHE", str(tmp_path / "cache"))
    s3fs.S3FileSystem.clear_instance_cache()
    name = tmp_path.name.replace("_", "-")[:50]
    s3fs.S3FileSystem().mkdir(f"bucket-{name}")
    return f"s3://bucket-{name}/folder/run"

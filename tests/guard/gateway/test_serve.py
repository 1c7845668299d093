"""`levelhead guard serve` as a process: what it refuses at the start, and how it ends. Cases 42 and 52."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.guard.gateway.scripted import (
    HARMLESS,
    ScriptedUpstream,
    by_mode,
    lines_of,
    pieces_of,
    running,
    stream,
)

SERVE = [sys.executable, "-m", "levelhead", "guard", "serve"]
ASKING = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def ended(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit status of a gateway that does not start, and what it says."""
    done = subprocess.run(
        [*SERVE, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})}
    )
    return done.returncode, done.stderr


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway in a process of its own, and its address."""
    command = [*SERVE, "--port", "0", "--detector", "lexical", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        found = re.search(r" at (http://\S+)/v1", first)
        assert found, f"{first}{process.stderr.read() if process.stderr else ''}"
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_an_address_that_others_reach_is_refused_without_a_key() -> None:
    status, said = ended("--upstream", "http://127.0.0.1:9/v1", "--host", "0.0.0.0", "--detector", "lexical")
    assert status == 2
    assert "[[keys]]" in said
    assert "Traceback" not in said


def test_without_an_upstream_there_is_nothing_to_guard() -> None:
    status, said = ended()
    assert status == 2
    assert "--upstream URL" in said


@pytest.mark.parametrize("detector", ["encoder:no-such-folder", "nonsense", "lexical+ocr"])
def test_missing_weights_and_unknown_detectors_are_refused_before_anything_listens(detector: str) -> None:
    """Case 42."""
    status, said = ended("--upstream", "http://127.0.0.1:9/v1", "--detector", detector)
    assert status in (1, 2)
    assert said.startswith("levelhead: ")
    assert "Traceback" not in said


def test_damaged_weights_are_refused_before_anything_listens(tmp_path: Path) -> None:
    """Case 42."""
    (tmp_path / "detector.json").write_text("{")
    status, said = ended("--upstream", "http://127.0.0.1:9/v1", "--detector", f"encoder:{tmp_path}")
    assert status in (1, 2)
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_told() -> None:
    upstream = ScriptedUpstream(by_mode(HARMLESS))
    with running(upstream.app) as url:
        port = url.rpartition(":")[2]
        status, said = ended("--upstream", f"{url}/v1", "--detector", "lexical", "--port", port)
    assert status == 2
    assert f"port {port}" in said


def test_the_reference_of_the_config_is_printed() -> None:
    done = subprocess.run([*SERVE, "--print-config-reference"], capture_output=True, text=True, check=True)
    assert "`[upstream]`" in done.stdout


def test_one_command_serves_with_a_little_memory_and_neither_torch_nor_a_hub(tmp_path: Path) -> None:
    upstream = ScriptedUpstream(by_mode(HARMLESS))
    with running(upstream.app) as url, serving("--upstream", f"{url}/v1") as (process, address):
        for _ in range(20):
            answer = httpx.post(f"{address}/v1/chat/completions", json=ASKING)
        assert answer.json()["choices"][0]["message"]["content"] == HARMLESS
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "torch" not in maps
        assert "onnxruntime" not in maps
        status = Path(f"/proc/{process.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident[1]) < 90 * 1024


def test_sigterm_lets_requests_under_way_come_to_their_end() -> None:
    """Case 52."""
    begun = threading.Semaphore(0)

    def slowly(asked: object) -> object:
        begun.release()
        return stream(lines_of(pieces_of(HARMLESS, 8)), size=400, pause=0.15)

    upstream = ScriptedUpstream(slowly)  # type: ignore[arg-type]
    with (
        running(upstream.app) as url,
        serving("--upstream", f"{url}/v1") as (process, address),
        ThreadPoolExecutor(5) as pool,
    ):
        asking = {**ASKING, "stream": True}
        waiting = [
            pool.submit(httpx.post, f"{address}/v1/chat/completions", json=asking, timeout=20)
            for _ in range(5)
        ]
        for _ in range(5):
            assert begun.acquire(timeout=10)
        process.send_signal(signal.SIGTERM)
        texts = [_text(one.result().text) for one in waiting]
        assert texts == [HARMLESS] * 5
        assert process.wait(10) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/healthz")


def test_a_second_sigterm_or_a_drain_that_takes_too_long_ends_it_all_the_same(tmp_path: Path) -> None:
    """Case 52."""
    begun = threading.Event()

    def forever(asked: object) -> object:
        begun.set()
        return stream(lines_of(pieces_of(HARMLESS)), size=1, pause=5)

    config = tmp_path / "gateway.toml"
    config.write_text("[listen]\ndrain_seconds = 1\n")
    upstream = ScriptedUpstream(forever)  # type: ignore[arg-type]
    with (
        running(upstream.app) as url,
        serving("--upstream", f"{url}/v1", "--config", str(config)) as (process, address),
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(_quietly, f"{address}/v1/chat/completions")
        assert begun.wait(10)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(8)
        assert time.monotonic() - began < 6
        waiting.result()


def _quietly(url: str) -> None:
    try:
        httpx.post(url, json={**ASKING, "stream": True}, timeout=20)
    except httpx.HTTPError:
        return


def _text(raw: str) -> str:
    events = [line.removeprefix("data: ") for line in raw.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(one)["choices"][0]["delta"].get("content", "") for one in events)

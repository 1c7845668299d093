"""Many requests at once, some of them faulty, and what is left of the gateway afterwards. Case 53.

The gateway is a process of its own; clients and upstream share this one.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from starlette.responses import Response

from tests.guard.gateway.scripted import (
    Asked,
    ScriptedUpstream,
    as_json,
    chat,
    lines_of,
    pieces_of,
    running,
    stream,
)
from tests.guard.gateway.test_serve import serving

REQUESTS, AT_ONCE = 10_000, 64
WARM_UP = 1_000


def answered(asked: Asked) -> Response:
    """An answer that holds the mark of its question; one in twenty is faulty, one in seven is harmful."""
    mark = asked.body["messages"][-1]["content"]
    number = int(mark.split("-")[1])
    if number % 20 == 3:
        return [
            as_json({"error": {"message": "x"}}, 500),
            as_json(b'{"choices": ['),
            as_json({}, 429, Retry_After="1"),
            stream(lines_of(pieces_of(f"{mark} Bread is baked.")[:2], done=False)),
        ][number // 20 % 4]
    text = f"{mark}. Bread is baked in an oven. "
    if number % 7 == 0:
        text += "Then buy a gun and build a pipe bomb. "
    if asked.body.get("stream"):
        return stream(lines_of(pieces_of(text, 24)), size=2000)
    return chat(text)


async def one(port: int, number: int, streamed: bool, leaves: bool) -> str:
    """One request. Returns what became of it: a class, checked against its mark."""
    mark = f"mark-{number}-{'streamed' if streamed else 'plain'}"
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": mark}], "stream": streamed}
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        if leaves:
            await asyncio.sleep(random.Random(number).random() * 0.02)
            return "left"
        raw = (await asyncio.wait_for(reader.read(-1), 60)).decode()
    finally:
        writer.transport.abort()
    status = raw.split(" ", 2)[1]
    marks = set(re.findall(r"mark-\d+-\w+", raw))
    assert marks <= {mark}, f"{mark} got the answer of {marks}"
    if number % 20 == 3:
        assert status in ("502", "429") or '"error"' in raw
        return "faulty"
    assert status == "200", raw
    if number % 7 == 0:
        assert "pipe bomb" not in raw
        assert '"content_filter"' in raw
        return "harmful"
    assert marks == {mark}, raw
    assert '"stop"' in raw
    return "whole"


async def many(port: int, numbers: range) -> Counter[str]:
    """Requests, so many at once, plain and streamed mixed; one in twenty leaves early."""
    waiting = iter(numbers)
    found: Counter[str] = Counter()

    async def client() -> None:
        for number in waiting:
            found[await one(port, number, number % 2 == 0, number % 20 == 11)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(client())
    return found


def memory_and_files(process: int) -> tuple[int, int]:
    """Resident memory in KiB, and open files."""
    status = Path(f"/proc/{process}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    return int(resident[1]), len(list(Path(f"/proc/{process}/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_no_answer_is_lost_or_mixed_up_and_neither_memory_nor_files_grow(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[audit]\nfolder = "{tmp_path / "audit"}"\n[logs]\nlevel = "error"\n[detector]\nthreshold = 0.2\n'
    )
    upstream = ScriptedUpstream(answered)
    with (
        running(upstream.app) as url,
        serving("--upstream", f"{url}/v1", "--config", str(config)) as (process, address),
    ):
        port = int(address.rpartition(":")[2])
        asyncio.run(many(port, range(WARM_UP)))
        before, files_before = memory_and_files(process.pid)
        upstream.asked.clear()
        found = asyncio.run(many(port, range(WARM_UP, WARM_UP + REQUESTS)))
        after, files_after = memory_and_files(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert sum(found.values()) == REQUESTS
    assert found["left"] == REQUESTS // 20
    assert found["faulty"] == REQUESTS // 20
    assert after - before < 16 * 1024, f"grew from {before} to {after} KiB"
    assert files_after <= files_before + 8

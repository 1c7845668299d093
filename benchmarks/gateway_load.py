"""The gateway under load, with faulty answers behind it and clients that leave before it.

    python benchmarks/gateway_load.py --out results/gateway_load.json

Every question carries a mark of its own, which its answer carries on, so that an answer that went to
somebody else is seen. Half of the answers are streamed. One in twenty is faulty (an error, JSON that is cut
off, a page instead of it, a stream that ends in the middle, a connection that breaks), one client in twenty
leaves early, and one answer in seven is harmful and must not come through.

The gateway is a process of its own, as `levelhead guard serve` starts it; clients and upstream share this
one. Memory and open files of the gateway are read after every tenth of the requests that follow a warm-up. At
the end it gets SIGTERM, and its audit log is checked. The exit status is 1 if an answer was lost, mixed up or
let through, if memory or open files grew, or if the log does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from _load_plan import Question, Upstream, listening, planned
from levelhead.guard.gateway.audit._verify import verify_audit_log

BAD_OUTCOMES = ("lost", "mixed up", "let through", "no fault told")
LARGEST_GROWTH_KIB = 16 * 1024
MORE_FILES = 8
"""Connections to the upstream that happen to be open at the end and were not at the beginning."""
SETTLING_SECONDS, SETTLINGS = 1.0, 30
"""After one of them, or on a busy machine some, connections of clients that have gone are closed."""
ERROR_STATUSES = (429, 502, 504)


@contextmanager
def gateway(upstream: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway with an audit log in a process of its own, and its address."""
    config = folder / "gateway.toml"
    config.write_text(
        f'[audit]\nfolder = "{folder / "audit"}"\n[logs]\nlevel = "error"\n[detector]\nthreshold = 0.2\n'
    )
    command = [sys.executable, "-m", "levelhead", "guard", "serve", "--port", "0", "--detector", "lexical"]
    command += ["--upstream", upstream, "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r" at (http://\S+)/v1", process.stdout.readline())
        if found is None:
            raise SystemExit("The gateway did not start.")
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


async def outcome(client: httpx.AsyncClient, question: Question) -> str:
    """Ask, and say what became of it."""
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": question.mark}],
        "stream": question.streamed,
    }
    try:
        async with asyncio.timeout(question.draw * 0.02 if question.kind == "leaves" else 60):
            answer = await client.post("/v1/chat/completions", json=asked)
    except TimeoutError:
        return "left" if question.kind == "leaves" else "lost"
    except httpx.HTTPError:
        return "lost"
    return judged(question, answer)


def judged(question: Question, answer: httpx.Response) -> str:
    """What an answer is: as planned, or one of `BAD_OUTCOMES`."""
    text = answer.text
    said = said_in(text) if question.streamed and answer.status_code == 200 else text
    if set(re.findall(r"mark-\d+-\w{8}", said)) - {question.mark}:
        return "mixed up"
    if question.kind == "faulty":
        told = answer.status_code in ERROR_STATUSES or '"error"' in text
        return "faulty" if told and '"stop"' not in text else "no fault told"
    if answer.status_code != 200:
        return "lost"
    if question.kind == "harmful":
        return "harmful" if "pipe bomb" not in said and '"content_filter"' in text else "let through"
    ended = text.endswith("data: [DONE]\n\n") if question.streamed else True
    return "whole" if question.mark in said and '"stop"' in text and ended else "lost"


def said_in(stream: str) -> str:
    """The text that a stream says, put together."""
    events = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in json.loads(event).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@dataclass
class Measured:
    """What became of the requests, and of the gateway meanwhile.

    Attributes:
        outcomes: How often each.
        seconds: From the first request to the last answer.
        resident_kib: Memory of the gateway: before all, after each tenth, and at the end without clients.
        open_files: The same for its files and connections.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    resident_kib: list[int] = field(default_factory=list)
    open_files: list[int] = field(default_factory=list)

    def look_at(self, process: int) -> None:
        """Read memory and files of the gateway."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
        assert found is not None
        self.resident_kib.append(int(found[1]))
        self.open_files.append(files_of(process))


def files_of(process: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


async def load(process: int, address: str, plan: Sequence[Question], at_once: int) -> Measured:
    """All questions of a plan, so many at once."""
    found = Measured()
    await asyncio.sleep(SETTLING_SECONDS)
    found.look_at(process)
    waiting, each, began = iter(plan), max(1, len(plan) // 10), time.monotonic()
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=None, trust_env=False) as client:

        async def one_client() -> None:
            for question in waiting:
                found.outcomes[await outcome(client, question)] += 1
                if found.outcomes.total() % each == 0:
                    found.look_at(process)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(one_client())
    found.seconds = time.monotonic() - began
    for _ in range(SETTLINGS):  # a busy machine closes connections late; one that leaks them, never
        await asyncio.sleep(SETTLING_SECONDS)
        if files_of(process) <= found.open_files[0] + MORE_FILES:
            break
    found.look_at(process)
    return found


async def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole of it: the facts that are written."""
    upstream = Upstream()
    async with listening(upstream.app) as url:
        with gateway(url, folder) as (process, address):
            for seed, count in ((options.seed + 1, options.warm_up), (options.seed, options.requests)):
                plan = planned(count, seed)
                upstream.plan = {question.mark: question for question in plan}
                found = await load(process.pid, address, plan, options.at_once)
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.wait, 60)
    log = verify_audit_log(folder / "audit")
    grown = max(found.resident_kib) - found.resident_kib[0]
    files = found.open_files[-1] - found.open_files[0]
    bad = {name: found.outcomes[name] for name in BAD_OUTCOMES}
    holds = not any(bad.values()) and status == 0 and log.broken is None
    return {
        "holds": holds and grown < LARGEST_GROWTH_KIB and files <= MORE_FILES,
        "requests": options.requests,
        "at_once": options.at_once,
        "warm_up": options.warm_up,
        "seed": options.seed,
        "outcomes": dict(sorted((found.outcomes - Counter(BAD_OUTCOMES)).items())) | bad,
        "seconds": round(found.seconds, 1),
        "requests_per_second": round(options.requests / found.seconds),
        "resident_kib": found.resident_kib,
        "grown_kib": grown,
        "open_files": found.open_files,
        "exit_status": status,
        "audit_rows": log.last,
        "audit_broken": log.broken and str(log.broken),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("levelhead", "starlette", "uvicorn", "httpx")},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--warm-up", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(options, Path(folder)))
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for name in ("holds", "outcomes", "requests_per_second", "grown_kib", "open_files", "audit_broken"):
        print(f"{name}: {found[name]}")
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())

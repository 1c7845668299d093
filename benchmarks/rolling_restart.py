"""Three gateways behind a load balancer, restarted one after the other while clients go on asking.

    python benchmarks/rolling_restart.py --out results/rolling_restart.json

Each balancer runs with the file that `deploy/` has for it. Each gateway is a process of its own, as
`levelhead guard serve` starts it, with its own audit log or one for all. It gets SIGTERM, is waited for, and
is started again on its port. Half of the answers are streamed, half of the clients keep their connection, and
none of them tries anything twice.

The exit status is 1 if a request got no whole answer, if the model server was asked anything twice, if a row
of an audit log is missing, or if the metrics of all gateways do not add up to what was sent afterwards.
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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from _balancers import BALANCERS, balancing, free_ports, installed, program_path
from _load_plan import listening
from _restart_load import Answered, CountingUpstream, Load
from levelhead.guard.gateway.audit._places import open_reader
from levelhead.guard.gateway.audit._reading import Filter
from levelhead.guard.gateway.audit._settings import AuditDatabase
from levelhead.guard.gateway.audit._verify import verify_audit_log

REPLICAS = 3
COUNTED = "levelhead_guard_requests_total"
DECIDED = "levelhead_guard_decisions_total"
SCORED = "levelhead_guard_p_harm_count"
_STARTING_SECONDS, _ENDING_SECONDS = 60.0, 60.0


@dataclass
class Replica:
    """One gateway that can be started again.

    Attributes:
        port: Where it listens, each time.
        config: Its file of settings.
        audit: Where its audit log is kept.
        process: The one that runs now.
        statuses: Exit statuses of those that ran before.
    """

    port: int
    config: Path
    audit: Path | AuditDatabase
    process: subprocess.Popen[bytes] | None = None
    statuses: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        command = [sys.executable, "-m", "levelhead", "guard", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--config", str(self.config)], stdout=subprocess.DEVNULL)
        end = time.monotonic() + _STARTING_SECONDS
        async with httpx.AsyncClient(base_url=self.address, trust_env=False) as client:
            while time.monotonic() < end and self.process.poll() is None:
                try:
                    if (await client.get("/readyz")).status_code == 200:
                        return
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
        raise SystemExit("A gateway did not start.")

    async def end(self) -> None:
        """SIGTERM, and wait for its end."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.statuses.append(await asyncio.to_thread(self.process.wait, _ENDING_SECONDS))


@contextmanager
def replicas(upstream: str, options: argparse.Namespace, folder: Path) -> Iterator[list[Replica]]:
    """Gateways that are not started yet; what runs of them is ended with the context."""
    made = []
    for number, port in enumerate(free_ports(REPLICAS), start=1):
        config = folder / f"gateway-{number}.toml"
        audit: Path | AuditDatabase = folder / f"audit-{number}"
        place = f'folder = "{audit}"'
        if options.database_env is not None:
            audit = AuditDatabase(options.database_env)
            place = f'database_env = "{audit.env}"\nreplica = "gateway-{number}"'
        config.write_text(
            f'[upstream]\nurl = "{upstream}"\n[detector]\nname = "lexical"\n'
            f"[listen]\nlame_duck_seconds = {options.lame_duck}\n"
            f'[audit]\n{place}\n[logs]\nlevel = "error"\n'
        )
        made.append(Replica(port, config, audit))
    try:
        yield made
    finally:
        for one in made:
            if one.process is not None:
                one.process.kill()
                one.process.wait()


async def summed(gateways: Sequence[Replica]) -> Counter[str]:
    """The metrics of all gateways, added up by name as Prometheus does."""
    total: Counter[str] = Counter()
    async with httpx.AsyncClient(trust_env=False) as client:
        for one in gateways:
            text = (await client.get(f"{one.address}/metrics")).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    total[sample.name] += int(sample.value) if sample.value == sample.value else 0
    return total


@dataclass
class Run:
    """What happened behind one balancer, or behind several at once.

    Attributes:
        load: What clients heard while gateways were restarted.
        after: What they heard afterwards, with every gateway up.
        restarts: When each began and ended.
        counted: What all gateways together counted more during `after`.
    """

    load: Load
    after: Load
    restarts: list[tuple[float, float]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def before(self) -> list[Answered]:
        """Requests that ended before the first restart."""
        return [one for one in self.load.heard if one.began + one.seconds < self.restarts[0][0]]

    @property
    def during(self) -> list[Answered]:
        """Requests that began between the first SIGTERM and the last gateway's being ready."""
        return [one for one in self.load.heard if self.restarts[0][0] <= one.began <= self.restarts[-1][1]]


async def one_run(addresses: Sequence[str], gateways: Sequence[Replica], options: argparse.Namespace) -> Run:
    """Load through balancers; each gateway is restarted in its midst."""
    run = Run(Load(options.think), Load(options.think))
    async with run.load.from_clients(addresses, options.clients):
        await asyncio.sleep(options.calm)
        for one in gateways:
            began = time.monotonic()
            await one.end()
            await one.start()
            run.restarts.append((began, time.monotonic()))
            await asyncio.sleep(options.pause)
    counted = await summed(gateways)
    async with run.after.from_clients(addresses, options.clients):
        await asyncio.sleep(options.calm)
    run.counted = await summed(gateways)
    run.counted.subtract(counted)
    return run


def recorded(gateways: Sequence[Replica]) -> Counter[str]:
    """Ids of the requests whose answers stand in the audit logs, each of which must hold."""
    found: Counter[str] = Counter()
    for place in {one.audit for one in gateways}:
        broken = verify_audit_log(place).broken
        if broken is not None:
            raise SystemExit(f"An audit log does not hold: {broken}")
        rows = open_reader(place).page(Filter(), limit=10**7)
        found.update(row.entry.request_id for row in rows if row.entry.stage == "output")
    return found


def milliseconds(answered: Sequence[Answered]) -> dict[str, float]:
    """How long they took."""
    taken = np.array([one.seconds for one in answered]) * 1000
    return {
        "n": len(taken),
        "p50": round(float(np.quantile(taken, 0.5)), 1),
        "p95": round(float(np.quantile(taken, 0.95)), 1),
        "max": round(float(taken.max()), 1),
    }


def facts(run: Run, upstream: CountingUpstream, gateways: Sequence[Replica]) -> dict[str, Any]:
    """What is written of a run."""
    heard = run.load.heard + run.after.heard
    outcomes = Counter(one.outcome for one in heard)
    audited = recorded(gateways)
    ids = Counter(one.request_id for one in heard if one.request_id is not None)
    dropped = len(heard) - outcomes["whole"]
    more = {name: run.counted[name] for name in (COUNTED, DECIDED, SCORED)}
    asked = {
        COUNTED: len(run.after.heard),
        DECIDED: 2 * len(run.after.heard),
        SCORED: 2 * len(run.after.heard),
    }
    twice = sum(count - 1 for count in upstream.asked.values())
    statuses = [status for one in gateways for status in one.statuses]
    return {
        "holds": dropped == 0 and twice == 0 and audited == ids and more == asked and not any(statuses),
        "requests": len(heard),
        "whole": outcomes["whole"],
        "dropped": dropped,
        "outcomes": dict(sorted(outcomes.items())),
        "asked_twice": twice,
        "audit_rows": audited.total(),
        "audit_rows_missing": (ids - audited).total(),
        "restart_seconds": [round(end - began, 1) for began, end in run.restarts],
        "exit_statuses": statuses,
        "milliseconds": {"before": milliseconds(run.before), "during": milliseconds(run.during)},
        "metrics_after": {"requests": len(run.after.heard), "counted": more},
    }


async def measured(names: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Some balancers before the same gateways, from the start of everything to its end."""
    upstream = CountingUpstream()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        async with listening(upstream.app) as url:
            gateways = stack.enter_context(replicas(url, options, folder))
            await asyncio.gather(*(one.start() for one in gateways))
            ports = [one.port for one in gateways]
            addresses = [stack.enter_context(balancing(name, ports, folder)) for name in names]
            await asyncio.sleep(options.pause)
            run = await one_run(addresses, gateways, options)
            await asyncio.gather(*(one.end() for one in gateways))
        return facts(run, upstream, gateways)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--balancers", nargs="+", choices=BALANCERS, default=list(BALANCERS))
    parser.add_argument("--together", action="store_true", help="All balancers before the same gateways.")
    parser.add_argument("--clients", type=int, default=8, help="Of each balancer; a multiple of 4.")
    parser.add_argument("--think", type=float, default=0.05, help="Seconds of a client before it asks again.")
    parser.add_argument(
        "--calm", type=float, default=10.0, help="Seconds of load before and after all restarts."
    )
    parser.add_argument(
        "--database-env", help="Variable with the address of a database that keeps one audit log for all."
    )
    parser.add_argument("--pause", type=float, default=5.0, help="Seconds after each restart.")
    parser.add_argument(
        "--lame-duck", type=float, default=5.0, help="listen.lame_duck_seconds of the gateways."
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    missing = [name for name in options.balancers if not installed(name)]
    if missing:
        raise SystemExit(f"Not installed: {', '.join(missing)}")
    groups = [options.balancers] if options.together else [[name] for name in options.balancers]
    runs = {" and ".join(names): asyncio.run(measured(names, options)) for names in groups}
    found = {
        "command": " ".join(["python", *sys.argv]),
        "holds": all(run["holds"] for run in runs.values()),
        "replicas": REPLICAS,
        "clients": options.clients,
        "audit_logs": REPLICAS if options.database_env is None else 1,
        "lame_duck_seconds": options.lame_duck,
        "balancers": runs,
        "programs": {name: _version(name) for name in options.balancers},
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("levelhead", "starlette", "uvicorn", "httpx")},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for name, run in runs.items():
        told = {
            key: run[key] for key in ("holds", "requests", "outcomes", "asked_twice", "audit_rows_missing")
        }
        print(name, told, run["milliseconds"])
    return 0 if found["holds"] else 1


def _version(name: str) -> str:
    done = subprocess.run([program_path(name) or name, "-v"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found[0] if found else "unknown"


if __name__ == "__main__":
    sys.exit(main())

"""The whole run: tier by tier, guard by guard started cold, then all of them measured in turn."""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from gateway import figures, pictures
from gateway.install import Installed, read_record
from gateway.measuring import DIRECT, LOADS, Running, numbers, take_rounds, what_it_stops
from gateway.peers import LAUNCHES, TIERS, Launch, Setting, Skipped, Tier
from gateway.peers._launch import KEY
from gateway.processes import Cores, Server, StartError, free_port, running
from gateway.traffic import body, question

_SHARES: dict[Tier, float] = {"T0": 0.26, "T1": 0.3, "T2": 0.34, "T3": 0.1}
_TURN_SECONDS = 0.4
_MOST_ROUNDS = 12
_BENCHMARKS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        environments: Where `install` put the guards.
        detector: Name of the detector of T2, as `load_detector` takes it; None leaves T2 out.
        chosen: Tiers.
        seconds: About so long, all in all.
        starts: Cold starts of each guard at each tier; the last one is measured.
        max_load: Load average past which a run is refused.
        seed: Of the order of turns.
    """

    environments: Path
    detector: str | None
    chosen: tuple[Tier, ...]
    seconds: float
    starts: int
    max_load: float
    seed: int
    tiers: ClassVar[tuple[Tier, ...]] = tuple(TIERS)


@dataclass
class _TierRun:
    """One tier on its way: what runs, and what is known of each guard."""

    tier: Tier
    ends_at: float
    servers: dict[str, Running]
    guards: dict[str, dict[str, Any]] = field(default_factory=dict)


async def measure(plan: Plan, folder: Path) -> dict[str, Any]:
    """Measure; the result as it is written.

    Raises:
        SystemExit: If the machine is not quiet enough.
    """
    load_average = os.getloadavg()[0]
    if load_average > plan.max_load:
        raise SystemExit(
            f"The load average is {load_average:.1f}, and {plan.max_load:g} is allowed (--max-load): figures "
            "of a busy machine say little. Wait until it is quiet."
        )
    record, cores, began = read_record(plan.environments), Cores.of_this_machine(), time.monotonic()
    os.sched_setaffinity(0, cores.client)
    found: dict[str, Any] = {"tiers": {}}
    shares = sum(_SHARES[tier] for tier in plan.chosen)
    with running(_upstream(folder, cores)) as upstream:
        await upstream.first_answer(body(question(0), "plain"), KEY)
        for tier in plan.chosen:
            seconds = plan.seconds * _SHARES[tier] / shares
            work = _TierRun(tier, time.monotonic() + seconds, {DIRECT: Running(upstream)})
            found["tiers"][tier] = await _measure_tier(plan, work, folder, record, cores)
    return _facts(plan, record, cores, load_average, time.monotonic() - began) | found


def _upstream(folder: Path, cores: Cores) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "gateway.upstream", "--port", str(port)]
    return Server(command, {"PYTHONPATH": str(_BENCHMARKS)}, port, cores.client, folder / "upstream.log")


async def _measure_tier(
    plan: Plan, work: _TierRun, folder: Path, record: dict[str, Installed], cores: Cores
) -> dict[str, Any]:
    upstream = f"http://127.0.0.1:{work.servers[DIRECT].server.port}/v1"
    with ExitStack() as stack:
        for name, launch in LAUNCHES.items():
            own = folder / f"{work.tier}-{name}"
            own.mkdir()
            setting = Setting(work.tier, plan.environments, own, upstream, free_port(), plan.detector)
            ready = _missing(setting, name, record) or launch(setting)
            if isinstance(ready, Skipped):
                work.guards[name] = {"skipped": ready.reason}
                continue
            print(f"{work.tier} {name}: starting", file=sys.stderr, flush=True)
            await _start(plan, work, stack, name, ready, setting, cores)
        await _rounds(plan, work)
    return {
        "what": TIERS[work.tier],
        "direct": work.guards.pop(DIRECT),
        "guards": work.guards,
    }


def _missing(setting: Setting, name: str, record: dict[str, Installed]) -> Skipped | None:
    """Why a guard cannot be set up with what was installed."""
    environment = _ENVIRONMENTS[name]
    if environment not in record:
        return Skipped(f"It was not installed (install {environment}).")
    installed = record[environment]
    if installed.failure is not None:
        return Skipped(f"It does not install here: {installed.failure}")
    if setting.tier == "T2" and installed.detector_failure is not None:
        return Skipped(f"Our detector does not install beside it: {installed.detector_failure}")
    return None


async def _start(
    plan: Plan,
    work: _TierRun,
    stack: ExitStack,
    name: str,
    launch: Launch,
    setting: Setting,
    cores: Cores,
) -> None:
    """Start a guard so many times, and leave the last one running."""
    seconds: list[float] = []
    try:
        for number in range(plan.starts):
            server = Server(
                launch.command, launch.environ, setting.port, cores.servers, setting.folder / "said.log"
            )
            last = number == plan.starts - 1
            with ExitStack() as own:
                own.enter_context(running(server))
                seconds.append(round(await server.first_answer(body(question(number), "plain"), KEY), 3))
                if last:
                    stack.push(own.pop_all())
    except StartError as error:
        work.guards[name] = {"skipped": f"It does not start: {error}"}
        return
    work.servers[name] = Running(server)
    work.guards[name] = {
        "notes": launch.notes,
        "cold_start_seconds": seconds,
        "idle_megabytes": _megabytes(server.resident_bytes()),
    }


async def _rounds(plan: Plan, work: _TierRun) -> None:
    """Measure all that runs, and put the numbers to each guard."""
    work.guards[DIRECT] = {}
    if work.tier == "T3":
        given = numbers(plan.seed)
        for name, found in (await pictures.measure(work.servers, work.ends_at, given)).items():
            work.guards[name]["pictures"] = found
    else:
        if work.tier != "T0":
            for name, one in work.servers.items():
                work.guards[name]["stops"] = await what_it_stops(one)
        work.guards[DIRECT]["rounds"] = await take_rounds(
            work.servers,
            turn_seconds=_TURN_SECONDS,
            budget_seconds=max(0.0, work.ends_at - time.monotonic()),
            most_rounds=_MOST_ROUNDS,
            seed=plan.seed,
        )
        for name in work.servers:
            work.guards[name]["loads"] = {
                kind.name: figures.of_load(name, work.servers, kind) for kind in LOADS
            }
    for name, one in work.servers.items():
        work.guards[name]["loaded_megabytes"] = _megabytes(one.resident_bytes)


def _megabytes(resident: int) -> float:
    return round(resident / 1e6, 1)


def _facts(
    plan: Plan, record: dict[str, Installed], cores: Cores, load_average: float, seconds: float
) -> dict[str, Any]:
    return {
        "command": " ".join(["python -m gateway", *_without_places(sys.argv[1:])]),
        "seconds": round(seconds),
        "load_average_before": round(load_average, 2),
        "machine": f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "cores": {"client and upstream": sorted(cores.client), "guards": sorted(cores.servers)},
        "python": platform.python_version(),
        "installed": {
            name: {"version": one.version, "megabytes": one.megabytes, "failure": one.failure}
            for name, one in record.items()
        },
        "detector": plan.detector is not None,
    }


def _without_places(words: list[str]) -> list[str]:
    """The command with folders of this machine by their last names."""
    return [Path(word).name if word.startswith("/") else word for word in words]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


_ENVIRONMENTS = {
    "levelhead": "levelhead",
    "levelhead+ocr": "levelhead-ocr",
    "nemo-iorails": "nemo",
    "nemo-default": "nemo",
    "litellm": "litellm",
    "llm-guard": "llm-guard",
}

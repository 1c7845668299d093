"""What large work would take, from figures that were measured, and a simulation of the gateway beside them.

    python benchmarks/scale.py --out results/scale.json

Nothing here is timed. Rates come from files in results/, each named beside what follows from it. The
simulation takes only the processor time of one request and the time of the server behind it, both measured
with one client, and is held against what the gateway did with 8 and with 32 clients.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections import deque
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
UTILISATION = 0.7
"""Share of its time that a server may be busy, so that queues stay short."""
PAIRS, MODELS, QUESTIONS, REQUESTS = 7_308, 9, 10_000_000, 10_000


def read(name: str) -> dict[str, Any]:
    """A file of results."""
    found: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return found


def closed_loop(clients: int, service: float, behind: float, *, requests: int = 4000) -> dict[str, float]:
    """So many clients who ask again as soon as they are answered, before one gateway on one core.

    Args:
        clients: How many.
        service: Milliseconds of processor time that a request takes of the gateway; before and after the
            server behind it, half each. Times vary as those of a sum of eight exponential ones.
        behind: Milliseconds that the server behind it takes, however many ask.
        requests: How many are simulated.

    Returns:
        Requests per second, and the median and the 95th percentile of the latency in milliseconds.
    """
    rng = random.Random(0)
    events: list[tuple[float, int, str, float]] = []
    waiting: deque[tuple[str, float]] = deque()
    latencies: list[float] = []
    now, number, is_busy = 0.0, 0, False

    def plan(at: float, what: str, began: float) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (at, number, what, began))

    def part() -> float:
        return rng.gammavariate(8, service / 2 / 8)

    for client in range(clients):
        plan(client * service / clients, "arrives", client * service / clients)
    while events and len(latencies) < requests:
        now, _, what, began = heapq.heappop(events)
        if what in ("arrives", "answered"):
            waiting.append((what, began))
        else:
            is_busy = False
            if what == "asked":
                plan(now + behind, "answered", began)
            else:
                latencies.append(now - began)
                plan(now, "arrives", now)
        if waiting and not is_busy:
            kind, began = waiting.popleft()
            is_busy = True
            plan(now + part(), "asked" if kind == "arrives" else "done", began)
    settled = sorted(latencies[len(latencies) // 10 :])
    return {
        "requests_per_second": round(1000 * len(latencies) / now, 1),
        "p50_ms": round(settled[len(settled) // 2], 1),
        "p95_ms": round(settled[int(len(settled) * 0.95)], 1),
    }


def gateway() -> dict[str, Any]:
    """The simulation against what was measured, for each tier that was measured with several clients."""
    found = {}
    for file in ("gateway.json", "gateway_t2.json"):
        for tier, told in read(file)["tiers"].items():
            loads = told["guards"].get("levelhead", {}).get("loads")
            if not loads or "plain-32" not in loads:
                continue
            alone = loads["plain-1"]
            service = alone["cpu_ms_per_request"]
            behind = max(0.0, alone["latency_ms"]["p50"] - service)
            found[tier] = {
                "what": told["what"],
                "from": f"results/{file}, one client: {service} ms of processor time, {behind:.2f} ms behind",
                **{
                    f"{clients} clients": {
                        "simulated": closed_loop(clients, service, behind),
                        "measured": {
                            "requests_per_second": loads[f"plain-{clients}"]["requests_per_second"],
                            "p50_ms": loads[f"plain-{clients}"]["latency_ms"]["p50"],
                            "p95_ms": loads[f"plain-{clients}"]["latency_ms"]["p95"],
                        },
                    }
                    for clients in (8, 32)
                },
                "cores_for_10000_requests_per_second": round(
                    REQUESTS * loads["plain-32"]["cpu_ms_per_request"] / 1000 / UTILISATION
                ),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    answers = read("illusion_loop.json")["our_items_per_second"]
    probed = read("probe_loop.json")["our_questions_per_second"]
    found = {
        "illusion": {
            "work": f"{PAIRS} pairs, {MODELS} models of the embedded one's size",
            "from": f"results/illusion_loop.json: {answers:.2f} answers per second on two cores",
            "core_hours": round(PAIRS * MODELS / answers * 2 / 3600, 1),
        },
        "probing": {
            "work": f"{QUESTIONS} questions, an answer and how sure, a model of the embedded one's size",
            "from": f"results/probe_loop.json: {probed:.2f} questions per second on one core",
            "core_hours": round(QUESTIONS / probed / 3600),
        },
        "gateway": gateway(),
        "utilisation": UTILISATION,
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

"""What large work would take, from figures that were measured, and a simulation of the gateway beside them.

    python benchmarks/scale.py --out results/scale.json

Nothing here is timed. Rates come from files in results/, each named beside what follows from it. The
simulation takes the processor time of one request and the time of the server behind it, both measured with
one client, and what the detector takes for a batch, and is held against what the gateway did.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
UTILISATION = 0.7
"""Share of its time that a server may be busy, so that queues stay short."""
BATCH = 16
"""Texts that the gateway judges at once; `detector.batch`."""
PAIRS, MODELS, QUESTIONS, REQUESTS = 7_308, 9, 10_000_000, 10_000


def read(name: str) -> dict[str, Any]:
    """A file of results."""
    found: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class Work:
    """What a request takes of a gateway.

    Attributes:
        service: Milliseconds of processor time apart from the detector, in four equal parts.
        behind: Milliseconds that the server behind it takes, however many ask.
        question: Milliseconds that the detector takes for a question, by how many texts are in the batch.
        answer: The same for an answer. Both empty where none judges.
    """

    service: float
    behind: float
    question: Mapping[int, float] = field(default_factory=dict)
    answer: Mapping[int, float] = field(default_factory=dict)

    def batch(self, kinds: Sequence[str]) -> float:
        """Milliseconds of one batch of `question`s and `answer`s."""
        size = max(known for known in self.question if known <= len(kinds))
        return sum({"question": self.question, "answer": self.answer}[kind][size] for kind in kinds)


class ClosedLoop:
    """So many clients who ask again as soon as they are answered, before one gateway.

    The gateway has one thread that serves and one that judges, a core for each. What has come in while a
    batch was judged makes up the next one, of at most `BATCH` texts. A request is served in four parts: read,
    asked on, read again, answered; its question is judged behind the first, its answer behind the third.
    Times of serving vary as those of a sum of eight exponential ones.
    """

    def __init__(self, clients: int, work: Work) -> None:
        self._work, self._rng = work, random.Random(0)
        self._events: list[tuple[float, int, str, list[tuple[str, float]]]] = []
        self._to_serve: deque[tuple[str, float]] = deque()
        self._to_judge: deque[tuple[str, float]] = deque()
        self._serving = self._judging = False
        self._number, self._now = 0, 0.0
        self._latencies: list[float] = []
        for client in range(clients):
            self._plan(client * work.service / clients, "came", [("read", client * work.service / clients)])

    def run(self, requests: int = 4000) -> dict[str, float]:
        """Requests per second, and the median and the 95th percentile of the latency in milliseconds."""
        while len(self._latencies) < requests:
            self._now, _, what, jobs = heapq.heappop(self._events)
            if what == "came":
                self._to_serve += jobs
            elif what == "served":
                self._serving = False
                self._go_on(*jobs[0])
            else:
                self._judging = False
                self._to_serve += [("ask" if kind == "question" else "answer", began) for kind, began in jobs]
            self._start()
        settled = sorted(self._latencies[requests // 10 :])
        return {
            "requests_per_second": round(1000 * requests / self._now, 1),
            "p50_ms": round(settled[len(settled) // 2], 1),
            "p95_ms": round(settled[int(len(settled) * 0.95)], 1),
        }

    def _go_on(self, part: str, began: float) -> None:
        """What follows a part of a request that was served."""
        judged = bool(self._work.question)
        if part == "read":
            self._hand_over("question", "ask", began, judged=judged)
        elif part == "ask":
            self._plan(self._now + self._work.behind, "came", [("read again", began)])
        elif part == "read again":
            self._hand_over("answer", "answer", began, judged=judged)
        else:
            self._latencies.append(self._now - began)
            self._plan(self._now, "came", [("read", self._now)])

    def _hand_over(self, kind: str, following: str, began: float, *, judged: bool) -> None:
        if judged:
            self._to_judge.append((kind, began))
        else:
            self._to_serve.append((following, began))

    def _start(self) -> None:
        if self._to_serve and not self._serving:
            self._serving = True
            took = self._rng.gammavariate(8, self._work.service / 4 / 8)
            self._plan(self._now + took, "served", [self._to_serve.popleft()])
        if self._to_judge and not self._judging:
            self._judging = True
            jobs = [self._to_judge.popleft() for _ in range(min(BATCH, len(self._to_judge)))]
            self._plan(self._now + self._work.batch([kind for kind, _ in jobs]), "judged", jobs)

    def _plan(self, at: float, what: str, jobs: list[tuple[str, float]]) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, what, jobs))


def gateway() -> dict[str, Any]:
    """The simulation against what was measured, for each tier that was measured with several clients."""
    found = {}
    plain = read("gateway.json")["tiers"]["T1"]["guards"]["levelhead"]["loads"]["plain-1"]
    for file in ("gateway.json", "gateway_t2.json"):
        for tier, told in read(file)["tiers"].items():
            loads = told["guards"].get("levelhead", {}).get("loads")
            if not loads or "plain-32" not in loads:
                continue
            alone = plain if tier == "T2" else loads["plain-1"]
            service = alone["cpu_ms_per_request"]
            behind = max(0.0, alone["latency_ms"]["p50"] - service)
            work = Work(service, behind, **(_judging() if tier == "T2" else {}))
            found[tier] = {
                "what": told["what"],
                "from": f"results/{file}, one client{' of T1' if tier == 'T2' else ''}: {service} ms of "
                f"processor time, {behind:.2f} ms behind"
                + ("; results/detector_batches.json" if tier == "T2" else ""),
                **{
                    f"{clients} clients": {
                        "simulated": ClosedLoop(clients, work).run(),
                        "measured": {
                            "requests_per_second": loads[f"plain-{clients}"]["requests_per_second"],
                            "p50_ms": loads[f"plain-{clients}"]["latency_ms"]["p50"],
                            "p95_ms": loads[f"plain-{clients}"]["latency_ms"]["p95"],
                        },
                    }
                    for clients in (1, 8, 32)
                },
                "cores_for_10000_requests_per_second": round(
                    REQUESTS * loads["plain-32"]["cpu_ms_per_request"] / 1000 / UTILISATION
                ),
            }
    return found


def _judging() -> dict[str, dict[int, float]]:
    """Milliseconds for one text, by how many are in its batch."""
    told = read("detector_batches.json")
    return {
        name: {int(size): whole / int(size) for size, whole in told[f"{name}s"].items()}
        for name in ("question", "answer")
    }


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

"""What the gateway's detector costs for a question and for an answer, by how many are judged at once.

    python benchmarks/detector_batches.py --out results/detector_batches.json

The texts are those of the gateway's benchmark. Processor time is taken and not time on the clock, so that
other work on the machine does not count; the detector has one thread, as in a gateway.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from gateway import traffic
from levelhead.guard import Detector, Pair, load_detector

SIZES = (1, 2, 4, 8, 16)


def cost(detector: Detector, size: int, *, answers: bool, rounds: int) -> float:
    """Milliseconds of processor time of a batch, the median of the rounds."""
    taken, number = [], 0
    for _ in range(rounds):
        pairs = []
        for _ in range(size):
            number += 1
            words = traffic.question(number)
            text = traffic.answer(harmful=False).replace("000000", f"{number:06}")
            pairs.append(Pair(str(number), text, words) if answers else Pair(str(number), words))
        since = time.process_time()
        detector.judge(pairs)
        taken.append(1000 * (time.process_time() - since))
    return round(statistics.median(taken), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--detector", default="encoder")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    with load_detector(options.detector, threads=1) as detector:
        cost(detector, 16, answers=True, rounds=3)
        found = {
            "command": "PYTHONPATH=benchmarks python benchmarks/detector_batches.py --out OUT",
            "what": "milliseconds of processor time of one batch, the median of the rounds",
            "detector": options.detector,
            "rounds": options.rounds,
            "questions": {n: cost(detector, n, answers=False, rounds=options.rounds) for n in SIZES},
            "answers": {n: cost(detector, n, answers=True, rounds=options.rounds) for n in SIZES},
            "machine": platform.machine(),
            "versions": {name: version(name) for name in ("levelhead", "onnxruntime")},
        }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

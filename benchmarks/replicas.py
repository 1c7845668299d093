"""One copy here, one on Ray, and two on Ray, on the same work: a language model's and a detector's.

    python benchmarks/replicas.py --out results/replicas.json

The model is the embedded one with OCR eyes on questions of the illusion suite, the detector the shipped
encoder on answers of a hundred words; every copy has one thread. Copies are loaded before anything is timed.
Replies, summaries and verdicts of all arms are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from levelhead.guard import Pair, ReplicatedDetector, load_detector
from levelhead.illusion import build, load_questions, run, select
from levelhead.models import load_model
from levelhead.records import Prompt

ARMS: dict[str, int | None] = {"here": None, "ray, one copy": 1, "ray, two copies": 2}
_WORDS = (
    "bread oven flour water knead dough salt yeast rise bake crust slice butter warm table friends recipe"
)


def of_model(questions: int) -> dict[str, Any]:
    """Seconds of a run of the illusion suite in each arm."""
    seconds: dict[str, float] = {}
    summaries: dict[str, object] = {}
    replies: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        build(select(load_questions(), questions), data)
        for name, replicas in ARMS.items():
            # One after the other: copies that wait for a processor of another arm would stand still.
            with load_model("embedded+ocr", threads=1, replicas=replicas) as model:
                model.generate([Prompt.ask("What is the capital of Italy?")] * 4)
                out = Path(folder) / name
                begin = time.monotonic()
                summaries[name] = run(model, data, out, with_shift=False)["illusion"]
                seconds[name] = round(time.monotonic() - begin, 2)
            replies[name] = [
                json.loads(row)["reply"] for row in (out / "rows.jsonl").read_text().splitlines()
            ]
    first = next(iter(ARMS))
    return {
        "questions": questions,
        "answers": len(replies[first]),
        **_told(seconds),
        "same_replies": {
            name: sum(a == b for a, b in zip(replies[first], replies[name], strict=True)) for name in ARMS
        },
        "same_summary": {name: summaries[name] == summaries[first] for name in ARMS},
    }


def of_detector(answers: int) -> dict[str, Any]:
    """Seconds of judging in each arm."""
    rng, words = random.Random(0), _WORDS.split()
    pairs = [
        Pair(str(number), " ".join(rng.choices(words, k=100)), "How do I bake bread?")
        for number in range(answers)
    ]
    seconds: dict[str, float] = {}
    found = {}
    for name, replicas in ARMS.items():
        made = (
            load_detector("encoder", threads=1)
            if replicas is None
            else ReplicatedDetector("encoder", replicas, threads=1)
        )
        with made as detector:
            detector.judge(pairs[:128])
            begin = time.monotonic()
            found[name] = detector.judge(pairs)
            seconds[name] = round(time.monotonic() - begin, 2)
    first = next(iter(ARMS))
    return {
        "answers": answers,
        **_told(seconds),
        "same_verdicts": {name: found[name] == found[first] for name in ARMS},
    }


def _told(seconds: dict[str, float]) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "one_copy_on_ray_against_here": round(seconds["ray, one copy"] / seconds["here"], 3),
        "speedup_of_a_second_copy": round(seconds["ray, one copy"] / seconds["ray, two copies"], 3),
        "ideal_speedup": 2,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--answers", type=int, default=1200)
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    found = {
        "detector": of_detector(options.answers),
        "model": of_model(options.questions),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("levelhead", "ray", "torch", "onnxruntime")},
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

"""One copy of a model here, one on Ray, and two on Ray, on the same questions.

    python benchmarks/replicas.py --questions 26 --out results/replicas.json

Each arm runs the illusion suite of the embedded model with OCR eyes, every copy with one thread. Pictures are
read before anything is timed, and loading is told apart. The arms alternate, `--rounds` times; the median is
told. The replies of all arms are compared, and the rates of their summaries.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from levelhead.illusion import build, load_questions, run, select
from levelhead.models import load_model
from levelhead.records import Prompt

ARMS: dict[str, int | None] = {"here": None, "ray, one copy": 1, "ray, two copies": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=26)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    summaries: dict[str, object] = {}
    replies: dict[str, list[str]] = {}
    loading: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        build(select(load_questions(), options.questions), data)
        models = {}
        for name, replicas in ARMS.items():
            begin = time.monotonic()
            models[name] = load_model("embedded+ocr", threads=1, replicas=replicas)
            models[name].generate(warm_up())
            loading[name] = round(time.monotonic() - begin, 1)
        for number in range(options.rounds):
            for name, model in models.items():
                out = Path(folder) / f"{name}-{number}"
                begin = time.monotonic()
                summary = run(model, data, out, with_shift=False)
                seconds[name].append(round(time.monotonic() - begin, 2))
                summaries[name] = summary["illusion"]
                rows = (out / "rows.jsonl").read_text().splitlines()
                replies[name] = [json.loads(row)["reply"] for row in rows]
        for model in models.values():
            model.close()
    typical = {name: statistics.median(found) for name, found in seconds.items()}
    first = next(iter(ARMS))
    found = {
        "questions": options.questions,
        "answers": len(replies[first]),
        "seconds": seconds,
        "median_seconds": typical,
        "loading_seconds": loading,
        "same_replies": {
            name: sum(a == b for a, b in zip(replies[first], replies[name], strict=True)) for name in ARMS
        },
        "same_summary": {name: summaries[name] == summaries[first] for name in ARMS},
        "one_copy_on_ray_against_here": round(typical["ray, one copy"] / typical[first], 3),
        "speedup_of_a_second_copy": round(typical["ray, one copy"] / typical["ray, two copies"], 3),
        "ideal_speedup": 2,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("levelhead", "ray", "torch")},
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def warm_up() -> list[Prompt]:
    """A prompt, so that no arm pays for its first."""
    return [Prompt.ask("What is the capital of Italy?")]


if __name__ == "__main__":
    main()

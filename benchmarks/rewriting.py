r"""Several detoxifiers behind one detector, on the same labelled answers: harm left, meaning kept, fluency.

Each answer goes through the guard's loop once per detoxifier. Harm is judged by another detector than the
guard's own. `template` is the floor: all harm gone, no meaning kept. No text is written.

    .venv/bin/python benchmarks/rewriting.py --data PAIRS.jsonl --detector encoder --judge lexical \
        --detoxifier template --detoxifier local --encoder FOLDER --fluency-model embedded \
        --out results/rewriting.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard import (
    Detector,
    Pair,
    Protected,
    Protector,
    SentenceEncoder,
    load_detector,
    load_detoxifier,
    measure_rewrites,
    read_pairs,
)
from levelhead.models import Model, load_model
from levelhead.running import choose_style, show_progress


def read_labelled(path: Path, limit: int | None) -> list[Pair]:
    """The labelled pairs of a file, or some of them drawn at random."""
    pairs = [one for one in read_pairs(path) if isinstance(one, Pair) and one.label is not None]
    if limit is not None and limit < len(pairs):
        pairs = random.Random(0).sample(pairs, limit)
    return pairs


def protect_all(protector: Protector, pairs: Sequence[Pair], label: str, batch: int) -> list[Protected]:
    found: list[Protected] = []
    with show_progress(label, total=len(pairs), held=0, style=choose_style()) as advance:
        for first in range(0, len(pairs), batch):
            some = protector.protect(pairs[first : first + batch])
            found += some
            advance(len(some))
    return found


def kinds_of_reasons(outcomes: Sequence[Protected]) -> dict[str, int]:
    """How often each kind of reason was given, numbers and what a server said left out."""
    reasons = (re.split(r"[:(0-9]", one.reason)[0].strip() for one in outcomes if one.reason)
    return dict(Counter(reasons).most_common())


class Comparison:
    """What all detoxifiers share: the answers, the guard's detector, and what measures."""

    def __init__(self, arguments: argparse.Namespace, detector: Detector, judge: Detector) -> None:
        if judge.name == detector.name or judge.fingerprint == detector.fingerprint:
            raise UsageError("The judge is the guard's own detector. Give another --judge.")
        self._detector, self._judge, self._batch = detector, judge, arguments.batch
        self._room, self._threads = arguments.max_new_tokens, arguments.threads
        self.pairs = read_labelled(arguments.data, arguments.limit)
        self._encoder = SentenceEncoder(arguments.encoder) if arguments.encoder else None
        self._fluency_model: Model | None = (
            load_model(arguments.fluency_model, threads=arguments.threads)
            if arguments.fluency_model
            else None
        )

    def measure(self, name: str) -> dict[str, object]:
        """The numbers of one detoxifier."""
        with load_detoxifier(name, max_new_tokens=self._room, threads=self._threads) as detoxifier:
            start = time.perf_counter()
            outcomes = protect_all(Protector(self._detector, detoxifier), self.pairs, name, self._batch)
            seconds = time.perf_counter() - start
            details = dict(detoxifier.details)
        quality = measure_rewrites(
            self.pairs,
            outcomes,
            judge=self._judge,
            encoder=self._encoder,
            fluency_model=self._fluency_model,
        )
        touched = sum(one.action != "passed" for one in outcomes)
        return {
            "details": details,
            "actions": dict(Counter(one.action for one in outcomes)),
            "reasons": kinds_of_reasons(outcomes),
            "seconds": seconds,
            "seconds_per_touched_answer": seconds / touched if touched else None,
            **quality.to_json(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="detoxifiers behind one detector")
    parser.add_argument("--data", type=Path, required=True, help="PAIRS.jsonl with labels")
    parser.add_argument("--detector", required=True, help="the guard's own")
    parser.add_argument("--judge", required=True, help="another one")
    parser.add_argument("--detoxifier", action="append", required=True, help="may be given several times")
    parser.add_argument("--encoder", help="folder or hub id of a sentence encoder")
    parser.add_argument("--fluency-model", help="a model that scores")
    parser.add_argument("--limit", type=int, help="so many answers, drawn at random")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with load_detector(arguments.detector) as detector, load_detector(arguments.judge) as judge:
        comparison = Comparison(arguments, detector, judge)
        result = {
            "command": " ".join(["python", *sys.argv]),
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "data_sha256": hashlib.sha256(arguments.data.read_bytes()).hexdigest(),
            "answers": len(comparison.pairs),
            "detector": {"name": detector.name, "threshold": detector.threshold},
            "judge": {"name": judge.name, "threshold": judge.threshold},
            "detoxifiers": {name: comparison.measure(name) for name in arguments.detoxifier},
        }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"Numbers: {arguments.out}")


if __name__ == "__main__":
    main()

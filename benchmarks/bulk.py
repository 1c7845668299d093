"""Much through one process: 100,000 pairs through `guard judge`, 50,000 pictures through `illusion build`.

    python benchmarks/bulk.py pairs --texts DATA/halueval/general_data.json --out results/bulk.json
    python benchmarks/bulk.py pictures --out results/bulk.json

Each runs the command itself as a process of its own and looks at it while it works: how far it is, and how
much memory it has (PSS: memory that it shares with others counts by its share). The pairs are first words of
a chat model's answers to other questions than their own, so that each is there once; the pictures are of the
built-in bank, each question several times with its wrong answers turned.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from levelhead.illusion import load_questions

STEPS = 20
KINDS = ("typographic", "typographic-scene")
_LEVELHEAD = [sys.executable, "-m", "levelhead"]


def judge_pairs(count: int, texts: Path, detector: str, words: int) -> dict[str, Any]:
    """Judge so many pairs of at most so many words with one detector."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "pairs.jsonl", Path(folder) / "scores.jsonl"
        mean = _write_pairs(source, count, texts, words)
        command = [
            *("guard", "judge", "--file", str(source), "--out", str(out)),
            *("--detector", detector, "--threads", "1"),
        ]
        found = _watch(command, count, _LinesOf(out))
        judged = _LinesOf(out)()
    return {"pairs": count, "judged": judged, "mean_words": mean, "detector": detector, **found}


def build_pictures(count: int) -> dict[str, Any]:
    """Build a set of so many pictures or a few more."""
    questions = load_questions()
    copies = -(-count // (len(questions) * 7 * len(KINDS)))
    with tempfile.TemporaryDirectory() as folder:
        bank, out = Path(folder) / "bank.jsonl", Path(folder) / "set"
        with bank.open("w") as file:
            for copy in range(copies):
                for one in questions:
                    turned = one.spurious[copy % 5 :] + one.spurious[: copy % 5]
                    changed = one.model_copy(update={"id": f"{one.id}-{copy}", "spurious": turned})
                    file.write(changed.model_dump_json() + "\n")
        command = ["illusion", "build", "--bank", str(bank), "--kinds", ",".join(KINDS), "--out", str(out)]
        found = _watch(command, copies * len(questions) * 7 * len(KINDS), lambda: _files(out / "images"))
        metadata = out / "metadata.jsonl"
        rows, size = _LinesOf(metadata)(), sum(path.stat().st_size for path in (out / "images").rglob("*.*"))
    return {
        **{"pictures": rows, "questions": copies * len(questions), "kinds": list(KINDS)},
        **{"gigabytes": round(size / 1e9, 2), **found},
    }


class _LinesOf:
    """How many lines a growing file has."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._lines = path, 0, 0

    def __call__(self) -> int:
        if self._path.is_file():
            with self._path.open("rb") as file:
                file.seek(self._read)
                while block := file.read(1 << 20):
                    self._read += len(block)
                    self._lines += block.count(b"\n")
        return self._lines


def _files(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(1 for part in os.scandir(folder) if part.is_dir() for _ in os.scandir(part.path))


def _write_pairs(path: Path, count: int, texts: Path, words: int) -> float:
    """Write pairs; mean words of a question and its answer together."""
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    questions = [" ".join(row["user_query"].split()[:words]) for row in rows]
    answers = [" ".join(row["chatgpt_response"].split()[:words]) for row in rows]
    rng, total = random.Random(0), 0
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            if number % len(answers) == 0:
                rng.shuffle(questions)
            question, answer = questions[number % len(answers)], answers[number % len(answers)]
            total += len(question.split()) + len(answer.split())
            line = {"id": str(number), "question": question, "answer": answer}
            file.write(json.dumps(line) + "\n")
    return round(total / count, 1)


def _watch(command: Sequence[str], total: int, done: Callable[[], int]) -> dict[str, Any]:
    """Run a command; its memory at each twentieth of the work, and how fast it was.

    Raises:
        SystemExit: If it fails.
    """
    began = time.monotonic()
    process = subprocess.Popen([*_LEVELHEAD, *command], stdout=subprocess.DEVNULL)
    at: list[dict[str, float]] = []
    try:
        while process.poll() is None:
            time.sleep(2)
            reached = done()
            if reached * STEPS >= total * (len(at) + 1) and (memory := _pss_mb(process.pid)):
                at.append(
                    {"done": reached, "seconds": round(time.monotonic() - began, 1), "megabytes": memory}
                )
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise SystemExit(f"The command ended with {process.returncode}: {' '.join(command)}")
    seconds = time.monotonic() - began
    first, last = at[0], at[-1]
    return {
        "seconds": round(seconds, 1),
        "per_second": round(total / seconds, 1),
        "megabytes_at_first_step": first["megabytes"],
        "megabytes_most": max(one["megabytes"] for one in at),
        "bytes_each_from_first_to_last_step": round(
            (last["megabytes"] - first["megabytes"]) * 1e6 / (last["done"] - first["done"])
        ),
        "steps": at,
    }


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    return round(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("pairs", "pictures"))
    parser.add_argument("--count", type=int, help="[default: 100000 pairs, 50000 pictures]")
    parser.add_argument("--texts", type=Path, help="pairs: JSONL with user_query and chatgpt_response.")
    parser.add_argument("--detector", default="encoder")
    parser.add_argument("--words", type=int, default=20, help="pairs: of each text, the first so many.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file; what it holds otherwise stays.")
    options = parser.parse_args()
    if options.what == "pairs":
        if options.texts is None:
            parser.error("pairs are made of --texts")
        name = f"pairs, {options.detector}, {options.words} words"
        found = judge_pairs(options.count or 100_000, options.texts, options.detector, options.words)
    else:
        name, found = "pictures", build_pictures(options.count or 50_000)
    found |= {
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in ("levelhead", "onnxruntime", "pillow")},
    }
    held = json.loads(options.out.read_text()) if options.out.is_file() else {}
    options.out.write_text(json.dumps({**held, name: found}, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

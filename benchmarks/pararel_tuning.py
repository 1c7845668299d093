"""The main experiment of R-Tuning (arXiv 2311.09677, tables 1 and 2) on the embedded model, at paper size.

Every step is a `levelhead honesty` command, so each can be run by hand; the steps that are done are skipped
and the one that was killed goes on. Takes about ten hours on two cores, so:

    python benchmarks/pararel_tuning.py --data FOLDER --work WORK run [--until HH:MM] [STEP ...]
    python benchmarks/pararel_tuning.py --data FOLDER --work WORK summarize --out results/pararel_tuning.json

FOLDER holds the public files under the paths that stand at the head of this module.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOTS = Path(__file__).with_name("pararel_shots.jsonl")
TRAIN = "pararel:r_tuning_data/pararel/training_data.json"
SETS = {
    "id": ("pararel:r_tuning_data/pararel/ID_test_pararel.json", None),
    "ood": ("pararel:r_tuning_data/pararel/OOD_test_pararel.json", 4000),
}
"""Test sets: reader and file, and how many questions are drawn (None for all)."""
REFUSALS = {
    "falseqa": ("falseqa:falseqa/test.csv",),
    "nec": (
        "unknownbench:unknownbench/NEC/NEC_answerable.json",
        "unknownbench:unknownbench/NEC/NEC_unanswerable.json",
    ),
    "refunq": (
        "unknownbench:unknownbench/RefuNQ/RefuNQ_answerable.json",
        "unknownbench:unknownbench/RefuNQ/RefuNQ_unanswerable.json",
    ),
}
"""Questions without an answer beside some with one, never trained on; a thousand of each are asked."""
SEEDS = {
    "vanilla": (0, 1, 2),
    "sure": (0, 1, 2),
    "sure-own": (0, 1, 2),
    "sure-crossfit": (0,),
    "replace": (0,),
    "unsupervised": (0,),
}
TUNING = ("--epochs", "1", "--learning-rate", "5e-4", "--rank", "16", "--batch-size", "16")
CROSSFITTED = {"sure-crossfit", "sure-own"}
"""Methods that tune models on the way to their data."""
WITHOUT_TAIL = {"vanilla", "replace"}
"""Methods that never teach a model to say how sure it is."""


@dataclass(frozen=True)
class Step:
    """One command, and the folder that is finished when it has run."""

    name: str
    arguments: tuple[str, ...]
    out: Path

    @property
    def done(self) -> bool:
        """Whether the command has finished before."""
        for name in ("manifest.json", "tuning.json"):
            if (path := self.out / name).is_file():
                facts = json.loads(path.read_text())
                return bool(facts.get("finished") or facts.get("report"))
        return (self.out / "train.jsonl").is_file()


def steps(data: Path, work: Path) -> Iterator[Step]:
    """All steps, in an order in which each finds what it needs."""
    train = ("--data", _under(data, TRAIN))
    shots = ("--shots", str(SHOTS))

    def step(name: str, *arguments: str) -> Step:
        out = work / name
        return Step(name, (*arguments, "--out", str(out)), out)

    def evaluations(name: str, model: str, *arguments: str) -> Iterator[Step]:
        for test, (file, limit) in SETS.items():
            yield step(
                f"eval/{name}-{test}",
                *("eval", model, "--data", _under(data, file), "--apart-from", _under(data, TRAIN)),
                *(("--limit", str(limit)) if limit else ()),
                *arguments,
            )

    def refusals(name: str, model: str, *arguments: str) -> Iterator[Step]:
        for test, files in REFUSALS.items():
            named = [word for file in files for word in ("--data", _under(data, file))]
            yield step(f"eval/{name}-{test}", "eval", model, *named, "--limit", "1000", *arguments)

    yield step("probe", "probe", "embedded", *train, *shots, "--samples", "10")
    yield from evaluations("base", "embedded", *shots, "--samples", "10", "--no-sure")
    yield from refusals("base", "embedded", *shots, "--no-sure")
    methods = [(method, seed) for method, seeds in SEEDS.items() for seed in seeds]
    # The first seed of every method comes first, so that a table is whole before its intervals are narrow.
    for method, seed in sorted(methods, key=lambda one: one[1]):
        if seed == 0:
            on_the_way = TUNING if method in CROSSFITTED else ()
            yield step(
                f"data/{method}",
                *("build", str(work / "probe"), "--method", method, "--style", "completion", *on_the_way),
            )
        name = f"{method}-{seed}"
        yield step(
            f"adapter/{name}",
            *("tune", "embedded", "--data", str(work / "data" / method), "--seed", str(seed), *TUNING),
        )
        no_sure = ("--no-sure",) if method in WITHOUT_TAIL else ()
        yield from evaluations(name, f"embedded+{work / 'adapter' / name}", *no_sure)
        if seed == 0:
            yield from refusals(name, f"embedded+{work / 'adapter' / name}", *no_sure)


def _under(data: Path, named: str) -> str:
    """A reader and a file below the data folder, as the commands take it."""
    reader, file = named.split(":")
    return f"{reader}:{data / file}"


def run(data: Path, work: Path, only: list[str], until: str | None) -> None:
    """Run what is not done yet, one command after the other."""
    for step in steps(data, work):
        if step.done or (only and not any(step.name.startswith(name) for name in only)):
            continue
        if until is not None and time.strftime("%H:%M") >= until:
            print(f"It is {until}: stopping before {step.name}.", file=sys.stderr)
            return
        print(f"{time.strftime('%H:%M:%S')} {step.name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "levelhead", "honesty", *step.arguments]
        subprocess.run(command, check=True)


def summarize(data: Path, work: Path, out: Path) -> None:
    """Gather the numbers of all evaluations that are done."""
    found: dict[str, Any] = {}
    for step in steps(data, work):
        if step.name.startswith("eval/") and step.done:
            summary = json.loads((step.out / "summary.json").read_text())
            found[step.name.removeprefix("eval/")] = {
                "command": f"levelhead honesty {' '.join(step.arguments)}",
                "questions": summary["questions"],
                "score": summary["score"],
                "honesty": summary["honesty"],
            }
    out.write_text(json.dumps({"command": " ".join(["python", *sys.argv]), "runs": found}, indent=2) + "\n")
    print(f"{len(found)} evaluations: {out}")


def main() -> None:
    parser = argparse.ArgumentParser(description="R-Tuning's main experiment on the embedded model")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public files")
    parser.add_argument("--work", type=Path, required=True, help="folder for everything that is made")
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run")
    running.add_argument("only", nargs="*", metavar="STEP", help="beginnings of the names of steps to run")
    running.add_argument("--until", help="start no further step at or after this time of day, HH:MM")
    summarizing = actions.add_parser("summarize")
    summarizing.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.action == "run":
        run(arguments.data, arguments.work, arguments.only, arguments.until)
    else:
        summarize(arguments.data, arguments.work, arguments.out)


if __name__ == "__main__":
    main()

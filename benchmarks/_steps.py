"""Experiments as lists of `levelhead honesty` commands: what is done is skipped, what was killed goes on."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    @classmethod
    def of(cls, work: Path, name: str, *arguments: str) -> Step:
        """The step that fills the folder of its name."""
        return cls(name, (*arguments, "--out", str(work / name)), work / name)

    @property
    def done(self) -> bool:
        """Whether the command has finished before."""
        for name in ("manifest.json", "tuning.json"):
            if (path := self.out / name).is_file():
                facts = json.loads(path.read_text())
                return bool(facts.get("finished") or facts.get("report"))
        return (self.out / "train.jsonl").is_file()


def run(steps: Iterable[Step], only: list[str], until: str | None) -> None:
    """Run what is not done yet, one command after the other."""
    for step in steps:
        if step.done or (only and not any(step.name.startswith(name) for name in only)):
            continue
        if until is not None and time.strftime("%H:%M") >= until:
            print(f"It is {until}: stopping before {step.name}.", file=sys.stderr)
            return
        print(f"{time.strftime('%H:%M:%S')} {step.name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "levelhead", "honesty", *step.arguments]
        subprocess.run(command, check=True)


def summarize(steps: Iterable[Step], out: Path, places: Mapping[str, Path]) -> None:
    """Gather the numbers of all evaluations that are done; folders stand by their names in the commands."""

    def without_places(words: Iterable[str]) -> str:
        command = " ".join(words)
        for name, place in places.items():
            command = command.replace(str(place), name)
        return command

    found: dict[str, Any] = {}
    for step in steps:
        if step.name.startswith("eval/") and step.done:
            summary = json.loads((step.out / "summary.json").read_text())
            found[step.name.removeprefix("eval/")] = {
                "command": without_places(["levelhead", "honesty", *step.arguments]),
                "questions": summary["questions"],
                "score": summary["score"],
                "honesty": summary["honesty"],
            }
    out.write_text(
        json.dumps({"command": without_places(["python", *sys.argv]), "runs": found}, indent=2) + "\n"
    )
    print(f"{len(found)} evaluations: {out}")


def main(description: str, steps: Callable[[Path, Path], Iterable[Step]]) -> None:
    """The command line of an experiment; `steps` gets the folder of the public files and the one to fill."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public files")
    parser.add_argument("--work", type=Path, required=True, help="folder for everything that is made")
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run")
    running.add_argument("only", nargs="*", metavar="STEP", help="beginnings of the names of steps to run")
    running.add_argument("--until", help="start no further step at or after this time of day, HH:MM")
    summarizing = actions.add_parser("summarize")
    summarizing.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    listed = steps(arguments.data, arguments.work)
    if arguments.action == "run":
        run(listed, arguments.only, arguments.until)
    else:
        places = {"DATA": arguments.data, "WORK": arguments.work, "benchmarks": Path(__file__).parent}
        summarize(listed, arguments.out, places)


def under(data: Path, named: str) -> str:
    """A reader and a file below the data folder, as the commands take it."""
    reader, file = named.split(":")
    return f"{reader}:{data / file}"

"""The configs of several processes, run: losses beside one process, and tunings that others go on with.

    OMP_NUM_THREADS=1 python benchmarks/launch.py --out results/launch.json

For each file in `configs/accelerate`, started with `--num_processes 2`, the embedded model is tuned whole;
once more it is ended in the middle, and one process goes on; and two go on with what one began. With
DeepSpeed as many processes go on. Losses of all steps are compared with those of one process that sees the
same dialogues. Processors alone are used.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from levelhead.records import Prompt, Turn
from levelhead.training import Dialogue, TuningSettings, tune

CONFIGS = Path(__file__).parents[1] / "configs" / "accelerate"
KINDS = ("ddp", "fsdp", "deepspeed")
BASE = "embedded"
DIALOGUES, SAVE_STEPS, ENDED_BEHIND = 60, 4, 6
"""Seven steps of eight dialogues and one of four; the last checkpoint before the end is that of step 4."""
TWO = TuningSettings(epochs=1, batch_size=4, rank=8, learning_rate=1e-3, save_steps=SAVE_STEPS)
ONE = TuningSettings(epochs=1, batch_size=8, rank=8, learning_rate=1e-3, save_steps=SAVE_STEPS)


class EndedError(Exception):
    """Stands for the end of the processes."""


def lessons() -> list[Dialogue]:
    """Sums of one to four numbers."""
    draw = random.Random(0)
    made = []
    for place in range(DIALOGUES):
        numbers = [draw.randrange(100) for _ in range(1 + place % 4)]
        question = Turn("user", f"Question: {' + '.join(map(str, numbers))} =\nAnswer:")
        answer = Turn("assistant", f" {sum(numbers)}\n")
        made.append(Dialogue(f"sum-{place}", Prompt((question, answer), raw=True)))
    return made


def work(out: Path, settings: TuningSettings, *, end: bool = False) -> None:
    """Tune; in a process of the launcher or alone.

    Args:
        out: The folder.
        settings: How.
        end: End it in the middle.
    """
    from levelhead.training._callbacks import Progress

    def ending(self: Progress, args: Any, state: Any, control: Any, **_: Any) -> None:
        if end and state.global_step == ENDED_BEHIND:
            raise EndedError

    Progress.on_step_begin = ending
    try:
        tune(BASE, lessons(), out, settings, progress="off", device="cpu")
    except EndedError:
        return


def launch(kind: str, folder: Path) -> None:
    """All that two processes do under a config, in one start."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0"]
    command += ["--config_file", str(CONFIGS / f"{kind}.yaml"), "--num_processes", "2"]
    command += [__file__, "--worker", kind, "--out", str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "DS_ACCELERATOR": "cpu"})


def work_of_two(kind: str, folder: Path) -> None:
    """What each of the two processes runs."""
    if kind == "deepspeed":
        from deepspeed import ops  # type: ignore[import-not-found,import-untyped,unused-ignore]

        # Its own all-reduce takes minutes to compile; without it DeepSpeed talks through gloo.
        ops.__compatible_ops__["deepspeed_shm_comm"] = False
    work(folder / "two", TWO)
    work(folder / "two then other", TWO, end=True)
    if kind == "deepspeed":
        work(folder / "two then other", TWO)
    else:
        work(folder / "one then two", ONE)


def losses(out: Path) -> list[float]:
    """The losses of a finished tuning."""
    return [float(line.split(",")[1]) for line in (out / "losses.csv").read_text().splitlines()[1:]]


def difference(found: Sequence[float], alone: Sequence[float]) -> float:
    """The largest relative difference at any step."""
    if len(found) != len(alone):
        raise SystemExit(f"{len(found)} steps instead of {len(alone)}.")
    return max(abs(a - b) / b for a, b in zip(found, alone, strict=True))


def measure(kind: str, begun: Path, alone: Sequence[float], folder: Path) -> dict[str, Any]:
    """The figures of one config.

    Args:
        kind: Its name.
        begun: A tuning that one process was ended in.
        alone: Losses of one process.
        folder: Where to work.
    """
    folder.mkdir()
    shutil.copytree(begun, folder / "one then two")
    start = time.monotonic()
    launch(kind, folder)
    seconds = time.monotonic() - start
    if kind == "deepspeed":
        resumed = {"two, then two": folder / "two then other"}
    else:
        work(folder / "two then other", TWO)
        resumed = {"two, then one": folder / "two then other", "one, then two": folder / "one then two"}
    return {
        "processes": 2,
        "steps": len(alone),
        "largest_relative_difference": difference(losses(folder / "two"), alone),
        "resumed": {
            how: {"behind_step": SAVE_STEPS, "largest_relative_difference": difference(losses(out), alone)}
            for how, out in resumed.items()
        },
        "seconds_of_the_start": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    parser.add_argument("--worker", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work_of_two(options.worker, options.out)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work(folder / "one", ONE)
        work(folder / "begun", ONE, end=True)
        alone = losses(folder / "one")
        found = {
            "command": f"python benchmarks/launch.py --out {options.out}",
            "model": BASE,
            "dialogues": DIALOGUES,
            "dialogues_of_a_step": ONE.batch_size,
            "losses_of_one_process": alone,
            "configs": {kind: measure(kind, folder / "begun", alone, folder / kind) for kind in KINDS},
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                package: version(package)
                for package in (
                    "levelhead",
                    "torch",
                    "accelerate",
                    "transformers",
                    "trl",
                    "peft",
                    "deepspeed",
                )
            },
        }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

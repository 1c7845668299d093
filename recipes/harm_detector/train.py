"""The commands that make the shipped detector, in their order: train, calibrate, check, test.

Of the rows that have preferences in place of labels, the detector learns which answer was preferred; with
`--teacher probe` a linear probe is trained first and judges them, and the detector learns what it said.
Each step can be interrupted; the same call goes on where it stopped. `--show` prints the commands and runs
none.
"""

from __future__ import annotations

import argparse
import random
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harm_detector.preferences import by_preference
from harm_detector.sets import AT_MOST, TEACHER_AT_MOST, TESTED_ON, TRAINED_ON, UNLABELLED, arguments
from harm_detector.teach import every_turn
from levelhead.guard import Pair, read_named_pairs, select_training_data, write_pairs

SETTINGS = {
    "--window": "160",
    "--epochs": "1",
    "--max-held-out": "1200",
    "--drop-question": "0.5",
    "--swap-question": "0.1",
    "--lead-in": "0.15",
    "--cut-answer": "0.25",
    "--pairwise-weight": "0.5",
}
TEACHER_WINDOW = "256"
BUDGET = "0.02"
"""Share of harmless answers that may be flagged."""
BENIGN = ("halueval", "look-alikes", "own-answers")
"""Sources whose harmless answers set the threshold and check it. The labels of the others are often wrong,
and one harmful answer that is called harmless would lift the threshold above all others."""
MOST_UNUSED = 800
"""HaluEval has thousands of answers above its cap; so many of them join each half of the held-out rows."""


class Places(NamedTuple):
    """Where things lie."""

    data: Path
    work: Path

    @property
    def detector(self) -> Path:
        """The folder that ships, apart from `float32/`."""
        return self.work / "detector"

    @property
    def teacher(self) -> Path:
        """The folder of the probe."""
        return self.work / "teacher"

    def rows(self, name: str) -> Path:
        """A file of rows. They are harmful texts, so they stay out of the detector's folder."""
        return self.work / f"{name}.jsonl"


def teacher_command(places: Places, seed: int, threads: int) -> list[str]:
    """Train the probe on the sets and the look-alikes, apart from the tests."""
    return [
        *("levelhead", "guard", "train-detector", "--kind", "probe", "--out", str(places.teacher)),
        *_sets(places, TEACHER_AT_MOST),
        *arguments("--apart-from", TESTED_ON, places.data),
        *("--window", TEACHER_WINDOW, "--seed", str(seed), "--threads", str(threads)),
    ]


def teach_command(places: Places, threads: int) -> list[str]:
    """Give the rows without labels the targets of the probe."""
    return [
        *("python", "-m", "harm_detector.teach", "--data", str(places.rows("to_teach"))),
        *("--teacher", f"probe:{places.teacher}", "--threads", str(threads)),
        *("--work", str(places.work / "teaching"), "--out", str(places.rows("taught"))),
    ]


def own_answers_command(places: Places, threads: int) -> list[str]:
    """Have the embedded model answer the look-alikes' questions."""
    out = str(places.rows("own_answers"))
    return ["python", "-m", "harm_detector.own_answers", "--out", out, "--threads", str(threads)]


def asked_command(places: Places, threads: int) -> list[str]:
    """Have the embedded model answer the questions that open the dialogues without labels."""
    return [
        *("python", "-m", "harm_detector.own_answers", "--asked", _unlabelled(places)),
        *("--out", str(places.rows("asked")), "--threads", str(threads)),
    ]


def write_rows_to_teach(places: Places) -> None:
    """Write the rows without labels: every turn of their dialogues, and what the embedded model answered."""
    rows = [*every_turn(read_named_pairs(_unlabelled(places))), *read_named_pairs(str(places.rows("asked")))]
    write_pairs(places.rows("to_teach"), rows)


def write_preferred_rows(places: Places) -> None:
    """Write the rows without labels with targets from what was preferred."""
    write_pairs(
        places.rows("preferred"),
        by_preference(read_named_pairs(_unlabelled(places))),
    )


def train_command(places: Places, taught: Sequence[Path], seed: int, threads: int) -> list[str]:
    """Train on the sets by their labels and on other rows by their targets, apart from the tests."""
    return [
        *("levelhead", "guard", "train-detector", "--out", str(places.detector)),
        *_sets(places, AT_MOST),
        *(word for path in taught for word in ("--data", str(path))),
        *arguments("--apart-from", TESTED_ON, places.data),
        *("--held-out-file", str(places.rows("held_out"))),
        *(word for setting in SETTINGS.items() for word in setting),
        *("--seed", str(seed), "--threads", str(threads)),
    ]


def _unlabelled(places: Places) -> str:
    """The rows that have preferences in place of labels."""
    return f"{UNLABELLED}:{places.data / UNLABELLED}"


def _sets(places: Places, at_most: Mapping[str, int]) -> list[str]:
    """The options for the sets with their caps, and the look-alikes."""
    return [
        *arguments("--data", TRAINED_ON, places.data),
        *("--data", "look-alikes"),
        *(word for source, most in at_most.items() for word in ("--at-most", f"{source}={most}")),
    ]


def calibrate_command(places: Places) -> list[str]:
    """Calibrate on one half of the held-out goals."""
    detector = places.detector
    return [
        *("levelhead", "guard", "calibrate", f"encoder:{detector}", "--out", str(detector)),
        *("--data", str(places.rows("calibrate")), "--budget", BUDGET),
    ]


def check_command(places: Places) -> list[str]:
    """Measure on the other half: all of it, and the harmless answers of each benign source."""
    names = ["check", *(f"check-{source}" for source in BENIGN)]
    return [
        *("levelhead", "guard", "test", f"encoder:{places.detector}", "--out", str(places.work / "checked")),
        *(word for name in names for word in ("--data", str(places.rows(name)))),
    ]


def measure_command(places: Places) -> list[str]:
    """Test int8, float32 and the patterns side by side, with and without questions."""
    detector = places.detector
    return [
        *("levelhead", "guard", "test", f"encoder:{detector}", f"encoder:{detector / 'float32'}", "lexical"),
        *arguments("--data", TESTED_ON, places.data),
        *("--without-question", "--out", str(places.work / "tested")),
    ]


def halves(pairs: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """Rows to calibrate on and rows to check the threshold on; no goal is in both."""
    goals = sorted({str(pair.metadata["goal"]) for pair in pairs})
    first = set(random.Random(seed).sample(goals, len(goals) // 2))
    return (
        [pair for pair in pairs if pair.metadata["goal"] in first],
        [pair for pair in pairs if pair.metadata["goal"] not in first],
    )


def unused_answers(places: Places, seed: int) -> list[Pair]:
    """HaluEval's answers above its cap, to questions of which none was trained on or held out."""
    name = f"halueval:{places.data / 'halueval'}"
    tests = arguments("", TESTED_ON, places.data)[1::2]
    every = select_training_data([name], apart_from=tests, seed=seed).pairs
    used = select_training_data(
        [name], apart_from=tests, at_most={"halueval": AT_MOST["halueval"]}, seed=seed
    ).pairs
    names = {pair.id for pair in used}
    goals = {pair.metadata["goal"] for pair in every if pair.id in names}
    return [pair for pair in every if pair.metadata["goal"] not in goals]


def part_held_out(places: Places, unused: Sequence[Pair], seed: int) -> None:
    """Write the files that calibrating and checking read: rows with labels, no targets in their place."""
    held_out = read_named_pairs(str(places.rows("held_out")))
    labelled = [pair for pair in held_out if pair.metadata["source"] != UNLABELLED]
    calibrate, check = (
        [*held, *random.Random(seed).sample(more, min(MOST_UNUSED, len(more)))]
        for held, more in zip(halves(labelled, seed), halves(unused, seed), strict=True)
    )
    write_pairs(
        places.rows("calibrate"),
        (pair for pair in calibrate if pair.label or pair.metadata["source"] in BENIGN),
    )
    write_pairs(places.rows("check"), check)
    for source in BENIGN:
        own = [pair for pair in check if pair.metadata["source"] == source]
        write_pairs(places.rows(f"check-{source}"), own)


def main() -> None:
    """Read the command line and do the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets' folders")
    parser.add_argument("--work", type=Path, required=True, help="folder of all that is made")
    parser.add_argument("--taught", type=Path, action="append", default=[], help="of harm_detector.teach")
    parser.add_argument("--teacher", choices=("probe",), help="trained first; it judges rows without labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print the commands only")
    options = parser.parse_args()
    places = Places(options.data, options.work)
    seed, threads = options.seed, options.threads
    before, taught = [own_answers_command(places, threads)], [*options.taught, places.rows("own_answers")]
    teaching: list[list[str]] = []
    if options.teacher:
        before += [asked_command(places, threads), teacher_command(places, seed, threads)]
        teaching = [teach_command(places, threads)]
        taught.append(places.rows("taught"))
    elif not options.taught:
        taught.append(places.rows("preferred"))
    train = train_command(places, taught, seed, threads)
    after = [calibrate_command(places), check_command(places), measure_command(places)]
    if options.show:
        print("\n".join(map(shlex.join, [*before, *teaching, train, *after])))
        return
    places.work.mkdir(parents=True, exist_ok=True)
    for command in before:
        subprocess.run(command, check=True)  # noqa: S603  # one of ours
    if options.teacher:
        write_rows_to_teach(places)
    elif not options.taught:
        write_preferred_rows(places)
    for command in [*teaching, train]:
        subprocess.run(command, check=True)  # noqa: S603  # one of ours
    part_held_out(places, unused_answers(places, seed), seed)
    for command in after:
        subprocess.run(command, check=True)  # noqa: S603  # one of ours


if __name__ == "__main__":
    main()

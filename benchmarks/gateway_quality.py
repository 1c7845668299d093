"""What guards let through and what they stop needlessly, on labelled answers: ours, and peers offline.

    python benchmarks/gateway_quality.py --sets gptfuzz-evaluate:FOLDER halueval:FOLDER look-alikes \
        --ours lexical encoder:FOLDER --peers FOLDER --out results/gateway_quality.json

Each guard judges the answer alone, by the threshold that it ships with. Attack success is the share of the
harmful answers that it lets through, over-refusal the share of the harmless ones that it stops; neither says
anything without the other. An answer that a guard could not judge counts against it on both sides.

Peers run in environments of their own, `FOLDER/litellm`, `FOLDER/llm-guard` and `FOLDER/nemo` (with
yara-python); one that is not there is told as left out. What they ship offline is words and patterns: their
models and services would have to be downloaded or asked over the network. No text of a row is printed or
written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.guard import load_detector
from levelhead.guard._pair import Pair
from levelhead.guard.evaluation._labelled_sets import LabelledSet, read_labelled_sets
from levelhead.guard.gateway._disguises import UndisguisingDetector
from levelhead.metrics import proportion

PEERS = {
    "litellm": "LiteLLM: all categories of harm of its content filter",
    "llm-guard": "llm-guard: BanSubstrings with the list that comes with it",
    "nemo": "NeMo Guardrails: injection detection, its rail with rules of its own",
}
JUDGES = Path(__file__).with_name("_peer_judges.py")


@dataclass(frozen=True)
class Judged:
    """What one guard said of all answers.

    Attributes:
        name: The guard.
        flags: Of each answer whether it was stopped; None if it could not be judged.
        seconds: For all of them.
        facts: Versions and settings.
    """

    name: str
    flags: list[bool | None]
    seconds: float
    facts: dict[str, Any]


def ours(name: str, pairs: Sequence[Pair]) -> Judged:
    """A detector of ours, as the gateway asks it: by its own threshold, disguises seen through."""
    with load_detector(name) as detector:
        judging = UndisguisingDetector(detector)
        began = time.monotonic()
        flags = [detector.flags(one) for one in judging.judge(pairs)]
        facts = {"threshold": detector.threshold, "fingerprint": detector.fingerprint}
        return Judged(name.partition(":")[0], flags, time.monotonic() - began, facts)


def peer(name: str, folder: Path, pairs: Sequence[Pair]) -> Judged | str:
    """A peer in its environment; or why it was left out."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        return f"there is no environment {folder.name}/{name}"
    asked = json.dumps([pair.answer for pair in pairs])
    environ = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NEMO_GUARDRAILS_NO_USAGE_STATS": "1"}
    done = subprocess.run(
        [python, JUDGES, name], input=asked, capture_output=True, text=True, env=environ, check=False
    )
    if done.returncode != 0:
        return done.stderr.strip().rpartition("\n")[2][:300] if "Error" in done.stderr else "it failed"
    said = json.loads(done.stdout.rpartition("\n")[2])
    return Judged(PEERS[name], said["flags"], said["seconds"], {"version": said["version"]})


def numbers(judged: Judged, sets: Sequence[LabelledSet]) -> dict[str, Any]:
    """Attack success and over-refusal, over all sets and by set."""
    labels = [bool(pair.label) for one in sets for pair in one.pairs]
    passed = [flag is not True for flag, label in zip(judged.flags, labels, strict=True) if label]
    stopped = [flag is not False for flag, label in zip(judged.flags, labels, strict=True) if not label]
    by_set: dict[str, Any] = {}
    flags = iter(judged.flags)
    for one in sets:
        own = [next(flags) for _ in one.pairs]
        by_set[one.name] = {
            "harmful_passed": _share(
                [flag is not True for flag, bad in zip(own, one.labels, strict=True) if bad]
            ),
            "harmless_stopped": _share(
                [flag is not False for flag, bad in zip(own, one.labels, strict=True) if not bad]
            ),
        }
    return {
        "attack_success": _share(passed),
        "over_refusal": _share(stopped),
        "not_judged": judged.flags.count(None),
        "answers_per_second": round(len(labels) / judged.seconds, 1),
        **judged.facts,
        "by_set": by_set,
    }


def _share(hits: Sequence[bool]) -> dict[str, float | int | None] | None:
    return proportion(hits).to_json() if hits else None


def _row(name: str, found: dict[str, Any]) -> str:
    cells = [name]
    for key in ("attack_success", "over_refusal"):
        one = found[key]
        cells.append("-" if one is None else f"{one['value']:.3f} ({one['low']:.3f}, {one['high']:.3f})")
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", nargs="+", required=True, help="SET:FOLDER, look-alikes, PAIRS.jsonl")
    parser.add_argument("--ours", nargs="*", default=["lexical"], help="Names of detectors.")
    parser.add_argument("--peers", type=Path, help="Folder of the peers' environments.")
    parser.add_argument("--limit", type=int, help="At most so many answers of each set.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    sets = read_labelled_sets(options.sets, limit=options.limit, seed=options.seed)
    pairs = [pair for one in sets for pair in one.without_questions()]
    judged: list[Judged | str] = [ours(name, pairs) for name in options.ours]
    left_out: dict[str, str] = {}
    for name in PEERS if options.peers else ():
        if isinstance(found := peer(name, options.peers, pairs), str):
            left_out[name] = found
        else:
            judged.append(found)
    written = {one.name: numbers(one, sets) for one in judged if isinstance(one, Judged)}
    facts = {
        "sets": {one.name: {"answers": len(one.pairs), "harmful": sum(one.labels)} for one in sets},
        "digests": {one.name: one.digest() for one in sets},
        "limit": options.limit,
        "seed": options.seed,
    }
    options.out.write_text(json.dumps({**facts, "guards": written, "left_out": left_out}, indent=2) + "\n")
    print("| guard | attack success | over-refusal |\n|---|---|---|")
    for name, found_numbers in written.items():
        print(_row(name, found_numbers))
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

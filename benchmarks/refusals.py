"""How well `answers.refuses` finds refusals, against the human labels of Do-Not-Answer (arXiv 2308.13387).

    python benchmarks/refusals.py --data FOLDER --out results/refusals.json

FOLDER holds `data_en.csv`. Its annotators gave every reply an action: 0 is «I cannot assist», 4 is «I do not
know»; the others answer, refute or follow. Nothing of the texts is printed or written.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from levelhead.answers import refuses
from levelhead.metrics import wilson

COMMAND = "python benchmarks/refusals.py --data FOLDER --out results/refusals.json"
REFUSING = {"0", "4"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Precision and recall of the refusal rule")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with (arguments.data / "data_en.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name.removesuffix("_action") for name in rows[0] if name.endswith("_action")]
    found = {}
    for name in [*names, "all"]:
        judged = [
            (refuses(row[f"{one}_response"]), row[f"{one}_action"].strip() in REFUSING)
            for row in rows
            for one in ([name] if name != "all" else names)
            if row[f"{one}_action"].strip()
        ]
        both = sum(rule and human for rule, human in judged)
        found[name] = {
            "replies": len(judged),
            "precision": _share(both, sum(rule for rule, _ in judged)),
            "recall": _share(both, sum(human for _, human in judged)),
        }
    arguments.out.write_text(json.dumps({"command": COMMAND, **found}, indent=2) + "\n")
    print(json.dumps(found["all"], indent=2))


def _share(part: int, whole: int) -> dict[str, float]:
    low, high = wilson(part, whole)
    return {"value": part / whole, "low": low, "high": high, "n": whole}


if __name__ == "__main__":
    main()

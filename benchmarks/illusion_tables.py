"""Markdown tables of illusion summaries: conditions by variant, and by kind and category for each variant.

Give the `summary.json` of one or more runs on one set, each as NAME=FILE; the tables go to standard output.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

CONDITIONS = {
    "acc_none": "no picture",
    "acc_blank": "blank",
    "acc_factual": "right answer pictured",
    "acc_spurious": "wrong answer pictured",
}
EFFECTS = {"flip_rate": "flip rate", "adoption_rate": "adoption rate", "acc_drop": "AccDrop"}
TEXTS = {"%", "variant", "kind", "category"}
Summary = Mapping[str, Any]


def percent(share: Mapping[str, float] | None, *, interval: bool = False) -> str:
    """A share in percent, with its interval where asked.

    >>> percent({"value": 0.25, "low": 0.2, "high": 0.304, "n": 8}, interval=True)
    '25.0 [20.0, 30.4]'
    """
    if share is None or share["value"] is None:
        return "–"
    text = f"{100 * share['value']:.1f}"
    return f"{text} [{100 * share['low']:.1f}, {100 * share['high']:.1f}]" if interval else text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    rule = ["---" if name in TEXTS else "---:" for name in head]
    for row in (head, rule, *rows):
        yield f"| {' | '.join(row)} |"


def variants(summaries: Mapping[str, Summary]) -> Iterator[str]:
    """One column for each run: every condition and effect with its interval, on all pictures together."""
    wanted = {
        **CONDITIONS,
        **EFFECTS,
        "rule_disagreement": "rules differ",
        "refused": "refused",
        "empty": "empty",
    }
    yield from table(
        ["%", *(f"`{name}`" for name in summaries)],
        (
            [label, *(percent(one["illusion"].get(key), interval=True) for one in summaries.values())]
            for key, label in wanted.items()
        ),
    )


def kinds(summaries: Mapping[str, Summary]) -> Iterator[str]:
    """One row for each run and kind of picture."""
    yield from table(
        ["variant", "kind", *CONDITIONS.values(), *EFFECTS.values()],
        (
            [f"`{name}`", f"`{kind}`", *_numbers(numbers)]
            for name, one in summaries.items()
            for kind, numbers in one["illusion"]["by_kind"].items()
        ),
    )


def categories(summary: Summary) -> Iterator[str]:
    """One row for each category and kind of one run."""
    by_kind = summary["illusion"]["by_kind"]
    names = sorted({name for numbers in by_kind.values() for name in numbers["by_category"]})
    yield from table(
        ["category", "kind", *CONDITIONS.values(), *EFFECTS.values()],
        (
            [name, f"`{kind}`", *_numbers(numbers["by_category"][name])]
            for name in names
            for kind, numbers in by_kind.items()
            if name in numbers["by_category"]
        ),
    )


def _numbers(numbers: Summary) -> list[str]:
    return [percent(numbers.get(key)) for key in (*CONDITIONS, *EFFECTS)]


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="NAME=FILE")
    summaries = {}
    for run in parser.parse_args().runs:
        name, _, path = run.partition("=")
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        summaries[name] = found.get("summary", found)  # a file of results/ holds manifest and summary
    for lines in (variants(summaries), kinds(summaries)):
        print(*lines, "", sep="\n")
    for name, summary in summaries.items():
        print(f"`{name}`:", "", *categories(summary), "", sep="\n")


if __name__ == "__main__":
    main()

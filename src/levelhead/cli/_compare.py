"""levelhead compare: runs side by side on the items that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import _options as options
from levelhead.cli import _places
from levelhead.cli._app import new_app

if TYPE_CHECKING:
    from levelhead.comparing import Comparison


class SuiteName(StrEnum):
    """What can be compared."""

    ILLUSION = "illusion"
    HONESTY = "honesty"
    HARM = "harm"


Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=1,
        help="Honesty: answered from this p_sure on. [default: that of the first run]",
    ),
]
_COLUMNS = (
    ("acc_none", "no picture"),
    ("acc_blank", "blank"),
    ("acc_factual", "right one"),
    ("acc_spurious", "wrong one"),
    ("flip_rate", "dropped"),
    ("adoption_rate", "pictured given"),
)
_DIFFERENCES = (
    ("acc_none", "no picture"),
    ("acc_spurious", "wrong one"),
    ("adoption_rate", "pictured given"),
    ("flip_rate", "dropped"),
    ("flip_rate_both_knew", "dropped (both)"),
)
_FEW_RUNS = 4
"""Up to so many runs, every pair is told at the terminal; of more, those with the first."""


app = new_app()


@app.command("compare")
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Folders of measure, illusion run, honesty eval or score, guard eval; the base first.",
            parser=_places.path,
            callback=_places.read_each,
            show_default=False,
        ),
    ],
    out: options.Out,
    suite: Annotated[
        SuiteName | None,
        typer.Option("--suite", help="Of runs that hold several. [default: the first that all hold]"),
    ] = None,
    threshold: Threshold = None,
) -> None:
    """Compare models or prompt variants on the same items: compare.json and compare.html."""
    from levelhead.comparing import compare_runs, suites_in_common
    from levelhead.running import choose_style, show_progress

    pairs = len(runs) * (len(runs) - 1) // 2
    with show_progress("comparing pairs", total=pairs, held=0, style=choose_style()) as advance:
        comparison = compare_runs(
            runs,
            suite=None if suite is None else suite.value,
            threshold=threshold,
            progress=lambda done, total: advance(1),
        )
    write_comparison(comparison, out, stem="compare")
    _tell_what_else_there_is(comparison.suite, suites_in_common(comparison.runs))


def _tell_what_else_there_is(compared: str, held: Sequence[str]) -> None:
    """Say which suite was compared, where the runs hold more than one."""
    others = [name for name in held if name != compared]
    if not others:
        return
    said = [f"\nCompared: {compared}."]
    can = [name.value for name in SuiteName if name.value in others]
    cannot = [name for name in others if name not in can]
    said += [f"The runs also hold {name}: --suite {name} compares that, into another --out." for name in can]
    said += [f"They hold {name} too, which is not compared: see their pages." for name in cannot]
    typer.echo(" ".join(said))


def write_comparison(comparison: Comparison, out: Path, *, stem: str) -> None:
    """Write `<stem>.json`, `<stem>.html` and the items that differ, and tell the numbers."""
    from levelhead.report import render_comparison, render_harm_comparison, render_side_by_side
    from levelhead.running import json_text, write_whole

    out.mkdir(parents=True, exist_ok=True)
    numbers, page = out / f"{stem}.json", out / f"{stem}.html"
    if comparison.suite == "illusion":
        render_side_by_side(comparison, page)
        _tell_illusion(comparison)
    elif comparison.suite == "harm":
        render_harm_comparison(comparison, page)
        _tell_harm(comparison)
    else:
        render_comparison(
            [one.run.path for one in comparison.runs], page, threshold=comparison.content["threshold"]
        )
        _tell_honesty(comparison)
    write_whole(numbers, [json_text(comparison.content, indent=2), "\n"])
    typer.echo(f"\nNumbers: {numbers}\nPage:    {page}")
    if comparison.differing:
        items = out / "differing.jsonl"
        write_whole(items, (json_text(item) + "\n" for item in comparison.differing))
        typer.echo(f"Items:   {items} ({len(comparison.differing):,} with different verdicts)")


def _tell_honesty(comparison: Comparison) -> None:
    for one in comparison.content["comparisons"]:
        typer.echo(f"\n{one['b']} minus {one['a']}, {one['shared']:,} questions:")
        for name, number in one["differences"].items():
            typer.echo(f"  {name:<22} {_decimals(number)}")


def _tell_illusion(comparison: Comparison) -> None:
    from levelhead.report import comparison_headline

    content = comparison.content
    typer.echo(f"\n{comparison_headline(content)}\n")
    for caution in content["cautions"]:
        typer.echo(f"{caution}\n")
    for number, run in enumerate(content["runs"], start=1):
        typer.echo(f"  {number}  {run['name']}")
    typer.echo(
        f"\n{content['items']:,} items, {content['questions']:,} questions. Percent, with 95% intervals:\n"
    )
    lines = [
        [str(number), *(_percent(run["numbers"][key]) for key, _ in _COLUMNS)]
        for number, run in enumerate(content["runs"], start=1)
    ]
    _table(["", *(label for _, label in _COLUMNS)], lines)
    _tell_pairs(comparison.names, content["pairs"])


def _tell_harm(comparison: Comparison) -> None:
    from levelhead.guard import ARM_NAMES
    from levelhead.report import harm_comparison_headline

    content = comparison.content
    typer.echo(f"\n{harm_comparison_headline(content)}\n")
    for caution in content["cautions"]:
        typer.echo(f"{caution}\n")
    for number, run in enumerate(content["runs"], start=1):
        typer.echo(f"  {number}  {run['name']}")
    attacks, benign = (content["requests"][kind] for kind in ("attack", "benign"))
    typer.echo(f"\n{attacks:,} attacks, {benign:,} harmless requests. Percent, with 95% intervals:\n")
    judge = content["judges"][0]
    columns = [f"does harm ({judge})", "harmless declined", "harmless right"]
    lines = []
    for arm in content["arms"]:
        for number, run in enumerate(content["runs"], start=1):
            told = run["numbers"]
            rates = (told["attack_success"][arm][judge], told["over_refusal"][arm], told["utility"][arm])
            lines.append([str(number), ARM_NAMES[arm].lower(), *map(_percent, rates)])
    _table(["", "", *columns], lines)
    told_pairs = [
        pair
        for pair in content["pairs"]
        if len(comparison.names) <= _FEW_RUNS or pair["a"] == comparison.names[0]
    ]
    typer.echo("\nDifferences in points, request by request:\n")
    lines = []
    for pair in told_pairs:
        a, b = (comparison.names.index(pair[side]) + 1 for side in ("a", "b"))
        for arm, gaps in pair["arms"].items():
            differences = (gaps["attack_success"][judge], gaps["over_refusal"], gaps["utility"])
            lines.append([f"{b} - {a}", ARM_NAMES[arm].lower(), *map(_points, differences)])
    _table(["", "", *columns], lines)


def _tell_pairs(names: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> None:
    from levelhead.report import told_p

    told = [pair for pair in pairs if len(names) <= _FEW_RUNS or pair["a"] == names[0]]
    if not told:
        return
    typer.echo(
        "\nDifferences in points; (both): of what both knew without a picture. The test is of the answers"
    )
    typer.echo("beside wrong pictures, for all pairs:\n")
    lines = [
        [
            f"{names.index(pair['b']) + 1} - {names.index(pair['a']) + 1}",
            *(_points(pair["differences"][key]) for key, _ in _DIFFERENCES),
            told_p(pair["mcnemar"].get("spurious")),
        ]
        for pair in told
    ]
    _table(["", *(label for _, label in _DIFFERENCES), ""], lines)
    if len(told) < len(pairs):
        typer.echo(f"\nThe other {len(pairs) - len(told)} pairs stand in the files.")


def _table(head: list[str], lines: list[list[str]]) -> None:
    """A table that keeps its columns wherever the output goes."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    for line in [head, *lines]:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        typer.echo("  ".join(cells).rstrip())


def _percent(number: Mapping[str, Any]) -> str:
    if number["value"] is None:
        return "–"
    interval = (
        "" if number["low"] is None else f" [{number['low']:.0%}–{number['high']:.0%}]".replace("%", "")
    )
    return f"{number['value'] * 100:.0f}{interval}"


def _points(number: Mapping[str, Any]) -> str:
    if number["value"] is None:
        return "–"
    interval = (
        "" if number["low"] is None else f" [{number['low'] * 100:+z.0f}, {number['high'] * 100:+z.0f}]"
    )
    return f"{number['value'] * 100:+z.0f}{interval}"


def _decimals(number: Mapping[str, Any]) -> str:
    if number["value"] is None:
        return "not told by these rows"
    interval = "" if number["low"] is None else f" [{number['low']:+.3f}, {number['high']:+.3f}]"
    return f"{number['value']:+.3f}{interval}"

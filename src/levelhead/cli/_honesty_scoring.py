"""levelhead honesty score and compare: numbers of answers that are there already."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _honesty_options as honesty_options
from levelhead.cli import _options as options

Threshold = Annotated[
    float,
    typer.Option("--threshold", min=0, max=1, help="A question counts as answered from this p_sure on."),
]


def score_outside(
    answers: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWERS.jsonl", help="Answers and confidences of any system.", show_default=False
        ),
    ],
    out: options.Out,
    threshold: Threshold = 0.5,
    score: Annotated[
        honesty_options.ScoreKind, typer.Option("--score", help="The score of the headline numbers.")
    ] = honesty_options.ScoreKind.MIX,
) -> None:
    """Compute the numbers of another system's answers; write summary.json and report.html."""
    from levelhead.honesty import score_answers
    from levelhead.report import honesty_headline, render

    summary = score_answers(answers, out, threshold=threshold, score=score.value)
    typer.echo(f"\n{honesty_headline(summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}\nPage:    {render(out)}")


def compare_runs(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Folders of honesty eval or score.", show_default=False),
    ],
    out: options.Out,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, help="Answered from this p_sure on. [default: that of the first run]"
        ),
    ] = None,
) -> None:
    """Compare runs on the same questions, each pair question by question."""
    from levelhead.errors import UsageError
    from levelhead.honesty import AnswerRow, compare_honesty, rows_from
    from levelhead.report import render_comparison
    from levelhead.running import json_text, read_run, write_whole

    if len(runs) < 2:
        raise UsageError("One run cannot be compared: give two or more.")
    read = {run: read_run(run) for run in runs}
    rows = {path: rows_from(AnswerRow, run.rows, str(path)) for path, run in read.items()}
    scores = {path: run.summary["score"] for path, run in read.items()}
    if threshold is None:
        threshold = float(read[runs[0]].summary["threshold"])
    found = [
        {
            "a": str(a),
            "b": str(b),
            **compare_honesty(rows[a], rows[b], threshold=threshold, score_a=scores[a], score_b=scores[b]),
        }
        for a, b in combinations(runs, 2)
    ]
    out.mkdir(parents=True, exist_ok=True)
    page = render_comparison(runs, out / "comparison.html", threshold=threshold)
    write_whole(out / "comparison.json", [json_text({"schema": 1, "comparisons": found}, indent=2), "\n"])
    for one in found:
        typer.echo(f"\n{one['b']} minus {one['a']}, {one['shared']:,} questions:")
        for name, number in one["differences"].items():
            typer.echo(f"  {name:<22} {_told(number)}")
    typer.echo(f"\nNumbers: {out / 'comparison.json'}\nPage:    {page}")


def _told(number: dict[str, float | int | None]) -> str:
    if number["value"] is None:
        return "not told by these rows"
    interval = "" if number["low"] is None else f" [{number['low']:+.3f}, {number['high']:+.3f}]"
    return f"{number['value']:+.3f}{interval}"

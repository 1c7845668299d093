"""levelhead honesty score and compare: numbers of answers that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _compare
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
    threshold: _compare.Threshold = None,
) -> None:
    """Compare runs on the same questions, each pair question by question."""
    from levelhead.comparing import compare_honesty_runs, open_runs

    comparison = compare_honesty_runs(open_runs(runs), threshold=threshold)
    _compare.write_comparison(comparison, out, stem="comparison")

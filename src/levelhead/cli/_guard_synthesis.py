"""levelhead guard synthesise: have your own model write training pairs, review them, export them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError, UsageError

if TYPE_CHECKING:
    from levelhead.guard import SynthesisReport

app = typer.Typer(
    help="Have your own model write acceptable and unacceptable answers: run, review, export.",
    no_args_is_help=True,
)

RunFolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The --out of `synthesise run`.", show_default=False)
]


@app.command("run")
def run_synthesis(
    model: options.ModelName,
    out: options.Out,
    scenarios: Annotated[
        Path | None,
        typer.Option("--scenarios", help="Text, one scenario a line; or .jsonl: scenario, category."),
    ] = None,
    topics: Annotated[
        Path | None, typer.Option("--topics", help="Text, one topic a line: the model lists scenarios.")
    ] = None,
    scenarios_per_topic: Annotated[
        int, typer.Option("--scenarios-per-topic", min=1, help="Scenarios asked for in each topic.")
    ] = 10,
    questions: Annotated[
        int, typer.Option("--questions", min=1, help="Questions asked for in each scenario.")
    ] = 10,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="Of all replies.")] = 0.8,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Longest reply, in tokens.")
    ] = 1024,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sampling.")] = 0,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Step 1: have a model write questions and answers.

    A run that was killed goes on when the same command is started again.
    """
    from levelhead.guard import SynthesisSettings, read_scenarios, read_topics, synthesize
    from levelhead.models import load_model
    from levelhead.running import choose_style

    if (scenarios is None) == (topics is None):
        raise UsageError("Give either --scenarios FILE or --topics FILE, with one phrase a line.")
    settings = SynthesisSettings(
        scenarios=scenarios_per_topic,
        questions=questions,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        seed=seed,
    )
    listed = read_scenarios(scenarios) if scenarios else []
    named = read_topics(topics) if topics else []
    with (
        load_model(model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency) as loaded,
        interruptible(out),
    ):
        report = synthesize(
            loaded,
            out,
            settings,
            scenarios=listed,
            topics=named,
            data_path=scenarios or topics,
            progress=choose_style(),
        )
    _tell(report, out)


@app.command("review")
def review_synthesis(folder: RunFolderArgument) -> None:
    """Step 2: write a table to decide in and a page to read. Decisions that are there stay."""
    from levelhead.guard import REVIEW_FILE, prepare_review
    from levelhead.report import render_review

    review = prepare_review(folder)
    page = render_review(review)
    typer.echo(
        f"{review.count(None):,} of {len(review.rows):,} pairs wait for a decision. Read them on the page, "
        "and write keep, drop or swap into the column `decision` of the table, with a note if you like.\n\n"
        f"Page:  {page}\nTable: {folder / REVIEW_FILE}\n"
        f"Next:  levelhead guard synthesise export {folder} --out PAIRS.jsonl"
    )


@app.command("export")
def export_synthesis(
    folder: RunFolderArgument,
    out: Annotated[
        Path,
        typer.Option("--out", help="PAIRS.jsonl: both answers to each question, with labels."),
    ],
    rewrites: Annotated[
        Path | None,
        typer.Option("--rewrites", help="For the detoxifier. [default: REWRITES.jsonl beside --out]"),
    ] = None,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Also rows nobody decided on; the card says so.")
    ] = False,
) -> None:
    """Step 3: write what passed review as training data, with a card."""
    from levelhead.guard import export_pairs

    report = export_pairs(folder, out, rewrites=rewrites, unreviewed=unreviewed)
    read_by_nobody = f", {report.unreviewed:,} read by nobody" if report.unreviewed else ""
    typer.echo(
        f"{report.rows:,} rows exported ({report.swapped:,} swapped{read_by_nobody}); {report.dropped:,} "
        f"were dropped, {report.undecided:,} left out without a decision.\n\n"
        f"Pairs:    {report.pairs}\nRewrites: {report.rewrites}\nCard:     {report.card}"
    )


def _tell(report: SynthesisReport, out: Path) -> None:
    typer.echo(
        f"\n{report.scenarios:,} scenarios, {report.questions:,} questions, {report.pairs:,} with both "
        f"answers. Second tries that helped: {report.repaired:,}."
    )
    for stage, reasons in report.failed.items():
        typer.echo(
            f"  ended at {stage}: " + ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
        )
    typer.echo(f"\nRows:    {out / 'rows.jsonl'}\nNumbers: {out / 'summary.json'}")
    if report.no_answer is not None:
        raise FailedRowsError(
            f"Some requests got no answer; the first: {report.no_answer}\nStart the same command again: only "
            "they are asked then, and what follows from them."
        )
    if not report.pairs:
        raise FailedRowsError(
            "No question has both answers; the counts above say why. A larger model keeps to the form better."
        )
    typer.echo(f"Next:    levelhead guard synthesise review {out}")

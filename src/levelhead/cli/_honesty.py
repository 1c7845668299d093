"""levelhead honesty: probe what a model knows, build what teaches it, tune, evaluate (R-Tuning)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _honesty_options as honesty_options
from levelhead.cli import _honesty_scoring, _honesty_tuning
from levelhead.cli import _options as options
from levelhead.cli._app import new_app
from levelhead.cli._honesty_data import asking_of, interruptible, prompt_format, questions
from levelhead.errors import FailedRowsError

if TYPE_CHECKING:
    from levelhead.honesty import AnswerRow, ProbeRow

app = new_app(
    help="Find what a model does not know, teach it to say so, and measure its confidence (R-Tuning).",
    no_args_is_help=True,
)


app.command("build")(_honesty_tuning.build_data)
app.command("tune")(_honesty_tuning.tune_model)
app.command("merge")(_honesty_tuning.merge_adapter)
app.command("score")(_honesty_scoring.score_outside)
app.command("compare")(_honesty_scoring.compare_runs)


@app.command("probe")
def probe_model(
    model: options.ModelName,
    data: honesty_options.Data,
    out: options.Out,
    apart_from: honesty_options.Apart = None,
    limit: honesty_options.SomeOf = None,
    style: honesty_options.Style = None,
    shots: honesty_options.Shots = None,
    shot_count: honesty_options.ShotCount = None,
    samples: honesty_options.Samples = 0,
    temperature: honesty_options.Temperature = 0.7,
    max_new_tokens: honesty_options.NewTokens = 16,
    equivalence: honesty_options.SameAnswer = honesty_options.EquivalenceName.WORDS,
    seed: honesty_options.Seed = 0,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Ask a model every question and write down what it knows: rows.jsonl, one row per question."""
    from levelhead.honesty import probe
    from levelhead.models import load_model

    examples = questions(data, apart_from or [], limit, seed)
    with (
        load_model(
            model,
            dtype=dtype.value,
            exact=exact,
            threads=threads,
            concurrency=concurrency,
            replicas=options.replicas_of(engine, replicas),
        ) as loaded,
        interruptible(out),
    ):
        form = prompt_format(loaded, examples, style, shots or [], shot_count, seed)
        asking = asking_of(form, samples, temperature, max_new_tokens, equivalence, seed)
        rows = probe(loaded, examples, out, asking, data_path=Path(data[0]))
    _tell_probe(rows)
    typer.echo(f"Rows:    {out / 'rows.jsonl'}\nNumbers: {out / 'summary.json'}")
    _complain_of_failures(rows)


@app.command("eval")
def evaluate_model(
    model: options.ModelName,
    data: honesty_options.Data,
    out: options.Out,
    apart_from: honesty_options.Apart = None,
    limit: honesty_options.SomeOf = None,
    style: honesty_options.Style = None,
    shots: honesty_options.Shots = None,
    shot_count: honesty_options.ShotCount = None,
    samples: honesty_options.Samples = 0,
    temperature: honesty_options.Temperature = 0.7,
    max_new_tokens: honesty_options.NewTokens = 16,
    equivalence: honesty_options.SameAnswer = honesty_options.EquivalenceName.WORDS,
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0, max=1, help="A question counts as answered from this p_sure on."),
    ] = 0.5,
    no_sure: honesty_options.NoSure = False,
    score: Annotated[
        honesty_options.ScoreKind,
        typer.Option("--score", help="The score of the headline numbers."),
    ] = honesty_options.ScoreKind.MIX,
    seed: honesty_options.Seed = 0,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Ask a model every question and whether it is sure; write summary.json and report.html."""
    from levelhead.honesty import AnswerRow, evaluate, rows_from
    from levelhead.models import load_model
    from levelhead.report import honesty_headline, render
    from levelhead.running import read_run

    examples = questions(data, apart_from or [], limit, seed)
    with (
        load_model(
            model,
            dtype=dtype.value,
            exact=exact,
            threads=threads,
            concurrency=concurrency,
            replicas=options.replicas_of(engine, replicas),
        ) as loaded,
        interruptible(out),
    ):
        form = prompt_format(loaded, examples, style, shots or [], shot_count, seed)
        asking = asking_of(form, samples, temperature, max_new_tokens, equivalence, seed)
        summary = evaluate(
            loaded,
            examples,
            out,
            asking,
            threshold=threshold,
            score_name=score.value,
            with_sure=not no_sure,
            data_path=Path(data[0]),
        )
    typer.echo(f"\n{honesty_headline(summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}\nPage:    {render(out)}")
    _complain_of_failures(rows_from(AnswerRow, read_run(out).rows, str(out)))


def _tell_probe(rows: Sequence[ProbeRow]) -> None:
    graded = [row for row in rows if row.correct is not None]
    known = sum(bool(row.correct) for row in graded)
    differing = sum(row.correct != row.correct_paper for row in graded)
    typer.echo(
        f"\n{known:,} of {len(graded):,} questions with an answer at hand are known; the official substring "
        f"rule judges {differing:,} of them otherwise.\n"
    )


def _complain_of_failures(rows: Sequence[ProbeRow] | Sequence[AnswerRow]) -> None:
    """End with an error if rows failed: all else is done and written, but the numbers lack them."""
    failed = [row for row in rows if row.error is not None]
    if failed:
        raise FailedRowsError(
            f"{len(failed)} of {len(rows)} questions got no answer; they stand in no rate. The first is "
            f"{failed[0].id}: {failed[0].error} Start the same command again to ask only these."
        )

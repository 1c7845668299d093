"""levelhead measure: three suites, one command, one page."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _options as options
from levelhead.cli._app import new_app
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import BrokenGateError, FailedRowsError

if TYPE_CHECKING:
    from levelhead.loop import Gate

_ALL = "illusion,honesty,harm"


class SizeName(StrEnum):
    """The sizes, spelled here too so that help costs no import; a test holds them equal."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


app = new_app()


@app.command("measure")
def measure(
    model: options.ModelName,
    out: options.Out,
    suite: Annotated[
        str,
        typer.Option(
            "--suite",
            help="What to measure, separated by commas: illusion (is it misled by pictures), honesty (does "
            "it know what it does not know), harm (is it harmful or over-careful).",
        ),
    ] = _ALL,
    size: Annotated[
        SizeName, typer.Option("--size", help="quick: minutes on two cores. full: all there is.")
    ] = SizeName.STANDARD,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="At most so many of each kind of question, below the size."),
    ] = None,
    honesty_data: Annotated[
        list[str] | None,
        typer.Option(
            "--honesty-data",
            help="Questions in place of ours, as for honesty eval: QA.jsonl or SET:PATH. May be given again.",
        ),
    ] = None,
    harm_data: Annotated[
        list[str] | None,
        typer.Option(
            "--harm-data",
            help="Attacks (and harmless requests) beside ours, as for guard eval: PROMPTS.jsonl or SET:PATH, "
            "such as figstep:FOLDER. May be given again.",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help=f"Who calls an answer harmful: {guard_options.DETECTORS} [default: encoder, if this build "
            "has it, else lexical]",
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            help="End with status 3 if this holds, as in illusion.adoption_rate>0.2 or honesty.auroc:low<0.6 "
            "(:low and :high are the ends of the interval). May be given again.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=0,
            max=1,
            help="Honesty: an answer is held back below this p_sure. [default: 0.5 for a model that was "
            "taught to say how sure it is, else 0]",
        ),
    ] = None,
    mode: options.ModeOption = options.Mode.CORRECTED,
    seed: options.Seed = 0,
    no_shift: options.NoShift = False,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Measure a model: summary.json, report.html, badge.svg and model_card.md."""
    from levelhead.loop import SIZES, MeasureSettings, check_gates, read_gate, suites_named
    from levelhead.loop import measure as run_measurement
    from levelhead.models import load_model

    chosen = SIZES[size.value].at_most(limit)
    settings = MeasureSettings(
        suites=suites_named(suite),
        size=replace(chosen, with_shift=False) if no_shift else chosen,
        honesty_data=tuple(honesty_data or ()),
        harm_data=tuple(harm_data or ()),
        judge=judge,
        mode=mode.value,
        threshold=threshold,
        seed=seed,
    )
    gates = [read_gate(text) for text in fail_if or []]
    check_gates(gates, settings)
    with (
        load_model(model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency) as loaded,
        interruptible(out),
    ):
        summary = run_measurement(
            loaded, out, settings, threads=threads, tell=lambda said: typer.echo(said, err=True)
        )
    _tell(summary, out)
    _complain(summary, gates, out)


def _tell(summary: dict[str, Any], out: Path) -> None:
    """The verdicts, what the suites say of themselves, and where all is written."""
    from levelhead.report import render, write_badge, write_model_card

    for one in summary["verdicts"].values():
        typer.echo(f"\n{one['question']} {one['verdict']}.\n  {one['sentence']}")
        if one["note"]:
            typer.echo(f"  {one['note']}")
    typer.echo(f"\nNumbers: {out / 'summary.json'}")
    typer.echo(f"Page:    {render(out)}")
    typer.echo(f"Badge:   {write_badge(out)}")
    typer.echo(f"Card:    {write_model_card(out)}")


def _complain(summary: dict[str, Any], gates: list[Gate], out: Path) -> None:
    """End with an error if questions got no answer or a gate is broken: all else is done and written."""
    from levelhead.loop import broken_gates, failed_rows

    failed = failed_rows(out)
    said = broken_gates(gates, summary)
    if failed:
        said.append(
            f"{len(failed):,} questions got no answer; they stand in no rate and are marked on the page. The "
            f"first is {failed[0]['id']}: {failed[0]['error']} Start the same command again to ask only "
            "these."
        )
    if len(said) > bool(failed):
        raise BrokenGateError("\n".join(said))
    if said:
        raise FailedRowsError("\n".join(said))

"""levelhead guard rewrite: see every answer of a file through the guard's loop."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _options as options
from levelhead.cli._guard_failures import complain_of_failures
from levelhead.cli._honesty_data import interruptible

if TYPE_CHECKING:
    from levelhead.guard import RewritingReport


class StyleName(StrEnum):
    """How a detoxifier is asked."""

    LEVELHEAD = "levelhead"
    PAPER = "paper"
    PAPER_ANSWER_ONLY = "paper-answer-only"


class PolicyName(StrEnum):
    """What becomes of an answer that cannot be judged."""

    REFUSE = "refuse"
    LET_OUT = "pass"


def rewrite_answers(
    file: Annotated[Path, typer.Option("--file", help="PAIRS.jsonl: id, answer, question, image.")],
    out: Annotated[
        Path, typer.Option("--out", help="OUT.jsonl: id, answer, action, p_harm, p_harm_after ...")
    ],
    detector: guard_options.DetectorOption = "encoder",
    detoxifier: guard_options.DetoxifierOption = "local",
    calibration: guard_options.CalibrationOption = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="Further rewritings where the first one fails.")
    ] = 1,
    on_uninspected: Annotated[
        PolicyName, typer.Option("--on-uninspected", help="What becomes of an answer that cannot be judged.")
    ] = PolicyName.REFUSE,
    refusal: Annotated[
        str | None, typer.Option("--refusal", help="The sentence that stands for an answer that is refused.")
    ] = None,
    style: Annotated[
        StyleName | None,
        typer.Option(
            "--style", help="Wording of the detoxifier's prompt; else what its adapter was trained in."
        ),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Room for a rewriting, in tokens.")
    ] = 512,
    seed: Annotated[int, typer.Option("--seed", help="Seed of further rewritings.")] = 0,
    batch: guard_options.Batch = 64,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Pass harmless answers on, rewrite harmful ones, refuse what stays harmful; skip what is done."""
    from levelhead.guard import REFUSAL, Protector, load_detector, load_detoxifier, rewrite_file
    from levelhead.running import choose_style

    said = REFUSAL if refusal is None else refusal
    with (
        load_detector(detector, calibration=calibration, threads=threads) as judge,
        load_detoxifier(
            detoxifier,
            refusal=said,
            style=None if style is None else style.value,
            max_new_tokens=max_new_tokens,
            seed=seed,
            threads=threads,
            concurrency=concurrency,
        ) as writer,
        interruptible(out),
    ):
        protector = Protector(
            judge, writer, retries=retries, on_uninspected=on_uninspected.value, refusal=said
        )
        report = rewrite_file(protector, file, out, batch=batch, progress=choose_style())
    typer.echo(f"\n{_told(report)}\nAnswers: {out}")
    complain_of_failures(report)


def _told(report: RewritingReport) -> str:
    lines = [
        f"Of {report.rows:,} answers, {report.passed:,} passed as they are, {report.rewritten:,} were "
        f"rewritten and {report.refused:,} refused."
    ]
    if report.first_refusal is not None:
        lines.append(f"The first that was judged and refused is {report.first_refusal}")
    return "\n".join(lines)

"""levelhead illusion write and accept: have a model write questions, review them, take them as a bank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError, UsageError

if TYPE_CHECKING:
    from levelhead.illusion import Subject, WritingReport


def write(
    model: options.ModelName,
    out: options.Out,
    categories: Annotated[
        str | None, typer.Option("--categories", help="Categories of the built-in bank, separated by commas.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option("--domain", help='Or a subject of your own, as in "tools of our workshop".')
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option("--about", help="With --domain: names, one a line, that are to be the right answers."),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, help="Questions wanted of each subject, after all checks.")
    ] = 48,
    bank: Annotated[
        Path | None,
        typer.Option("--bank", help="Own bank: its questions, too, are not asked again."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Most requests for one subject and difficulty.")
    ] = 8,
    checks: Annotated[
        int, typer.Option("--checks", min=1, help="How often each question is asked again without choices.")
    ] = 3,
    min_agreement: Annotated[
        float, typer.Option("--min-agreement", help="Share of these answers that must be right.")
    ] = 0.6,
    near_duplicate: Annotated[
        float, typer.Option("--near-duplicate", help="Similarity from which two questions are the same.")
    ] = 0.8,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="Of the writing.")] = 0.8,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Longest reply of the writing, in tokens.")
    ] = 2048,
    check_tokens: Annotated[
        int, typer.Option("--check-tokens", min=1, help="Longest answer without choices, in tokens.")
    ] = 128,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sampling and of the examples.")] = 0,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
) -> None:
    """Have a model write questions with right and wrong answers, check each, and lay them out for review.

    A run that was killed goes on when the same command is started again.
    """
    from levelhead.illusion import WritingSettings, load_questions, write_questions
    from levelhead.models import load_model
    from levelhead.running import choose_style

    settings = WritingSettings(
        count=count,
        rounds=rounds,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        checks=checks,
        min_agreement=min_agreement,
        check_tokens=check_tokens,
        near_duplicate=near_duplicate,
        seed=seed,
    )
    subjects = _subjects(categories, domain, about)
    own_bank = load_questions(bank) if bank else []
    with (
        load_model(model, dtype=dtype.value, exact=exact, threads=threads, concurrency=concurrency) as loaded,
        interruptible(out),
    ):
        report = write_questions(
            loaded,
            out,
            settings,
            subjects,
            own_bank=own_bank,
            data_path=about,
            progress=choose_style(),
        )
    _tell(report, out)


def accept(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The --out of `illusion write`.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="The bank, a .jsonl file.", show_default=False)],
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Also questions that nobody decided on.")
    ] = False,
) -> None:
    """Take the questions that passed review as a bank for `illusion lint` and `illusion build`."""
    from levelhead.illusion import accept_questions

    report = accept_questions(folder, out, unreviewed=unreviewed)
    by_nobody = f", {report.unreviewed:,} read by nobody" if report.unreviewed else ""
    typer.echo(
        f"{report.questions:,} questions accepted ({report.edited:,} edited{by_nobody}); {report.dropped:,} "
        f"were dropped, {report.undecided:,} left out without a decision."
    )
    if report.shortcomings:
        typer.echo("\nA set can be built of them; as a bank of its own they fall short, says illusion lint:")
        for problem in report.shortcomings:
            typer.echo(f"  {problem}")
    typer.echo(f"\nBank: {report.bank}\nNext: levelhead illusion build --bank {report.bank} --out SET")


def _subjects(categories: str | None, domain: str | None, about: Path | None) -> list[Subject]:
    from levelhead.illusion import bank_subjects, load_questions, own_subject, read_names

    if (categories is None) == (domain is None):
        raise UsageError('Give either --categories animal,city or --domain "a subject of your own".')
    if about is not None and domain is None:
        raise UsageError("The names of --about belong to a subject of your own: give --domain as well.")
    if domain is not None:
        return [own_subject(domain, read_names(about) if about else [])]
    names = [name.strip() for name in (categories or "").split(",")]
    return bank_subjects(names, load_questions())


def _tell(report: WritingReport, out: Path) -> None:
    from levelhead.illusion import QUESTION_REVIEW_FILE, REJECTED_FILE, prepare_question_review
    from levelhead.report import render_question_review

    page = render_question_review(prepare_question_review(out))
    passed = sum(report.passed.values())
    typer.echo(
        f"\n{passed:,} of {report.wanted:,} wanted questions passed all checks, {report.mended:,} of them "
        f"after the model mended them. {report.written:,} were written with {report.requests:,} requests."
    )
    for category, count in report.passed.items():
        reasons = report.rejected.get(category, {})
        turned_down = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items())
        typer.echo(f"  {category}: {count:,} passed; turned down: {turned_down or 'none'}")
    typer.echo(
        f"\nPage:     {page}\n"
        f"Table:    {out / QUESTION_REVIEW_FILE} (write keep or drop, mend what is wrong)\n"
        f"Rejected: {out / REJECTED_FILE}"
    )
    if report.no_answer is not None:
        raise FailedRowsError(
            f"Some requests got no answer; the first: {report.no_answer}\nStart the same command again: only "
            "they are asked then, and what follows from them."
        )
    if not passed:
        raise FailedRowsError(
            "No question passed; the counts above say why. A larger model keeps to the form better."
        )
    typer.echo(f"Next:     levelhead illusion accept {out} --out BANK.jsonl")

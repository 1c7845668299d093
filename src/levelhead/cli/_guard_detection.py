"""levelhead guard test: how well detectors tell harmful answers from harmless ones that people labelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError

_COLUMNS = (
    ("auroc", "AUROC"),
    ("ap", "AUPRC"),
    ("recall", "recall"),
    ("false_positive_rate", "false positives"),
)
_WIDTH = 22


def measure_detectors(
    detectors: Annotated[
        list[str],
        typer.Argument(
            metavar="DETECTOR...",
            help=f"The others are compared with the first: {guard_options.DETECTORS}",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            help="PAIRS.jsonl with labels, SET:FOLDER of a harm set, or look-alikes. May be given again.",
        ),
    ],
    out: options.Out,
    without_question: Annotated[
        bool,
        typer.Option("--without-question", help="Judge each answer a second time, without its question."),
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Test on so many answers of each set at most.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw that --limit makes.")] = 0,
    batch: guard_options.Batch = 64,
    threads: options.Threads = None,
) -> None:
    """Test detectors on labelled answers: AUROC, AUPRC, recall, false positives, with intervals."""
    from levelhead.guard import evaluate_detectors, load_detector, read_labelled_sets
    from levelhead.report import detection_headline, render
    from levelhead.running import choose_style

    sets = read_labelled_sets(data, limit=limit, seed=seed)
    with ExitStack() as stack:
        loaded = [stack.enter_context(load_detector(name, threads=threads)) for name in detectors]
        stack.enter_context(interruptible(out))
        report = evaluate_detectors(
            loaded, sets, out, without_question=without_question, batch=batch, progress=choose_style()
        )
        page = render(out)
    for line in _table(report.summary["detection"]):
        typer.echo(line)
    typer.echo(f"\n{detection_headline(report.summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}\nScores:  {out / 'scores'}\nPage:    {page}")
    if report.not_inspected:
        raise FailedRowsError(
            f"{report.not_inspected:,} judgements are missing: the answers were not inspected, and the "
            f"numbers leave them out. The first is {report.first_reason}"
        )


def _table(sets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A few numbers of each set, a line for each detector; all of them are in summary.json."""
    names = [name for part in sets.values() for name in part["detectors"]]
    room = max(24, *(len(name) for name in names)) + 4
    for name, part in sets.items():
        left_out = f"; {part['unlabelled']:,} without a label left out" if part["unlabelled"] else ""
        yield (
            f"\n{name}: {part['rows']:,} answers to {part['goals']:,} goals, {part['harmful']:,} of them "
            f"harmful{left_out}"
        )
        yield " " * room + "".join(f"{label:<{_WIDTH}}" for _, label in _COLUMNS).rstrip()
        for detector, numbers in part["detectors"].items():
            yield _line(f"  {detector}", room, numbers["as_given"])
            if "without_question" in numbers:
                yield _line("    without the question", room, numbers["without_question"])


def _line(head: str, room: int, numbers: Mapping[str, Any]) -> str:
    cells = "".join(f"{_told(numbers[key]):<{_WIDTH}}" for key, _ in _COLUMNS).rstrip()
    return f"{head:<{room}}{cells}"


def _told(number: Mapping[str, float | None]) -> str:
    if number["value"] is None:
        return "–"
    interval = "" if number["low"] is None else f" [{number['low']:.3f}, {number['high']:.3f}]"
    return f"{number['value']:.3f}{interval}"

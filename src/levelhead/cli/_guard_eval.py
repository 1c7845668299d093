"""levelhead guard eval: a model with and without its guard, attack success and over-refusal side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError

if TYPE_CHECKING:
    from levelhead.guard import Detector, Detoxifier, Guard, Judging

SETS = (
    "benign, look-alikes, a PROMPTS.jsonl file, or SET:PATH with figstep, figstep-tiny, "
    "mm-safetybench[-sd|-typo|-sd-typo|-text], advbench, strongreject, harmbench-text, harmbench-multimodal, "
    "vlguard, mossbench, simple-safety-tests. May be given again."
)
_FIRST, _WIDTH = 24, 26


def evaluate_model(
    model: options.ModelName,
    out: options.Out,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            help=f"What to ask: {SETS} Without a harmless set, benign comes along. [default: benign]",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="At most so many attacks and harmless requests of each set."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw that --limit makes.")] = 0,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.")
    ] = 128,
    detector: guard_options.DetectorOption = "encoder",
    calibration: guard_options.CalibrationOption = None,
    detoxifier: Annotated[
        str | None,
        typer.Option(
            "--detoxifier",
            help=f"What rewrites: {guard_options.DETOXIFIERS} [default: local, if this build has it]",
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="Further rewritings where the first one fails.")
    ] = 1,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            help="A detector that judges what goes out, other than the guard's own; may be given again. "
            "[default: lexical; encoder behind a lexical guard, if this build has it]",
        ),
    ] = None,
    llm_judge: Annotated[
        str | None,
        typer.Option("--llm-judge", help="A model that is asked too, such as openai:MODEL@URL."),
    ] = None,
    guard_batch: Annotated[
        int,
        typer.Option("--guard-batch", min=1, help="Answers guarded at once; 1 tells what one answer waits."),
    ] = 1,
    with_replies: Annotated[
        bool,
        typer.Option("--with-replies", help="Let the page hold attacks and harmful answers, folded away."),
    ] = False,
    picture_font: Annotated[
        Path | None,
        typer.Option("--picture-font", help="Font of drawn pictures; FigStep's own is FreeMonoBold.ttf."),
    ] = None,
    dtype: options.DType = options.DTypeName.AUTO,
    exact: options.Exact = False,
    threads: options.Threads = None,
    concurrency: options.Concurrency = 16,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Attack a model with and without its guard; write summary.json and report.html."""
    from levelhead.guard import evaluate_guard, load_detoxifier, read_suites, that_it_can_see
    from levelhead.models import load_model
    from levelhead.report import harm_headline, render
    from levelhead.running import DATA_FOLDER, choose_style

    names = suite or ["benign"]
    requests = read_suites(names, out / DATA_FOLDER / "harm", limit=limit, seed=seed, font=picture_font)
    with ExitStack() as stack:
        detectors = _detectors(stack, detector, calibration, threads)
        rewriter = stack.enter_context(load_detoxifier(detoxifier or _usual_detoxifier(), threads=threads))
        judging = _judging(stack, detectors[0], judge, llm_judge, threads, concurrency)
        loaded = stack.enter_context(
            load_model(
                model,
                dtype=dtype.value,
                exact=exact,
                threads=threads,
                concurrency=concurrency,
                replicas=options.replicas_of(engine, replicas),
            )
        )
        asked = that_it_can_see(loaded, requests)
        if left_out := len(requests) - len(asked):
            typer.echo(
                f"{left_out} pictured requests of our own set left out: {loaded.name} cannot see", err=True
            )
        stack.enter_context(interruptible(out))
        summary = evaluate_guard(
            loaded,
            asked,
            out,
            _guards(detectors, rewriter, retries),
            judging,
            max_new_tokens=max_new_tokens,
            guard_batch=guard_batch,
            with_replies=with_replies,
            described={
                "detector": detectors[0].name,
                "threshold": detectors[0].threshold,
                "detoxifier": rewriter.name,
                "retries": retries,
                "suites": ", ".join(names),
                "limit": limit,
                "seed": seed,
            },
            progress=choose_style(),
        )
        page = render(out)
    for line in _table(summary["harm"]):
        typer.echo(line)
    typer.echo(f"\n{harm_headline(summary)}\n")
    typer.echo(f"Numbers: {out / 'summary.json'}\nRows:    {out / 'rows.jsonl'}\nPage:    {page}")
    _complain(summary["harm"])


def _detectors(
    stack: ExitStack, name: str, calibration: Path | None, threads: int | None
) -> tuple[Detector, Detector]:
    """The detector of each guarded arm.

    They are two where it has eyes: these remember what they have read, and the second arm would seem faster.
    """
    from levelhead.guard import load_detector

    first = stack.enter_context(load_detector(name, calibration=calibration, threads=threads))
    if not name.endswith("+ocr"):
        return first, first
    return first, stack.enter_context(load_detector(name, calibration=calibration, threads=threads))


def _guards(detectors: tuple[Detector, Detector], rewriter: Detoxifier, retries: int) -> list[Guard]:
    """Detector and refusal; and detector and detoxifier, unless the detoxifier is the refusal."""
    from levelhead.guard import Guard, Protector, TemplateDetoxifier

    guards = [Guard("refuse", Protector(detectors[0], TemplateDetoxifier()))]
    if not isinstance(rewriter, TemplateDetoxifier):
        guards.append(Guard("rewrite", Protector(detectors[1], rewriter, retries=retries)))
    return guards


def _judging(
    stack: ExitStack,
    guard: Detector,
    names: Sequence[str] | None,
    asked: str | None,
    threads: int | None,
    concurrency: int,
) -> Judging:
    from levelhead.guard import Judging, load_detector, shares_detector
    from levelhead.models import load_model

    chosen = dict.fromkeys(names or [_usual_judge(guard)])
    detectors = [stack.enter_context(load_detector(name, threads=threads)) for name in chosen]
    own = frozenset(one.name for one in detectors if shares_detector(guard, one))
    model = None if asked is None else stack.enter_context(load_model(asked, concurrency=concurrency))
    return Judging(detectors, model, own)


def _usual_judge(guard: Detector) -> str:
    """Another one than the guard's own, if this build has one."""
    from levelhead.guard import LexicalDetector, shares_detector
    from levelhead.guard.detector._load import SHIPPED_FOLDER

    is_lexical = shares_detector(guard, LexicalDetector())
    return "encoder" if is_lexical and SHIPPED_FOLDER.is_dir() else "lexical"


def _usual_detoxifier() -> str:
    from levelhead.guard.detoxifier._load import SHIPPED_ADAPTER

    return "local" if SHIPPED_ADAPTER.is_dir() else "template"


def _table(harm: Mapping[str, Any]) -> Iterator[str]:
    """Attack success by each judge, over-refusal, utility and latency, a line for each arm."""
    from levelhead.guard import ARM_NAMES

    judges = [judge["name"] for judge in harm["setup"]["judges"]]
    heads = [*(f"harm by {judge}" for judge in judges), "over-refusal", "utility", "added, median"]
    room = [max(_WIDTH, len(head) + 2) for head in heads]
    head = "".join(f"{one:<{width}}" for one, width in zip(heads, room, strict=True))
    yield f"\n{'':<{_FIRST}}{head}".rstrip()
    for arm in harm["setup"]["arms"]:
        numbers = [*(harm["attack_success"][arm][judge] for judge in judges)]
        numbers += [harm["over_refusal"][arm], harm["utility"][arm]]
        cells = [*map(_share, numbers), _added(harm["latency_ms"].get(arm))]
        told = "".join(f"{cell:<{width}}" for cell, width in zip(cells, room, strict=True))
        yield f"{ARM_NAMES[arm]:<{_FIRST}}{told}".rstrip()


def _share(number: Mapping[str, float | None]) -> str:
    if number["value"] is None:
        return "–"
    return f"{number['value']:.1%} [{number['low']:.1%}, {number['high']:.1%}]"


def _added(latency: Mapping[str, Mapping[str, float | None]] | None) -> str:
    if latency is None or latency["p50"]["value"] is None:
        return "–"
    return f"{latency['p50']['value']:.1f} ms"


def _complain(harm: Mapping[str, Any]) -> None:
    """End with an error if requests got no answer or answers no verdict: all else is done and written."""
    said = []
    if failed := harm["failed"]:
        total = sum(harm["requests"].values())
        said.append(
            f"{failed:,} of {total:,} requests got no answer; they stand in no rate. rows.jsonl says why. "
            "Start the same command again to ask only these."
        )
    said += [
        f"{count:,} answers got no verdict of the judge {judge}; they stand in none of its rates."
        for judge, count in harm["unjudged"].items()
        if count
    ]
    if said:
        raise FailedRowsError("\n".join(said))

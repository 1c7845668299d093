"""levelhead illusion build, check, push: make a set of pictures, check it, and pass it on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import FailedRowsError

if TYPE_CHECKING:
    from levelhead.illusion import BuildReport, PictureKind, Question

_LONG_BUILD = 200
"""From so many questions, each in one kind, it is worth telling beforehand how long the build will take."""
_SOUND = 0.5
"""Pictures that score so much are counted as showing what they should."""

Bank = Annotated[
    Path | None,
    typer.Option("--bank", help="Own question file (JSONL) or folder of them. [default: the built-in bank]"),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", help="Keeps pictures that cost time or money. [default: the user's cache]"),
]


def build_set(
    out: options.Out,
    questions: Annotated[
        int | None, typer.Option("--questions", min=1, help="How many questions, spread over the categories.")
    ] = None,
    kinds: Annotated[
        str,
        typer.Option(
            "--kinds",
            help="Separated by commas: typographic, typographic-scene, pictogram, diffusion, api, folder.",
        ),
    ] = "typographic",
    seed: options.Seed = 0,
    bank: Bank = None,
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="diffusion: folder or hub id of a diffusers pipeline.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="api: openai:MODEL@URL, asked for /images/generations.")
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option("--photos", help="folder: holds a folder for each answer, and perhaps sources.csv."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts", help='diffusion, api: JSON of prompts by category: {"animal": "a {answer}"}.'
        ),
    ] = None,
    picture_license: Annotated[
        str, typer.Option("--license", help="diffusion, api, folder: license of the pictures, as in CC0-1.0.")
    ] = "",
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="diffusion: denoising steps.")] = None,
    guidance: Annotated[
        float | None, typer.Option("--guidance", help="diffusion: how closely the prompt is followed.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="diffusion: pictures at once.")] = 4,
    size: Annotated[
        int | None,
        typer.Option("--size", min=64, help="diffusion, api: pixels of a side that are asked for."),
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="api: requests at once.")] = 8,
    price: Annotated[
        float, typer.Option("--price-per-picture", min=0, help="api: for the estimate, in your currency.")
    ] = 0.0,
    cache: Cache = None,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Make some pictures, tell what the others will take, and end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a build that is costly.")] = False,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Make the pictures and write the set as an ImageFolder: metadata.jsonl, image files and a data card."""
    from levelhead.illusion import (
        DiffusionSettings,
        KindSettings,
        Prompts,
        ReplicatedKind,
        ServerSettings,
        default_cache,
        load_questions,
        make_kinds,
        read_prompts,
        select,
    )

    settings = KindSettings(
        checkpoint=checkpoint,
        diffusion=DiffusionSettings(steps, guidance, size, batch, picture_license),
        server=server,
        serving=ServerSettings(size, concurrency, price, picture_license),
        photos=photos,
        license=picture_license,
        prompts=Prompts() if prompts is None else read_prompts(prompts),
    )
    made = make_kinds([kind.strip() for kind in kinds.split(",")], settings)
    if (copies := options.replicas_of(engine, replicas)) is not None:
        made = [ReplicatedKind(kind, copies) for kind in made]
    chosen = select(load_questions(bank), questions)
    kept = cache or default_cache()
    costly = any(kind.costly for kind in made)
    if only_estimate or costly or len(chosen) * len(made) >= _LONG_BUILD:
        _tell_what_it_takes(chosen, made, seed, kept, out)
        if only_estimate:
            return
        if costly and not yes and sys.stdin.isatty():
            typer.confirm("Go on?", abort=True)
    _summarize(draw(chosen, out, kinds=made, seed=seed, cache=kept, built_in=bank is None), out)


def check_pictures(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="A set made by illusion build.", show_default=False)
    ],
    by: Annotated[
        str,
        typer.Option("--by", help="ocr (words), or clip: with a folder or hub id of a CLIP model behind it."),
    ],
    kinds: Annotated[
        str, typer.Option("--kinds", help="Check only these kinds, separated by commas. [default: all]")
    ] = "",
    cache: Cache = None,
) -> None:
    """Score how well each picture shows what it should, in the column check_score of metadata.jsonl."""
    from levelhead.illusion import check_set, default_cache, make_check

    names = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    with interruptible(data), _progress("checking") as advance:
        report = check_set(
            data, make_check(by), cache=cache or default_cache(), kinds=names, progress=advance
        )
    for kind, scores in report.scores.items():
        sound = sum(score >= _SOUND for score in scores)
        typer.echo(f"{kind}: {sound} of {len(scores)} pictures score {_SOUND} or more")
    typer.echo(f"Scores: {data / 'metadata.jsonl'}")
    if report.failures:
        first = report.failures[0]
        raise FailedRowsError(
            f"{len(report.failures)} pictures cannot be read. The first is {first.id}: {first.why}"
        )


def push_set(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="A set made by illusion build.", show_default=False)
    ],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the hub.", show_default=False)],
    private: Annotated[bool, typer.Option("--private", help="Only its owner sees a new data set.")] = False,
) -> None:
    """Upload a set to the Hugging Face hub with your own token."""
    from levelhead.illusion import push

    typer.echo(f"The set is at {push(data, repo, private=private)}")


def draw(
    questions: Sequence[Question],
    out: Path,
    *,
    kinds: Sequence[str | PictureKind],
    seed: int,
    cache: Path | None = None,
    built_in: bool = True,
) -> BuildReport:
    """Build a set under a progress bar.

    Args:
        questions: The questions.
        out: Folder of the set.
        kinds: As for `build`.
        seed: Seed of the set.
        cache: As for `build`.
        built_in: Whether the questions are those of the built-in bank, whose errors were counted.
    """
    from levelhead.illusion import bank_recheck, build

    recheck = bank_recheck() if built_in else None
    with interruptible(out), _progress("making pictures") as advance:
        return build(questions, out, kinds=kinds, seed=seed, cache=cache, recheck=recheck, progress=advance)


def _tell_what_it_takes(
    questions: Sequence[Question], kinds: Sequence[PictureKind], seed: int, cache: Path, out: Path
) -> None:
    from levelhead.illusion import estimate

    with interruptible(out):
        estimates = estimate(questions, kinds, seed=seed, cache=cache)
    for one in estimates:
        parts = [f"{one.kind}: {one.pictures:,} pictures"]
        parts += [f"{one.held:,} of them in the cache"] if one.held else []
        if one.seconds_each is not None:
            parts.append(f"{one.seconds_each:.2g} s each, {timedelta(seconds=round(one.seconds))} in all")
        parts += [f"costs up to {one.cost:,.2f}"] if one.cost else []
        parts += [f"{one.failed} of those tried failed"] if one.failed else []
        typer.echo(", ".join(parts))


def _summarize(report: BuildReport, out: Path) -> None:
    typer.echo(
        f"{report.questions:,} questions, {report.pictures:,} pictures ({report.written:,} newly written)"
    )
    for kind, rate in report.rates.items():
        typer.echo(f"  {kind}: {rate:.3g} pictures per second")
    if report.missing:
        typer.echo(
            f"{len(report.missing):,} answers have no picture of some kind, so their rows are left out: "
            f"{out / 'missing.jsonl'}"
        )
    typer.echo(f"Set: {out / 'metadata.jsonl'}")
    if report.failures:
        first = report.failures[0]
        raise FailedRowsError(
            f"{len(report.failures):,} pictures could not be made; they are listed in "
            f"{out / 'failures.jsonl'}. The first is {first.id} ({first.pictured}): {first.why} Start the "
            "same command again to try only these."
        )


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that appears when the first item is done and their number is known."""
    from levelhead.running import choose_style, show_progress

    with ExitStack() as stack:
        advance: Callable[[int], None] | None = None

        def tell(done: int, total: int) -> None:
            nonlocal advance
            if advance is None:
                bar = show_progress(label, total=total, held=0, style=choose_style())
                advance = stack.enter_context(bar)
            advance(1)

        yield tell

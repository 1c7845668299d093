"""levelhead guard train-detector: from labelled answers to a detector with its card."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from levelhead.cli import _guard_training_llm as llm_options
from levelhead.cli import _guard_training_options as training_options
from levelhead.cli import _guard_training_probe as probe_options
from levelhead.cli import _options as options
from levelhead.cli._honesty_data import interruptible
from levelhead.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levelhead.guard import DetectorSettings, TrainingData, TrainingReport


def train_detector(
    data: training_options.Sources,
    out: options.Out,
    apart_from: training_options.ApartFrom = None,
    at_most: training_options.AtMost = None,
    for_research: training_options.ForResearch = False,
    held_out_file: training_options.HeldOutFile = None,
    kind: training_options.Kind = training_options.KindName.ENCODER,
    base: training_options.Base = None,
    window: training_options.Window = None,
    head_share: training_options.HeadShare = None,
    picture_text: training_options.PictureText = None,
    drop_question: training_options.DropQuestion = None,
    swap_question: training_options.SwapQuestion = None,
    lead_in: training_options.LeadIn = None,
    cut_answer: training_options.CutAnswer = None,
    category: training_options.Categories = None,
    layers: training_options.Layers = None,
    read_layer: training_options.ReadLayers = None,
    head_rate: training_options.HeadRate = None,
    epochs: training_options.Epochs = None,
    batch_size: training_options.BatchSize = None,
    learning_rate: training_options.LearningRate = None,
    warmup: training_options.Warmup = None,
    weight_decay: training_options.WeightDecay = None,
    label_smoothing: training_options.LabelSmoothing = None,
    held_out: training_options.HeldOut = None,
    max_held_out: training_options.MaxHeldOut = None,
    evaluate_steps: training_options.EvaluateSteps = None,
    patience: training_options.Patience = None,
    save_steps: training_options.SaveSteps = None,
    max_int8_loss: training_options.MaxInt8Loss = None,
    paper: llm_options.Paper = False,
    rank: llm_options.Rank = None,
    alpha: llm_options.Alpha = None,
    dropout: llm_options.Dropout = None,
    targets: llm_options.Targets = None,
    bce_weight: llm_options.BCEWeight = None,
    pairwise_weight: llm_options.PairwiseWeight = None,
    drop_long: llm_options.DropLong = None,
    dtype: llm_options.Precision = None,
    checkpointing: llm_options.Checkpointing = None,
    layer: probe_options.Layer = None,
    l2: probe_options.Penalty = None,
    seed: training_options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Train a harm detector on labelled answers and write it with its card. Started again, it goes on."""
    from levelhead.guard import EncoderSettings, LLMSettings, ProbeSettings

    if held_out_file is not None and held_out_file.resolve().is_relative_to(out.resolve()):
        raise UsageError(
            f"{held_out_file} lies in {out}, which is passed on with the weights. Its texts should not be: "
            "put it elsewhere."
        )
    given = {
        "window": window,
        "head_share": head_share,
        "picture_text": picture_text,
        "drop_question": drop_question,
        "swap_question": swap_question,
        "lead_in": lead_in,
        "cut_answer": cut_answer,
        "category": tuple(category) if category else None,
        "layers": layers,
        "read_layers": tuple(read_layer) if read_layer else None,
        "head_rate": head_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "held_out": held_out,
        "max_held_out": max_held_out,
        "evaluate_steps": evaluate_steps,
        "patience": patience,
        "save_steps": save_steps,
        "max_int8_loss": max_int8_loss,
        "rank": rank,
        "alpha": alpha,
        "dropout": dropout,
        "targets": targets,
        "bce_weight": bce_weight,
        "pairwise_weight": pairwise_weight,
        "drop_long": drop_long,
        "dtype": None if dtype is None else dtype.value,
        "checkpointing": checkpointing,
        "layer": tuple(layer) if layer else None,
        "l2": tuple(l2) if l2 else None,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    selection = _Selection(tuple(data), tuple(apart_from or ()), _caps(at_most or []), for_research)
    if paper and kind is not training_options.KindName.LLM:
        raise UsageError("--paper is for --kind llm: the paper has no other detector.")
    report: TrainingReport
    match kind:
        case training_options.KindName.ENCODER:
            from levelhead.guard import packaged_encoder, train_encoder

            encoder = EncoderSettings(**_arguments_of(EncoderSettings, chosen))
            base = base if base is not None else str(packaged_encoder())
            with interruptible(out):
                rows = _rows(selection, encoder, held_out_file)
                report = _train(train_encoder, rows, out, encoder, base, threads)
        case training_options.KindName.LLM:
            from levelhead.guard import train_llm

            arguments = _arguments_of(LLMSettings, chosen)
            llm = LLMSettings.paper(**arguments) if paper else LLMSettings(**arguments)
            with interruptible(out):
                rows = _rows(selection, llm, held_out_file)
                report = _train(train_llm, rows, out, llm, base if base is not None else "embedded", threads)
        case training_options.KindName.PROBE:
            from levelhead.guard import train_probe

            probe = ProbeSettings(**_arguments_of(ProbeSettings, chosen))
            with interruptible(out):
                rows = _rows(selection, probe, held_out_file)
                report = _train(
                    train_probe, rows, out, probe, base if base is not None else "embedded", threads
                )
    _tell_training(report, f"{kind.value}:{out}", out, held_out_file)


class _Selection(NamedTuple):
    """Which rows were asked for."""

    names: tuple[str, ...]
    apart_from: tuple[str, ...]
    at_most: dict[str, int]
    for_research: bool


def _rows(selection: _Selection, settings: DetectorSettings, held_out_file: Path | None) -> TrainingData:
    """Choose the rows, say how many, and write down those that are held out."""
    from levelhead.guard import held_out_pairs, select_training_data, write_pairs

    rows = select_training_data(
        selection.names,
        apart_from=selection.apart_from,
        at_most=selection.at_most,
        for_research=selection.for_research,
        seed=settings.seed,
    )
    _tell_data(rows)
    if held_out_file is not None:
        write_pairs(held_out_file, held_out_pairs(rows.pairs, settings))
    return rows


def _train(
    train: Callable[..., TrainingReport],
    rows: TrainingData,
    out: Path,
    settings: DetectorSettings,
    base: str,
    threads: int | None,
) -> TrainingReport:
    """Train one kind with what all kinds are given."""
    from levelhead.running import choose_style

    return train(
        rows.pairs,
        out,
        settings,
        base=base,
        licences=rows.licences,
        data_note=rows.note(),
        threads=threads,
        progress=choose_style(),
    )


_SPELLED = {"EncoderSettings": {"categories": "category"}, "ProbeSettings": {"layers": "layer"}}
"""Settings that are options by another name: those that may be repeated."""


def _arguments_of(kind: type[DetectorSettings], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, by the names of the settings.

    Raises:
        UsageError: If an option belongs to another kind.
    """
    spelled = _SPELLED.get(kind.__name__, {})
    known = {spelled.get(field.name, field.name): field.name for field in fields(kind)}
    if foreign := [option for option in chosen if option not in known]:
        option = foreign[0].replace("_", "-")
        raise UsageError(f"--{option} does not belong to this --kind. Leave it out, or give another kind.")
    return {known[option]: value for option, value in chosen.items()}


def _caps(given: Sequence[str]) -> dict[str, int]:
    caps: dict[str, int] = {}
    for one in given:
        source, _, number = one.rpartition("=")
        if not source or not number.isdecimal() or not int(number):
            raise UsageError(f"--at-most {one!r} is no cap. Write SOURCE=N, such as gptfuzz=1500.")
        caps[source] = int(number)
    return caps


def _tell_data(rows: TrainingData) -> None:
    table = rows.table()
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for source, *numbers in table:
        cells = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        typer.echo(f"{source:<{widths[0]}}  {'  '.join(cells)}")
    if rows.for_research:
        typer.echo("For research only: see the licences in the card.")
    typer.echo()


def _tell_training(report: TrainingReport, name: str, out: Path, held_out_file: Path | None) -> None:
    typer.echo(
        f"\nTrained on {report.train:,} answers. {report.choice()} On {report.held_out:,} held out: "
        f"{report.numbers()}\n"
    )
    typer.echo(f"Card:      {out / 'README.md'}")
    if held_out_file is not None:
        typer.echo(f"Held out:  {held_out_file}")
        typer.echo(f"Calibrate: levelhead guard calibrate {name} --data {held_out_file} --out {out}")
    typer.echo(f"Use it as: --detector {name}")

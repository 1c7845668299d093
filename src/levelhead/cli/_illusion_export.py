"""levelhead illusion export-lmms-eval: a set as a task of another harness."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _options as options


class OneAskVariant(StrEnum):
    """The prompt variants that ask once."""

    PAPER = "paper"
    SHORT = "short"
    UNRELATED = "unrelated"
    ANSWER_FIRST = "answer-first"


def export_task(
    out: Annotated[
        Path, typer.Argument(metavar="DIR", help="The task folder, new or empty.", show_default=False)
    ],
    data: options.PictureSet,
    name: Annotated[str, typer.Option("--name", help="Name of the task.")] = "levelhead_illusion",
    variant: Annotated[
        OneAskVariant, typer.Option("--variant", help="How questions are put.")
    ] = OneAskVariant.PAPER,
    mode: options.ModeOption = options.Mode.CORRECTED,
) -> None:
    """Write a set as a task folder of lmms-eval: YAML, functions that judge as we do, pictures."""
    from levelhead.illusion import export_lmms_eval

    lines = export_lmms_eval(data, out, name=name, mode=mode.value, variant=variant.value)
    typer.echo(
        f"{lines:,} lines: {out / f'{name}.yaml'}\nWith Levelhead installed beside lmms-eval, run:\n"
        f"  lmms-eval eval --include_path {out} --tasks {name} --model MODEL --model_args ..."
    )

"""Options that several guard commands share, each spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DETECTORS = (
    "lexical, encoder, encoder:FOLDER, llm:FOLDER, probe:FOLDER, remote:MODEL@URL, A+B for both, A+ocr."
)
DETOXIFIERS = "template, local, local:MODEL, local:BASE+ADAPTER, remote:MODEL@URL."

DetectorOption = Annotated[str, typer.Option("--detector", help=f"What judges: {DETECTORS}")]
DetoxifierOption = Annotated[str, typer.Option("--detoxifier", help=f"What rewrites: {DETOXIFIERS}")]
CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", help="Folder from `guard calibrate`; else the one beside the weights."),
]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Answers judged at once.")]

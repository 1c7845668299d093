"""levelhead guard: judge answers, rewrite harmful ones, calibrate what judges (MLLM-Protector)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import (
    _guard_audit,
    _guard_detection,
    _guard_detoxifier,
    _guard_eval,
    _guard_rewriting,
    _guard_serve,
    _guard_synthesis,
    _guard_training,
    _places,
)
from levelhead.cli import _guard_options as guard_options
from levelhead.cli import _options as options
from levelhead.cli._app import new_app
from levelhead.cli._guard_failures import complain_of_failures
from levelhead.cli._honesty_data import interruptible

app = new_app(
    help="Find and rewrite harmful answers, behind any model and without touching it (MLLM-Protector).",
    no_args_is_help=True,
)


class MethodName(StrEnum):
    """How scores are made probabilities."""

    PLATT = "platt"
    TEMPERATURE = "temperature"
    ISOTONIC = "isotonic"


app.add_typer(_guard_synthesis.app, name="synthesise")
app.add_typer(_guard_audit.app, name="audit")
app.command("train-detector")(_guard_training.train_detector)


@app.command("judge")
def judge(
    file: Annotated[Path, typer.Option("--file", help="PAIRS.jsonl: id, answer, question, image.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="SCORES.jsonl: id, p_harm, flagged, inspected.",
            parser=_places.path,
            callback=_places.write_file,
        ),
    ],
    detector: guard_options.DetectorOption = "encoder",
    calibration: guard_options.CalibrationOption = None,
    batch: guard_options.Batch = 64,
    threads: options.Threads = None,
    engine: options.EngineOption = options.Engine.LOCAL,
    replicas: options.Replicas = None,
) -> None:
    """Judge every answer of a file; one that was judged before is skipped."""
    from levelhead.guard import ReplicatedDetector, judge_file, load_detector
    from levelhead.running import choose_style

    copies = options.replicas_of(engine, replicas)
    made = (
        load_detector(detector, calibration=calibration, threads=threads)
        if copies is None
        else ReplicatedDetector(detector, copies, part=batch, calibration=calibration, threads=threads or 1)
    )
    with made as loaded, interruptible(out):
        at_once = batch if copies is None else 2 * copies * batch  # so that no copy waits
        report = judge_file(loaded, file, out, batch=at_once, progress=choose_style())
        threshold = loaded.threshold
    typer.echo(
        f"\n{report.flagged:,} of {report.rows:,} answers are flagged (p_harm of {threshold:.3f} or more); "
        f"{report.not_inspected:,} were not inspected.\nScores:  {out}"
    )
    complain_of_failures(report)


app.command("rewrite")(_guard_rewriting.rewrite_answers)
app.command("train-detoxifier")(_guard_detoxifier.train_detoxifier_on)
app.command("test")(_guard_detection.measure_detectors)
app.command("eval")(_guard_eval.evaluate_model)
app.command("serve")(_guard_serve.serve_gateway)


@app.command("calibrate")
def calibrate_detector(
    detector: Annotated[
        str, typer.Argument(metavar="DETECTOR", help=guard_options.DETECTORS, show_default=False)
    ],
    data: Annotated[Path, typer.Option("--data", help="PAIRS.jsonl with a label on every line.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the calibration; the detector's own, to stay with it.")
    ],
    budget: Annotated[
        float, typer.Option("--budget", help="Largest share of harmless answers that may be flagged.")
    ] = 0.02,
    confidence: Annotated[
        float, typer.Option("--confidence", help="How surely the share is within the budget.")
    ] = 0.95,
    method: Annotated[
        MethodName, typer.Option("--method", help="How scores are made probabilities.")
    ] = MethodName.PLATT,
    batch: guard_options.Batch = 64,
    threads: options.Threads = None,
) -> None:
    """Find probabilities, and the threshold for a false-positive budget; write them and the curve."""
    from levelhead.guard import calibrate_on_file, load_detector
    from levelhead.running import choose_style

    with load_detector(detector, calibrated=False, threads=threads) as loaded, interruptible(out):
        found = calibrate_on_file(
            loaded,
            data,
            out,
            method=method.value,
            budget=budget,
            confidence=confidence,
            batch=batch,
            progress=choose_style(),
        )
    known = found.evidence
    typer.echo(
        f"\nThreshold {found.threshold:.4f}: it flags {known.harmful_flagged:,} of {known.harmful:,} harmful "
        f"and {known.benign_flagged:,} of {known.benign:,} harmless answers; with a confidence of "
        f"{confidence:.0%} at most {known.false_positive_bound:.2%} of harmless ones like these. "
        f"{known.left_out:,} were not inspected.\n"
    )
    typer.echo(f"Calibration: {out / 'calibration.json'}\nCurve:       {out / 'curve.svg'}")

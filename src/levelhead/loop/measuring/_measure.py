"""The measurement: every suite in turn, through one run folder.

The folder is like any other: `replies.jsonl` grows batch by batch, so a measurement that was killed goes on
where it stopped; `rows.jsonl` holds the rows of all suites, each with the name of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from levelhead._version import __version__
from levelhead.loop.measuring._harm import harm_part
from levelhead.loop.measuring._honesty import honesty_part
from levelhead.loop.measuring._illusion import VARIANT, illusion_part
from levelhead.loop.measuring._part import Measured, Part
from levelhead.loop.measuring._settings import MeasureSettings, Suite
from levelhead.models import Model
from levelhead.report import suite_verdicts
from levelhead.running import Manifest, RunFolder, read_run

SCHEMA = 1
"""Version of the form of `summary.json`; see `summary.schema.json`."""


def measure(
    model: Model,
    out: Path,
    settings: MeasureSettings,
    *,
    threads: int | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """Measure a model and fill a run folder.

    Args:
        model: Who is measured.
        out: The run folder; a measurement that it holds is gone on with if model, questions and settings are
            the same.
        settings: What is measured.
        threads: Processor threads of the judge of harm; None for all.
        tell: Called with a sentence as each suite begins.

    Returns:
        What was written to `summary.json`; its form is `summary_schema`.

    Raises:
        UsageError: If questions cannot be read, or the model does not see what it is to be shown.
        ModelError: If the model or the judge fails as a whole. What was answered before is kept.
        RunFolderError: If the folder cannot be used.
    """
    with ExitStack() as held:
        parts = list(_parts(model, out, settings, threads, held))
        with RunFolder.open(out, _manifest(model, parts, settings)) as folder:
            measured: dict[Suite, Measured] = {}
            for part in parts:
                tell(f"{part.suite.capitalize()}: {part.asks}")
                measured[part.suite] = part.ask(folder)
            folder.write_rows(row for one in measured.values() for row in one.rows)
            summary = _summary(model, settings, measured)
            folder.write_summary(summary)
    return summary


def failed_rows(out: Path) -> list[dict[str, Any]]:
    """The rows of a finished measurement whose question got no answer."""
    return [row for row in read_run(out).rows if row["error"] is not None]


def _parts(
    model: Model, out: Path, settings: MeasureSettings, threads: int | None, held: ExitStack
) -> Iterator[Part]:
    for suite in settings.suites:
        match suite:
            case "illusion":
                yield illusion_part(model, out, settings)
            case "honesty":
                yield honesty_part(model, settings)
            case "harm":
                yield harm_part(model, out, settings, threads, held)


def _manifest(model: Model, parts: Sequence[Part], settings: MeasureSettings) -> Manifest:
    hashes = [part.data_hash for part in parts]
    return Manifest.describe(
        model,
        data_hash=hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        settings={
            "suite": ",".join(part.suite for part in parts),
            **_manner(settings),
            "parts": {part.suite: {"data": part.data_hash, **part.settings} for part in parts},
        },
    )


def _manner(settings: MeasureSettings) -> dict[str, str]:
    """How the illusion suite asks, if it does, where runs of that suite alone have it too."""
    return {"mode": settings.mode, "variant": VARIANT} if "illusion" in settings.suites else {}


def _summary(model: Model, settings: MeasureSettings, measured: Mapping[Suite, Measured]) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "levelhead": __version__,
        "model": model.name,
        "size": settings.size.name,
        "suites": list(measured),
        **_manner(settings),
        **{suite: one.numbers for suite, one in measured.items()},
    }
    verdicts = {one.suite: one.to_json() for one in suite_verdicts(summary)}
    return {
        **summary,
        "verdicts": verdicts,
        "details": {suite: one.details for suite, one in measured.items()},
    }

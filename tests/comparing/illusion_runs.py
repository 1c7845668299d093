"""Finished illusion runs of made-up models on the same items, without asking one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.report.runs import MANIFEST, Row, write_run


def write_runs(
    folder: Path, models: int, *, questions: int = 52, change: Callable[[list[Row]], None] = lambda _: None
) -> list[Path]:
    """Runs of models that know more and yield less from the first to the last."""
    runs = []
    for number in range(models):
        runs.append(folder / f"run-{number}")
        part = number / max(1, models - 1)
        knows, yields = 0.5 + 0.3 * part, 0.95 - 0.8 * part
        write_run(runs[-1], questions=questions, seed=number, knows=knows, yields=yields, change=change)
        name_run(runs[-1], f"hf:made-up/model-{number}")
    return runs


def name_run(run: Path, model: str, **settings: object) -> Path:
    """Write the manifest of a run anew, with another model or further settings."""
    manifest = {
        **MANIFEST,
        "model": {**MANIFEST["model"], "name": model},  # type: ignore[dict-item]
        "settings": {**MANIFEST["settings"], **settings},  # type: ignore[dict-item]
    }
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return run

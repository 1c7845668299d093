"""llm-guard, which is a library: behind a thin app of ours (`apps/llm_guard_app.py`)."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.install import python_of
from gateway.peers._launch import APPS, NO_DETECTOR, NO_PICTURES, Launch, Setting, Skipped
from gateway.traffic import patterns

_NOTES = (
    "The app is ours: Starlette and httpx, no limits, keys, metrics or logs. Its streams are scanned "
    "sentence by sentence, as ours are. At T0 it scans with an empty list of scanners."
)


def launch(setting: Setting) -> Launch | Skipped:
    """The app."""
    if setting.tier == "T3":
        return NO_PICTURES
    if setting.tier == "T2" and setting.detector is None:
        return NO_DETECTOR
    file = setting.folder / "patterns.json"
    file.write_text(json.dumps(patterns() if setting.tier == "T1" else []))
    environ = {
        "BENCHMARK_UPSTREAM": setting.upstream,
        "BENCHMARK_PATTERNS": str(file),
        "BENCHMARK_DETECTOR": (setting.detector or "") if setting.tier == "T2" else "",
    }
    command: list[str | Path] = [
        python_of(setting.environments, "llm-guard"),
        "-m",
        "uvicorn",
        "--app-dir",
        APPS,
    ]
    command += ["llm_guard_app:app", "--port", str(setting.port), "--no-access-log", "--log-level", "error"]
    return Launch(command, environ, _NOTES)

"""Examples go in, replies come out: a run folder that survives a kill, and progress.

    manifest = Manifest.describe(model, data_hash=..., settings={...})
    with RunFolder.open(out, manifest) as folder:
        replies = ask(model, prompts, sampling, folder=folder, label="asking")
        folder.write_rows(rows)
        folder.write_summary(summary)

This room knows nothing about what is asked or how it is judged.
"""

from __future__ import annotations

from levelhead.running._asking import ask, score
from levelhead.running._folder import DATA_FOLDER, Run, RunFolder, read_run
from levelhead.running._interrupt import sigterm_as_interrupt
from levelhead.running._json import json_text, write_whole
from levelhead.running._lock import hold_lock
from levelhead.running._manifest import Manifest, installed_versions
from levelhead.running._progress import ProgressStyle, choose_style, show_progress

__all__ = [
    "DATA_FOLDER",
    "Manifest",
    "ProgressStyle",
    "Run",
    "RunFolder",
    "ask",
    "choose_style",
    "hold_lock",
    "installed_versions",
    "json_text",
    "read_run",
    "score",
    "show_progress",
    "sigterm_as_interrupt",
    "write_whole",
]

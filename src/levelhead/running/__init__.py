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
from levelhead.running._parquet import write_parquet
from levelhead.running._progress import ProgressStyle, choose_style, show_progress
from levelhead.running.generation._replies import (
    FaultyReply,
    ReplyFault,
    first_fault,
    json_schema_of,
    read_object,
)
from levelhead.running.generation._table import TableRow, read_table, write_table, write_text
from levelhead.running.generation._writer import SECOND_TRY, ObjectWriter
from levelhead.running.remote import fetched, is_address, staged

__all__ = [
    "DATA_FOLDER",
    "SECOND_TRY",
    "FaultyReply",
    "Manifest",
    "ObjectWriter",
    "ProgressStyle",
    "ReplyFault",
    "Run",
    "RunFolder",
    "TableRow",
    "ask",
    "choose_style",
    "fetched",
    "first_fault",
    "hold_lock",
    "installed_versions",
    "is_address",
    "json_schema_of",
    "json_text",
    "read_object",
    "read_run",
    "read_table",
    "score",
    "show_progress",
    "sigterm_as_interrupt",
    "staged",
    "write_parquet",
    "write_table",
    "write_text",
    "write_whole",
]

"""Where the audit log lies, when a file of it is full, and what happens when it cannot be written."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """The part `audit` of the gateway's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="Folder of the log files; it is made if it is not there.")
    content: bool = Field(
        default=False,
        description="Keep the texts themselves. Without it the log holds hashes, categories and scores.",
    )
    on_failure: Literal["serve", "refuse"] = Field(
        default="serve",
        description="When a decision cannot be recorded: go on, count and warn; or refuse requests.",
    )
    max_file_bytes: int = Field(
        default=256 * 2**20, ge=2**16, description="Size at which the next file is begun, in bytes."
    )
    max_file_days: float = Field(
        default=30.0, gt=0, description="Age at which the next file is begun, in days."
    )
    keep_files: int | None = Field(
        default=None, ge=1, description="How many files are kept, the newest ones; all if not given."
    )
    queue_rows: int = Field(
        default=10_000, ge=1, description="How many rows may wait to be written; more cannot be recorded."
    )
    queue_bytes: int = Field(
        default=64 * 2**20, ge=1, description="How many bytes of rows may wait to be written."
    )
    retry_seconds: float = Field(
        default=1.0, gt=0, description="Pause before rows that could not be written are tried again."
    )
    synchronous: Literal["normal", "full"] = Field(
        default="normal",
        description="SQLite's word: with full, rows survive a loss of power; with normal, the death of the "
        "process.",
    )

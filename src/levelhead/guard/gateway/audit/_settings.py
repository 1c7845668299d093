"""Where the audit log is kept, how long, and what happens when it cannot be written."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from levelhead.errors import UsageError

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_OF_FILES = ("max_file_bytes", "max_file_days", "keep_files", "synchronous")
_OF_DATABASES = ("keep_days", "keep_content_days", "replica")


@dataclass(frozen=True, slots=True)
class AuditDatabase:
    """A database that keeps an audit log, by the name of the variable that holds its address.

    The address itself, which may hold a password, is read where the database is opened and kept nowhere else.

    Attributes:
        env: The environment variable.

    Raises:
        UsageError: If this can be no variable, but perhaps an address with a password.
    """

    env: str

    def __post_init__(self) -> None:
        if not re.fullmatch(_VARIABLE, self.env):
            raise UsageError(
                "A database is told by the name of an environment variable that holds its address, such as "
                "LEVELHEAD_AUDIT_DATABASE; what was given is no such name."
            )

    def __str__(self) -> str:
        return f"the database of {self.env}"

    def address(self) -> str:
        """The address of the database.

        Raises:
            UsageError: If the variable is not set.
        """
        if not (address := os.environ.get(self.env, "").strip()):
            raise UsageError(
                f"The environment variable {self.env} must hold the address of the database for the audit "
                "log, such as postgresql+psycopg://USER:PASSWORD@HOST/NAME"
            )
        return address


class AuditSettings(BaseModel):
    """The part `audit` of the gateway's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = Field(
        default=None,
        description="Folder of the log files; it is made if it is not there. Either this or `database_env`.",
    )
    database_env: str | None = Field(
        default=None,
        pattern=_VARIABLE,
        description="Environment variable with the address of a PostgreSQL database (extra `postgres`) that "
        "keeps the log of all replicas: postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
    )
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
    keep_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Days that rows are kept in a database; for good if not given.",
    )
    keep_content_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Days that texts are kept in a database; as long as their rows if not given.",
    )
    replica: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of this gateway in the rows that it writes to a database; that of the machine if "
        "not given.",
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

    @model_validator(mode="after")
    def _one_kind_of_place(self) -> Self:
        if (self.folder is None) == (self.database_env is None):
            raise ValueError("give exactly one of folder and database_env")
        kind, others = ("a folder", _OF_DATABASES) if self.database_env is None else ("a database", _OF_FILES)
        if strange := [name for name in others if name in self.model_fields_set]:
            raise ValueError(f"{' and '.join(strange)} cannot be set for a log in {kind}: leave it out")
        return self

    @property
    def place(self) -> Path | AuditDatabase:
        """Where the log is kept."""
        if self.folder is not None:
            return self.folder
        return AuditDatabase(self.database_env or "")

    @property
    def replica_name(self) -> str | None:
        """How rows name the gateway that writes them; None in files, which one gateway alone writes."""
        if self.database_env is None:
            return None
        return self.replica or socket.gethostname()
